"""Shapes of the export of one person."""

from __future__ import annotations

from pydantic import Field

from shared.schemas import Input


class PersonWanted(Input):
    """Whose data to hand out."""

    ref: str = Field(min_length=1, max_length=600, description="A profile id, or namespace:value")
