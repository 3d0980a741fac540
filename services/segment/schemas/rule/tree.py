"""The tree of a rule: groups over leaves, and the ways to walk it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from services.segment.schemas.rule.comparisons import MOVING, Node, example, refused
from services.segment.schemas.rule.known import Bucket, Consent, Has, InSegment, Score, Tagged, Trait
from services.segment.schemas.rule.measures import Did
from services.segment.schemas.rule.occurrences import First, Last, Regularly, Restarted, Stopped
from services.segment.schemas.rule.sequences import Sequence
from services.segment.schemas.rule.values import Duration

Path: TypeAlias = tuple[str | int, ...]
Leaf: TypeAlias = (
    Trait
    | Tagged
    | Score
    | Consent
    | Has
    | Did
    | First
    | Last
    | Sequence
    | Regularly
    | Stopped
    | Restarted
    | InSegment
    | Bucket
)


class AllOf(Node):
    """Every rule in it holds."""

    model_config = example({"all": [{"trait": "age", "gte": 18}, {"has": "email"}]})

    all: Annotated[list[Rule], Field(min_length=1)]


class AnyOf(Node):
    """At least one rule in it holds."""

    model_config = example({"any": [{"tag": "anime"}, {"tag": "manga"}]})

    any: Annotated[list[Rule], Field(min_length=1)]


class Negated(Node):
    """The rule in it does not hold."""

    model_config = example({"not": {"did": "Order Completed", "within": "30d"}})

    not_: Rule = Field(alias="not")


class HasBeen(Node):
    """The rule in it holds, and what it rests on has been so for at least this long.

    It is made of trait, tag, consent and in_segment, `not` of one of them, and `all`: of these it is known since when.
    """

    model_config = example({"has_been": {"trait": "plan", "eq": "vip"}, "for": "30d"})

    has_been: Rule
    for_: Duration = Field(alias="for")

    @model_validator(mode="after")
    def _has_since(self) -> HasBeen:
        for path, node in walk(self.has_been):
            if isinstance(node, AllOf) or (isinstance(node, Negated) and not isinstance(node.not_, AllOf | Negated)):
                continue
            if why := _undated(node):
                raise refused(self, why, "has_been", *path)
        return self


def _undated(node: Any) -> str | None:
    """Why it is not known since when this part holds; None if it is."""
    remedy = "save it as a segment and ask in_segment"
    if not isinstance(node, Trait | Tagged | Consent | InSegment):
        return f"is nothing of which has_been knows since when: {remedy}"
    if isinstance(node, Tagged) and node.weight:
        return f"has a weight, of which has_been does not know since when: {remedy}"
    if isinstance(node, Trait) and node.operator in MOVING:
        return f"changes with time ({node.operator}): {remedy}"
    return None


KINDS: dict[str, type[Any]] = {
    "all": AllOf,
    "any": AnyOf,
    "not": Negated,
    "trait": Trait,
    "tag": Tagged,
    "score": Score,
    "consent": Consent,
    "has": Has,
    "did": Did,
    "first": First,
    "last": Last,
    "sequence": Sequence,
    "regularly": Regularly,
    "stopped": Stopped,
    "restarted": Restarted,
    "has_been": HasBeen,
    "in_segment": InSegment,
    "bucket": Bucket,
}
"""What a node of a rule can be; the field of that name says which it is."""
_TAGS = {model: f"<{kind}>" for kind, model in KINDS.items()}


def _kind(node: Any) -> str | None:
    if isinstance(node, dict):
        return next((f"<{kind}>" for kind in KINDS if kind in node), None)
    return _TAGS.get(type(node))


# Tags stand in angle brackets, so that the door can take them out of the paths of errors again.
Rule: TypeAlias = Annotated[
    Annotated[AllOf, Tag("<all>")]
    | Annotated[AnyOf, Tag("<any>")]
    | Annotated[Negated, Tag("<not>")]
    | Annotated[Trait, Tag("<trait>")]
    | Annotated[Tagged, Tag("<tag>")]
    | Annotated[Score, Tag("<score>")]
    | Annotated[Consent, Tag("<consent>")]
    | Annotated[Has, Tag("<has>")]
    | Annotated[Did, Tag("<did>")]
    | Annotated[First, Tag("<first>")]
    | Annotated[Last, Tag("<last>")]
    | Annotated[Sequence, Tag("<sequence>")]
    | Annotated[Regularly, Tag("<regularly>")]
    | Annotated[Stopped, Tag("<stopped>")]
    | Annotated[Restarted, Tag("<restarted>")]
    | Annotated[HasBeen, Tag("<has_been>")]
    | Annotated[InSegment, Tag("<in_segment>")]
    | Annotated[Bucket, Tag("<bucket>")],
    Discriminator(_kind),
]

for _model in (AllOf, AnyOf, Negated, HasBeen):
    _model.model_rebuild()


def children(rule: Rule) -> list[tuple[Path, Rule]]:
    """What a group is made of, each with its place in it; nothing for a leaf."""
    match rule:
        case AllOf():
            return [(("all", place), child) for place, child in enumerate(rule.all)]
        case AnyOf():
            return [(("any", place), child) for place, child in enumerate(rule.any)]
        case Negated():
            return [(("not",), rule.not_)]
        case HasBeen():
            return [(("has_been",), rule.has_been)]
    return []


def walk(rule: Rule, path: Path = ()) -> Iterator[tuple[Path, Rule]]:
    """Every part of a rule with its path, groups before what is in them, from left to right."""
    yield path, rule
    for place, child in children(rule):
        yield from walk(child, (*path, *place))


def leaves(rule: Rule) -> Iterator[Leaf]:
    """Every leaf of a rule from left to right, those inside has_been too."""
    return (node for _, node in walk(rule) if not isinstance(node, AllOf | AnyOf | Negated | HasBeen))


def plain(rule: Node) -> dict[str, Any]:
    """The rule as JSON, exactly what was given: defaults stay unwritten."""
    return rule.model_dump(by_alias=True, exclude_unset=True)
