"""Shapes of erasures at profile's HTTP door."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from shared.schemas import Input, Output


class NewErasure(Input):
    """Whom to forget, and why."""

    ref: str = Field(min_length=1, max_length=600, description="A profile id, or namespace:value")
    reason: str = Field("asked by the viewer", min_length=1, max_length=500)


class Erasure(Output):
    """How far an erasure is."""

    id: int
    profile_id: int
    state: str = Field(description="running, until every service and every stream has forgotten; then finished")
    reason: str
    requested_by: str
    requested_at: datetime
    receipts: dict[str, Any] = Field(description="By service: rows by table that were removed or made nobody's")
    verification: dict[str, Any] | None = Field(description="What was looked for afterwards, and how much was found")
    dropped: int = Field(description="Events of his ids that came later and were dropped")
    finished_at: datetime | None
