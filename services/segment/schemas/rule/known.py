"""What a rule can ask of who a viewer is: his traits, tags, scores and consent, where he belongs."""

from __future__ import annotations

from typing import Any

from pydantic import Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from services.segment.schemas.rule.comparisons import OPERATORS, Bounds, Comparison, Node, exactly_one, example, refused
from services.segment.schemas.rule.values import Channel, Key, Name, Number, Range, Share


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
