"""Funnels: how many viewers go all the way through some events, where they drop out, and how long it takes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.segment.schemas.insights.common import Asked, Happening, Part, PartOutput, Saved, Split, Told
from services.segment.schemas.rule.comparisons import example
from services.segment.schemas.rule.values import Duration
from shared.schemas import Input, Output


class FunnelInput(Asked):
    """Ordered steps. The first one lies in the time that is asked for, the others within `window` after it."""

    model_config = example(
        {
            "steps": [
                {"event": "Content Shown"},
                {"event": "Content Opened"},
                {"event": "Content Liked", "where": [{"property": "category", "eq": "anime"}]},
            ],
            "window": "1d",
            "within": "30d",
        }
    )

    steps: Annotated[list[Happening], Field(min_length=2, max_length=10)]
    window: Duration = Field("7d", description="From the first step to the last one at most so long")
    strict: bool = Field(False, description="Nothing else of the viewer lies between two steps")
    split: Split | None = None


class FunnelCell(Input):
    """Those who reached a step (counted from 1), or who dropped out just before it."""

    step: Annotated[int, Field(ge=1, le=10)]
    outcome: Literal["reached", "dropped"] = "reached"
    split: Part | None = None


class FunnelViewers(Input):
    """A funnel as it was asked for (with the `as_of` of its answer), and one of its cells."""

    request: FunnelInput
    cell: FunnelCell


class FunnelSave(FunnelViewers, Saved):
    """A cell, and the segment to make of it."""


class StepOutput(Output):
    """One step: how many reached it and how long it took them from the step before."""

    event: str
    viewers: int
    dropped: int = Field(description="Reached the step before, but not this one")
    of_first: float | None = Field(description="Share of those who began; null when nobody did")
    of_previous: float | None = Field(description="Share of those who reached the step before")
    median_seconds: float | None = Field(description="From the step before, over those who reached this one")
    small: bool = Field(description="Fewer than 30 viewers reached the step before: the shares are a small sample's")
    median_small: bool = Field(description="Fewer than 30 viewers reached this one: the median is a small sample's")


class FunnelLine(Output):
    """The steps of everybody, or of one part of the split."""

    split: PartOutput | None = None
    steps: list[StepOutput]


class FunnelOutput(Told):
    """A funnel; the first line is everybody, then come the parts of the split."""

    lines: list[FunnelLine]
