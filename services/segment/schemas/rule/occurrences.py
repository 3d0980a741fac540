"""When a viewer did something: first or last, regularly, no more, or again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictInt, model_validator

from services.segment.schemas.rule.comparisons import Node, Wheres, example, refused
from services.segment.schemas.rule.values import MAX_DAYS, Duration, EventName, seconds
from services.segment.schemas.rule.windows import Windowed

MAX_PERIODS = 1000


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
