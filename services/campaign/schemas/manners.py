"""How a campaign sends: when, how fast, within which hours, to whom not, and what counts as its success."""

from __future__ import annotations

import builtins
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, NaiveDatetime, StringConstraints, model_validator

from services.campaign.schemas.words import Channel, Line, Wall
from shared.schemas import Input, Instant, Output

LONGEST = timedelta(days=90)
"""A conversion further away than this is nobody's merit."""
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Time(Input):
    """When a manual campaign goes out: `at` an instant, or at a `local` time of day and date in each viewer's zone."""

    at: Instant | None = Field(None, description="An instant", examples=["2026-11-27T09:00:00Z"])
    local: NaiveDatetime | None = Field(
        None,
        description="Without an offset: the zone is the viewer's trait `timezone`, else what his last events said, else"
        " the installation's",
        examples=["2026-11-27T19:30:00"],
    )

    @model_validator(mode="after")
    def _one(self) -> Time:
        if (self.at is None) == (self.local is None):
            raise ValueError("give exactly one of at, local; leave time out to send at once")
        return self


class QuietHours(Input):
    """Times of day at which nothing is sent, in the viewer's zone; they may go over midnight."""

    begin: Wall = Field(alias="from", examples=["22:00"])
    end: Wall = Field(alias="to", examples=["08:00"])

    @model_validator(mode="after")
    def _some(self) -> QuietHours:
        if self.begin == self.end:
            raise ValueError('from and to are the same time: say "none" for no quiet hours')
        return self


Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "contains", "exists"]


class Where(Input):
    """A condition on a property of the event: exactly one operator. A missing value fits `exists: false` only."""

    property: Line
    eq: str | float | bool | None = None
    ne: str | float | bool | None = None
    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None
    in_: list[str | float | bool] | None = Field(None, alias="in", min_length=1, max_length=200)
    contains: str | None = None
    exists: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> Where:
        if len(self._given()) != 1:
            raise ValueError("needs exactly one of eq, ne, gt, gte, lt, lte, in, contains, exists")
        return self

    def _given(self) -> dict[str, Any]:
        said = self.model_dump(by_alias=True, exclude={"property"})
        return {name: value for name, value in said.items() if value is not None}

    @builtins.property  # its own name is a field here
    def condition(self) -> tuple[str, str, Any]:
        """(property, operator, operand)."""
        [(operator, operand)] = self._given().items()
        return self.property, operator, operand


class Conversion(Input):
    """The event that a campaign is for."""

    event: Line = Field(examples=["Order Completed"])
    where: list[Where] = Field(default_factory=list, max_length=10)
    within: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,4}[mhdw]$")] = Field(
        "7d", description="How long after the message it counts: 30m, 12h, 7d, 2w; at most 90 days"
    )
    value: Line | None = Field(None, description="Property whose number is added up", examples=["revenue"])

    @model_validator(mode="after")
    def _short(self) -> Conversion:
        if self.length > LONGEST:
            raise ValueError("within is at most 90d")
        return self

    @property
    def length(self) -> timedelta:
        """`within` as a length of time."""
        return timedelta(**{_UNITS[self.within[-1]]: int(self.within[:-1])})


class Manners(Input):
    """How messages leave. Everything has a default that is polite."""

    time: Time | None = Field(None, description="Manual campaigns: when; at once if absent")
    quiet_hours: QuietHours | Literal["none"] | None = Field(None, description="The installation's if absent")
    rate: float | None = Field(None, ge=0.1, le=10_000, description="Messages per second; unlimited if absent")
    transactional: bool = Field(False, description="Not marketing: no cap, no quiet hours, no hold-out")
    holdout: float = Field(0.0, ge=0, le=0.5, description="Share of viewers who get nothing, to compare with")
    conversion: Conversion | None = None
    tracking: bool = Field(True, description="Count opens and clicks")

    @model_validator(mode="after")
    def _fits(self) -> Manners:
        if self.transactional and (self.holdout or isinstance(self.quiet_hours, QuietHours)):
            raise ValueError("a transactional campaign has neither hold-out nor quiet hours")
        return self


class Hours(Output):
    """Times of day on the viewer's clock; over midnight when `to` is the earlier one."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)

    begin: str = Field(serialization_alias="from")
    end: str = Field(serialization_alias="to")


class ChannelShown(Output):
    """Where messages of a channel go, and whether they can leave now."""

    channel: Channel
    goes_to: Literal["provider", "sink", "inbox"] | None = Field(
        description="`sink`: nothing is sent, /v1/outbox shows what would have been; null: they wait, nothing is set up"
    )
    host: str | None = Field(description="Of the provider")
    ready: bool
    reason: str | None


class MannersInEffect(Output):
    """What holds for campaigns that say nothing else."""

    quiet_hours: Hours | None
    zone: str = Field(description="Of viewers of whom no zone is known")
    cap: int | None = Field(description="Marketing messages per viewer in `cap_days`; null: no cap")
    cap_days: int
    approve_own: bool
    mail_from: str
    public_url: str
    one_click: bool = Field(
        description="Whether viewers' mail programs can offer one click to unsubscribe: RFC 8058 asks for https"
    )
    channels: list[ChannelShown]
