"""What a rule can ask about a viewer: his traits, tags, scores and consent, what he did and when, where he belongs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from services.segment.schemas.rule.comparisons import (
    OPERATORS,
    Bounds,
    Comparison,
    Node,
    Times,
    Where,
    exactly_one,
    refused,
)
from services.segment.schemas.rule.values import (
    MAX_DAYS,
    MAX_TIMES,
    Ago,
    Channel,
    Duration,
    EventName,
    Instant,
    Key,
    Name,
    Number,
    Range,
    Share,
    Zone,
    instant,
    seconds,
)

MAX_WHERE = 10
MAX_STEPS = 10
MAX_WITHOUT = 5
MAX_PERIODS = 1000

Wheres = Annotated[list[Where], Field(max_length=MAX_WHERE)]


def example(*examples: dict[str, Any], extra: dict[str, Any] | None = None) -> ConfigDict:
    """A model with these examples, and more for its JSON Schema."""
    return ConfigDict(json_schema_extra={**(extra or {}), "examples": list(examples)})


class Trait(Comparison):
    """A trait of the viewer compares so."""

    model_config = example(
        {"trait": "age", "gte": 18}, {"trait": "birthday", "anniversary": "today"}, extra=exactly_one(*OPERATORS)
    )

    trait: Name


class Weight(Bounds):
    """How much a tag holds, from 0 to 1; all the bounds that are given hold."""


class Tagged(Node):
    """The viewer has this tag, and the tag is in use. A tag that is not, or that nobody knows, is nobody's."""

    model_config = example({"tag": "anime"}, {"tag": "anime", "weight": {"gte": 0.5}})

    tag: Name
    weight: Weight | None = None


class Score(Node):
    """A score of the viewer compares so; without the score every comparison is false."""

    model_config = example(
        {"score": "churn", "gte": 0.7}, extra=exactly_one("gt", "gte", "lt", "lte", "between", "eq", "exists")
    )

    score: Name
    gt: Number | None = None
    gte: Number | None = None
    lt: Number | None = None
    lte: Number | None = None
    between: Range | None = None
    eq: Number | None = None
    exists: StrictBool | None = None

    @model_validator(mode="after")
    def _one_operator(self) -> Score:
        if len(self.given(*SCORES)) != 1:
            raise PydanticCustomError("operator", "needs exactly one of {known}", {"known": ", ".join(SCORES)})
        return self

    @property
    def operator(self) -> str:
        """Which operator it is."""
        return self.given(*SCORES)[0]

    @property
    def operand(self) -> Any:
        """What the score is compared with."""
        return getattr(self, self.operator)


SCORES = ("gt", "gte", "lt", "lte", "between", "eq", "exists")


class Consent(Node):
    """The viewer agreed to this purpose; with `"is": false`, he refused it. Who was never asked did neither."""

    model_config = example({"consent": "email"}, {"consent": "marketing", "is": False})

    consent: Name
    is_: StrictBool | None = Field(None, alias="is", description="false: explicitly refused")

    @property
    def answer(self) -> bool:
        """What he must have said."""
        return self.is_ is not False


class Has(Node):
    """The viewer can be reached by this channel."""

    model_config = example({"has": "email"})

    has: Channel


Calendar = Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_year"]
WINDOWS = ("within", "between", "from", "calendar")


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


class _Occurrence(Windowed):
    where: Wheres = Field(default_factory=list, description="Which events count")
    having: Wheres = Field(default_factory=list, description="What the one that is found must be like")


class First(_Occurrence):
    """The first event ever of this name and these properties lies in the window, and is like `having`."""

    model_config = example({"first": "Order Completed", "within": "7d"})

    first: EventName


class Last(_Occurrence):
    """The last event up to now of this name and these properties lies in the window, and is like `having`."""

    model_config = example({"last": "Subscription Changed", "having": [{"property": "plan", "ne": "none"}]})

    last: EventName


class Step(Node):
    """One step of a sequence."""

    event: EventName
    where: Wheres = Field(default_factory=list)


class Sequence(Node):
    """The viewer did these events one after the other, each strictly later than the last one."""

    model_config = example(
        {
            "sequence": [{"event": "Content Opened"}, {"event": "Order Completed"}],
            "within": "5d",
            "gap": "1d",
            "same": "content_id",
            "without": [{"event": "Order Refunded"}],
        }
    )

    sequence: Annotated[list[Step], Field(min_length=2, max_length=MAX_STEPS)]
    within: Duration | None = Field(None, description="The whole chain lies in T - within < time <= T")
    gap: Duration | None = Field(None, description="At most so long from one step to the next")
    same: Name | None = Field(None, description="A property that has one and the same value in all steps")
    without: Annotated[list[Step], Field(max_length=MAX_WITHOUT)] = Field(
        default_factory=list, description="Events that must not lie strictly between two neighbouring steps"
    )


class Regularly(Node):
    """Of the last `periods` periods of length `every`, counted back from now, `at_least` or more have such an event."""

    model_config = example({"regularly": "Signed In", "every": "1w", "periods": 4, "at_least": 3})

    regularly: EventName
    where: Wheres = Field(default_factory=list)
    every: Duration
    periods: Annotated[StrictInt, Field(ge=1, le=MAX_PERIODS)]
    at_least: Annotated[StrictInt, Field(ge=1, le=MAX_PERIODS)]

    @model_validator(mode="after")
    def _possible(self) -> Regularly:
        if self.at_least > self.periods:
            raise refused(self, "must not be more than periods", "at_least")
        if seconds(self.every) * self.periods > MAX_DAYS * 86_400:
            raise refused(self, f"reaches back more than {MAX_DAYS} days in all", "periods")
        return self


class Stopped(Node):
    """No such event in the last `quiet`, but some in the `before` before that."""

    model_config = example({"stopped": "Video Watched", "quiet": "14d", "before": "30d"})

    stopped: EventName
    where: Wheres = Field(default_factory=list)
    quiet: Duration
    before: Duration


class Restarted(Node):
    """Some such event in the last `recent`, none in the `quiet` before that, some in the `before` before that."""

    model_config = example({"restarted": "Video Watched", "recent": "7d", "quiet": "30d", "before": "60d"})

    restarted: EventName
    where: Wheres = Field(default_factory=list)
    recent: Duration
    quiet: Duration
    before: Duration


class InSegment(Node):
    """The viewer is in this segment."""

    model_config = example({"in_segment": "vip"})

    in_segment: Key


class Bucket(Node):
    """A stable random share of all viewers: from <= the bucket of his id under this salt < to."""

    model_config = example({"bucket": {"salt": "spring", "from": 0.0, "to": 0.1}})

    bucket: Slice


class Slice(Node):
    """A salt, and which part of [0, 1)."""

    salt: Name
    from_: Share = Field(alias="from")
    to: Share

    @model_validator(mode="after")
    def _some(self) -> Slice:
        if self.from_ >= self.to:
            raise refused(self, "must be greater than from", "to")
        return self


Bucket.model_rebuild()
