"""Windows of time, looked at from the instant of asking."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from services.segment.schemas.rule.comparisons import Node, refused
from services.segment.schemas.rule.values import Ago, Duration, Instant, Zone, instant

Calendar = Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_year"]


class Windowed(Node):
    """At most one window of time before the instant T of asking; without one, all time up to T."""

    within: Duration | None = Field(None, description="T - within < time <= T")
    between: Ago | None = Field(None, description="T - first < time <= T - second")
    from_: Instant | None = Field(None, alias="from", description="from <= time")
    to: Instant | None = Field(None, description="time < to")
    calendar: Calendar | None = Field(None, description="A local day, week (from Monday), month or year")
    zone: Zone | None = Field(None, description="Where days begin, for calendar, from and to; UTC if absent")

    @model_validator(mode="after")
    def _one_window(self) -> Windowed:
        given = self.given("within", "between", "from", "to", "calendar")
        if len(given) > 1 and given != ["from", "to"]:
            raise refused(self, f"cannot stand beside {given[0]!r}: one window at most", given[1])
        if "zone" in self.model_fields_set and not self.given("from", "to", "calendar"):
            raise refused(self, "goes with calendar, from or to only", "zone")
        if given == ["from", "to"] and self.start >= self.end:
            raise refused(self, "must be later than from", "to")
        return self

    @property
    def where_days(self) -> str:
        """The zone of its days."""
        return self.zone or "UTC"

    @property
    def start(self) -> Any:
        """The instant of `from`, or None."""
        return instant(self.from_, self.where_days) if self.from_ else None

    @property
    def end(self) -> Any:
        """The instant of `to`, or None."""
        return instant(self.to, self.where_days) if self.to else None
