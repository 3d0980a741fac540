"""What all insights share: whose events, of which time, how they are split, and how a cell is saved."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from services.segment.schemas.rule import Where, WholeRule
from services.segment.schemas.rule.values import Duration, EventName, Instant, Key, Name, Scalar, Value, Zone, instant
from services.segment.schemas.segments import EARLIEST, LATEST, Title
from services.segment.schemas.segments import Key as SegmentKey
from shared.schemas import Input, Output

TOP = 10
MAX_TOP = 50

Wheres = Annotated[list[Where], Field(max_length=10, description="What the events must be like; all of it")]


class Happening(Input):
    """An event, and what it must be like."""

    event: EventName
    where: Wheres = Field(default_factory=list)


class Asked(Input):
    """Which time and whose: `from` ≤ time < `to`, or the time `within` before `as_of` (30 days, if neither is said)."""

    within: Duration | None = Field(None, description="So long before as_of")
    from_: Instant | None = Field(None, alias="from", description="From this day or instant on")
    to: Instant | None = Field(None, description="Up to this day or instant; as_of if absent")
    zone: Zone = Field("UTC", description="Where days begin")
    as_of: Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)] | None = Field(
        None, description="The instant of asking; now if absent. Send back the one of the answer to see its viewers"
    )
    segment: Key | None = Field(None, description="Only viewers of this segment")
    rule: WholeRule | None = Field(None, description="Only viewers for whom this rule holds")

    @model_validator(mode="after")
    def _one_time(self) -> Asked:
        if self.within is not None and (self.from_ is not None or self.to is not None):
            raise PydanticCustomError("time", "within cannot stand beside from or to")
        if self.to is not None and self.from_ is None:
            raise PydanticCustomError("time", "to needs a from")
        start, end = self.start, self.end
        if start is not None and end is not None and start >= end:
            raise PydanticCustomError("time", "to must be later than from")
        return self

    @property
    def start(self) -> datetime | None:
        """The instant of `from`, when it is said."""
        return instant(self.from_, self.zone) if self.from_ is not None else None

    @property
    def end(self) -> datetime | None:
        """The instant of `to`, when it is said."""
        return instant(self.to, self.zone) if self.to is not None else None


class Split(Input):
    """Told apart by one of these: a property of the event, a trait of the viewer, or being in a segment."""

    property: Name | None = Field(None, description="A property of the event; of a funnel, of its first step")
    trait: Name | None = None
    segment: Key | None = Field(None, description="In this segment (true) or not (false)")
    top: Annotated[int, Field(ge=1, le=MAX_TOP)] = Field(TOP, description="The most frequent values; the rest is other")

    @model_validator(mode="after")
    def _one_kind(self) -> Split:
        if sum(one is not None for one in (self.property, self.trait, self.segment)) != 1:
            raise PydanticCustomError("split", "needs exactly one of property, trait, segment")
        return self


class Part(Input):
    """Which part of a split: a value, everything beyond the top values, or no value (or none that can be told)."""

    value: Value | None = None
    other: Literal[True] | None = None
    missing: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Part:
        if sum(one is not None for one in (self.value, self.other, self.missing)) != 1:
            raise PydanticCustomError("part", "needs exactly one of value, other, missing")
        return self


class PartOutput(Output):
    """Which part of a split a line is of; send it back in a cell."""

    value: Scalar | None = None
    other: Literal[True] | None = None
    missing: Literal[True] | None = None


class Told(Output):
    """What every answer says about itself."""

    as_of: datetime = Field(description="The instant it was true at; send it back to see the viewers of a cell")
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    zone: str


class ViewersOutput(Output):
    """The viewers behind a cell, by profile_id."""

    count: int
    profile_ids: list[int]
    next: str | None = Field(None, description="Cursor of the following page")


class Saved(Input):
    """How a cell is saved: as a list of those who are in it now, or as a rule that stays true."""

    key: SegmentKey
    name: Title
    as_: Literal["list", "rule"] = Field("list", alias="as", description="rule: refused where no rule can say it")
