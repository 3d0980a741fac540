"""Trends: how often, by whom and how much, hour by hour, day by day, week by week or month by month."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.segment.schemas.insights.common import Asked, Part, PartOutput, Saved, Split, Told, Wheres
from services.segment.schemas.rule.comparisons import example
from services.segment.schemas.rule.values import EventName, Name
from shared.schemas import Input, Instant, Output


class Amount(Input):
    """What is counted: events (if nothing is said), different viewers, or the sum or average of a property."""

    count: Literal[True] | None = None
    viewers: Literal[True] | None = None
    sum: Name | None = None
    avg: Name | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Amount:
        if sum(one is not None for one in (self.count, self.viewers, self.sum, self.avg)) != 1:
            raise PydanticCustomError("measure", "needs exactly one of count, viewers, sum, avg")
        return self

    @property
    def kind(self) -> str:
        """count, viewers, sum or avg."""
        return "count" if self.count else "viewers" if self.viewers else "sum" if self.sum is not None else "avg"

    @property
    def of(self) -> str | None:
        """The property that is summed or averaged."""
        return self.sum if self.sum is not None else self.avg


class TrendInput(Asked):
    """An event over time. `from` is moved back to where its hour, day, week or month begins."""

    model_config = example(
        {
            "event": "Content Liked",
            "measure": {"viewers": True},
            "by": "day",
            "within": "14d",
            "zone": "Asia/Shanghai",
            "split": {"property": "category", "top": 5},
            "compare": True,
        }
    )

    event: EventName
    where: Wheres = Field(default_factory=list)
    measure: Amount = Field(default_factory=lambda: Amount(count=True))
    by: Literal["hour", "day", "week", "month"] = "day"
    split: Split | None = None
    compare: bool = Field(False, description="Also the same number of periods just before")


class TrendCell(Input):
    """One number of a trend: the period that begins then (its total, if none does), of this part of the split."""

    start: Instant | None = Field(None, description="Beginning of a period; absent: the whole time, each once")
    previous: bool = Field(False, description="Without start: the whole time just before, when that is compared")
    split: Part | None = None

    @model_validator(mode="after")
    def _whole(self) -> TrendCell:
        if self.previous and self.start is not None:
            raise PydanticCustomError("previous", "goes without start: a period of the time before has its own start")
        return self


class TrendViewers(Input):
    """A trend as it was asked for (with the `as_of` of its answer), and one of its cells."""

    request: TrendInput
    cell: TrendCell


class TrendSave(TrendViewers, Saved):
    """A cell, and the segment to make of it."""


class Line(Output):
    """One line: a value and the viewers behind it for every period, in their order."""

    split: PartOutput | None = None
    values: list[float | None] = Field(description="null: an average of nothing")
    viewers: list[int]
    small: list[bool] = Field(description="Fewer than 30 viewers are behind it")
    total: float | None = Field(description="Of the whole time; of viewers, each counted once")
    total_viewers: int


class Periods(Output):
    """Periods and their lines. The last one is `partial` when it is cut short by `to`."""

    starts: list[datetime]
    partial: bool
    lines: list[Line]


class TrendOutput(Told, Periods):
    """A trend; the first line is everything together, then come the parts of the split."""

    previous: Annotated[Periods | None, Field(description="The same number of periods just before")] = None
