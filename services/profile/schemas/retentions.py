"""Shapes of retention at profile's HTTP door."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from shared.schemas import Input, Output


class NewRetention(Input):
    """How long to keep events of a type."""

    days: int = Field(ge=1, le=3650, description="After its own time an event is kept for so many days")


class Retention(Output):
    """How long events of a type are kept."""

    event: str = Field(description="Name of the event; * is every event that has no line of its own")
    days: int = Field(description="After its own time an event is kept for so many days")
    updated_at: datetime


class Retentions(Output):
    """What is not kept for ever, by event."""

    items: list[Retention]
