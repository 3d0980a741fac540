"""Shapes of key management at profile's HTTP door."""

from __future__ import annotations

from pydantic import Field

from shared.schemas import Output


class Rewrapping(Output):
    """A rewrapping that has begun."""

    job_id: int
    keys: int = Field(description="Data keys that are wrapped with another secret")
