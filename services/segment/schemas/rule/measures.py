"""What a viewer did, how often or how much."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.segment.schemas.rule.comparisons import Node, Times, Wheres, exactly_one, example, refused
from services.segment.schemas.rule.values import MAX_TIMES, EventName, Name, Zone
from services.segment.schemas.rule.windows import Windowed

MEASURES = ("count", "sum", "avg", "min", "max", "distinct", "active_days")
WHOLE = ("count", "distinct", "active_days")


class Measure(Node):
    """What is measured over the events: exactly one of these."""

    model_config = example({"sum": "revenue"}, {"distinct": "content_id"}, extra=exactly_one(*MEASURES))

    count: Literal[True] | None = Field(None, description="How many events")
    sum: Name | None = Field(None, description="Sum of the numbers of a property; 0 of none")
    avg: Name | None = Field(None, description="Average of the numbers of a property; missing of none")
    min: Name | None = Field(None, description="Least number of a property; missing of none")
    max: Name | None = Field(None, description="Greatest number of a property; missing of none")
    distinct: Name | None = Field(None, description="How many different texts, numbers and booleans of a property")
    active_days: Literal[True] | None = Field(None, description="On how many local days there was an event")
    zone: Zone | None = Field(None, description="Where days begin, for active_days; UTC if absent")

    @model_validator(mode="after")
    def _one_measure(self) -> Measure:
        if len(self.given(*MEASURES)) != 1:
            raise PydanticCustomError("measure", "needs exactly one of {known}", {"known": ", ".join(MEASURES)})
        if "zone" in self.model_fields_set and self.kind != "active_days":
            raise refused(self, "goes with active_days only", "zone")
        return self

    @property
    def kind(self) -> str:
        """Which measure it is."""
        return self.given(*MEASURES)[0]

    @property
    def of(self) -> str:
        """The property that is measured; empty for count and active_days."""
        what = getattr(self, self.kind)
        return what if isinstance(what, str) else ""


class Did(Windowed):
    """The viewer did this event, with these properties, so often (or so much), within this window."""

    model_config = example(
        {"did": "Content Liked", "where": [{"property": "category", "eq": "anime"}], "within": "3d"},
        {"did": "Order Completed", "measure": {"sum": "revenue"}, "times": {"gte": 1000}, "within": "30d"},
        {"did": "*", "times": {"lt": 1}, "within": "14d"},
    )

    did: EventName
    where: Wheres = Field(default_factory=list)
    measure: Measure = Field(default_factory=lambda: Measure(count=True))
    times: Times = Field(default_factory=lambda: Times(gte=1), description="At least 1 if absent")

    @model_validator(mode="after")
    def _whole_times(self) -> Did:
        if self.measure.kind in WHOLE:
            for name, bound in self.times.bounds:
                for one in bound if isinstance(bound, list) else [bound]:
                    if not isinstance(one, int):
                        message = f"must be a whole number: {self.measure.kind} has no others"
                        raise refused(self, message, "times", name)
                    if not 0 <= one <= MAX_TIMES:
                        raise refused(self, f"must be from 0 to {MAX_TIMES}", "times", name)
        return self
