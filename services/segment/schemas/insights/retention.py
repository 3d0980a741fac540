"""Retention: of those who began in a period, how many came back in each period after it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from services.segment.schemas.insights.common import Asked, Happening, Saved, Told
from services.segment.schemas.rule.comparisons import example
from shared.schemas import Input, Instant, Output


class RetentionInput(Asked):
    """Viewers by the period of their entry, and their returns. `from` is moved back to where its period begins."""

    model_config = example(
        {
            "entry": {"event": "Signed Up"},
            "returned": {"event": "Video Watched"},
            "by": "day",
            "periods": 7,
            "within": "14d",
            "zone": "Asia/Shanghai",
        }
    )

    entry: Happening
    returned: Happening = Field(description="The same event as entry makes it a repurchase")
    by: Literal["day", "week", "month"] = "day"
    periods: Annotated[int, Field(ge=1, le=60)] = Field(7, description="Periods after that of the entry")
    first_ever: bool = Field(False, description="The entry is the first such event ever, not the first since from")
    or_after: bool = Field(False, description="Came back in the period or in any after it, up to as_of")


class RetentionCell(Input):
    """Those who entered in the period that begins then; of them those who came back so many periods later.

    Without `start` it is a share: all cohorts together for which the period is over.
    """

    start: Instant | None = Field(None, description="Beginning of a period of entry; absent: all of them")
    period: Annotated[int, Field(ge=0, le=60, description="0: all who entered")]
    returned: bool = Field(True, description="false: those who did not come back then")


class RetentionViewers(Input):
    """A retention as it was asked for (with the `as_of` of its answer), and one of its cells."""

    request: RetentionInput
    cell: RetentionCell


class RetentionSave(RetentionViewers, Saved):
    """A cell, and the segment to make of it."""


class Cohort(Output):
    """Who entered in one period, and how many of them returned in the 1st, 2nd, … period after it."""

    start: datetime
    size: int
    returned: list[int | None] = Field(description="null: the period has not begun by as_of")
    partial: int | None = Field(description="The number of the period that as_of lies in, when it is among these")
    small: bool = Field(description="Fewer than 30 viewers entered: the shares are a small sample's")


class RetentionOutput(Told):
    """One line for each period of entry, and the shares of all together in periods that are over for them."""

    cohorts: list[Cohort]
    shares: list[float | None] = Field(description="Returned of entered, over the cohorts whose period is over")
    entered: list[int] = Field(description="Viewers behind each share")
