"""Shapes of arrivals: viewers by the day they were first seen."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from shared.schemas import Output


class Arrived(Output):
    """One day."""

    day: date
    viewers: int = Field(description="First seen on that day, by the times of their own events")
    so_far: int = Field(description="Of these, before the time of day that it is now: to hold a part of today against")


class Arrivals(Output):
    """New viewers by day, the oldest first; today is not over."""

    zone: str
    days: list[Arrived]
    viewers: int = Field(description="All there are now")
