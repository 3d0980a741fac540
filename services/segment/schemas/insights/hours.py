"""Active hours: a heat map of weekdays and hours on the wall."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.segment.schemas.insights.common import Asked, Saved, Told, Wheres
from services.segment.schemas.rule.comparisons import example
from services.segment.schemas.rule.values import EventName
from shared.schemas import Input


class HoursInput(Asked):
    """When an event happens, by weekday and hour in `zone`; at most 366 days."""

    model_config = example({"event": "Video Watched", "within": "28d", "zone": "Asia/Shanghai"})

    event: EventName
    where: Wheres = Field(default_factory=list)


class HoursCell(Input):
    """An hour of the week."""

    weekday: Annotated[int, Field(ge=1, le=7, description="1 is Monday")]
    hour: Annotated[int, Field(ge=0, le=23)]


class HoursViewers(Input):
    """A heat map as it was asked for (with the `as_of` of its answer), and one of its cells."""

    request: HoursInput
    cell: HoursCell


class HoursSave(HoursViewers, Saved):
    """A cell, and the segment to make of it."""


class HoursOutput(Told):
    """Seven lines from Monday on, each of 24 hours."""

    count: list[list[int]] = Field(description="Events")
    viewers: list[list[int]] = Field(description="Different viewers; under 30 they are a small sample")
    small: list[list[bool]]
