"""What a viewer did one after the other."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.segment.schemas.rule.comparisons import Node, Wheres, example
from services.segment.schemas.rule.values import Duration, EventName, Name

MAX_STEPS = 10
MAX_WITHOUT = 5


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
