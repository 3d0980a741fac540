"""Shapes of tags at profile's HTTP door."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.schemas import Input, Instant, Output

SLUG = r"^[\w]+(?:[-_.:][\w]+)*$"
"""Letters of any script and digits, with single - _ . : between them: a tag may be named 动漫."""

Kind = Literal["manual", "rule", "imported", "interest"]
State = Literal["trial", "in_use", "deleted"]
Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
LONGEST_LIFE = 36_500 * 86_400
"""Seconds: a hundred years. The end of a longer one may fall out of the calendar."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds(duration: str) -> int:
    """Seconds of a duration like `30d`."""
    return int(duration[:-1]) * UNITS[duration[-1]]


def _bounded(duration: str) -> str:
    if seconds(duration) > LONGEST_LIFE:
        raise ValueError("at most a hundred years (36500d); leave it out for good")
    return duration


Lifetime = Annotated[
    str,
    StringConstraints(pattern=r"^[1-9][0-9]{0,7}[smhdw]$"),
    AfterValidator(_bounded),
    Field(description="A whole number and a unit of s, m, h, d or w", examples=["30d"]),
]


class TagRule(Input):
    """Who has a tag by rule: the members of a segment, as they come and go."""

    segment: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Interest(Input):
    """What a viewer must care for, and how much, to have a tag: the same weights and shares as in his portrait."""

    tags: Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=64)]], Field(max_length=50)] = Field(
        [], description="Interests that count together; if empty, the one that is named like the tag's key"
    )
    share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        0.1, description="Of all his interests, at least this part; it is also the weight he has the tag with"
    )
    weight: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] = Field(
        0.5, description="At least this much, faded as it is now: a like counts 1 when new, 0.5 a half-life later"
    )


class TagInput(Input):
    """What a tag means."""

    name: Title
    kind: Kind = Field("manual", description="How viewers get it; it cannot change later")
    rule: TagRule | None = Field(None, description="For kind rule only")
    interest: Interest | None = Field(None, description="For kind interest only; if absent, its defaults")
    weight: Weight = Field(1.0, description="Weight of an assignment that names none")
    expires_after: Lifetime | None = Field(
        None, description="How long an assignment lasts that names no end; null: for good"
    )

    @model_validator(mode="after")
    def _rule_of_rule(self) -> TagInput:
        if (self.kind == "rule") != (self.rule is not None):
            raise ValueError("a tag of kind rule, and no other, needs rule")
        if self.kind == "rule" and self.expires_after is not None:
            raise ValueError("a tag by rule ends when its viewer leaves the segment: it has no expires_after")
        if self.kind != "interest" and self.interest is not None:
            raise ValueError("only a tag of kind interest has interest")
        if self.kind == "interest" and self.expires_after is not None:
            raise ValueError("a tag of kind interest ends when the interest has faded: it has no expires_after")
        return self


class TagOutput(Output):
    """A tag. Only tags in use are told to other services, and can be asked about in rules of segments."""

    key: str
    name: str
    kind: Kind
    state: State
    rule: TagRule | None
    interest: Interest | None
    weight: float
    expires_after: str | None
    size: int = Field(
        description="Viewers who have it; of more than ten thousand, as counted up to a minute or so before"
    )
    filling: bool = Field(description="The members of its segment are still being taken over")
    problem: str | None = Field(description="Why its rule is not followed any more")
    created_at: datetime
    updated_at: datetime


class AssignmentInput(Input):
    """How a viewer gets a tag."""

    weight: Weight | None = None
    expires_at: Instant | None = Field(None, description="If absent, as the tag says")


class HeldTag(Output):
    """A tag of a viewer, from one source; the same tag may come by several of his identities."""

    key: str
    name: str
    kind: Kind
    state: State
    weight: float
    source: str = Field(description="operator:<key>, import:<…>, interest, or rule:<segment>")
    since: datetime
    expires_at: datetime | None
    origin: str | None = Field(description="The identity it was given to; absent for a tag by rule")


class BulkInput(Input):
    """Whom to give a tag."""

    refs: Annotated[list[Annotated[str, StringConstraints(max_length=600)]], Field(min_length=1, max_length=1000)]
    weight: Weight | None = None
    expires_at: Instant | None = None


class RefError(Output):
    """A ref that did not get the tag."""

    field: str
    ref: str
    message: str


class BulkOutput(Output):
    """How many viewers got the tag, and which refs did not."""

    assigned: int
    errors: list[RefError]


class AdoptInput(Input):
    """Take a tag into use."""

    goal: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="Event by which the sample is judged too; without it only by its size"
    )
    days: Annotated[int, Field(ge=1, le=366)] = 30
    force: bool = Field(False, description="Even though the sample is too small")


class Rate(Output):
    """A share of viewers, with its 95 % interval (Wilson)."""

    count: int
    of: int
    value: float
    low: float
    high: float


class Between(Output):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class GoalOutput(Output):
    """How viewers with and without the tag reach a goal: whether the tag goes with it, not whether it causes it.

    Of who has the tag counts what he did since he has it: who just got it had little time.
    """

    event: str
    days: int
    tagged: Rate
    untagged: Rate
    difference: Between = Field(description="tagged - untagged, interval by Newcombe 1998, method 10")
    lift: Between | None = Field(description="tagged / untagged, log interval by Katz 1978; absent where one is zero")


class Correlation(Output):
    """How far another tag goes with this one: phi, from -1 to 1."""

    key: str
    both: int
    phi: float | None


class ValidationOutput(Output):
    """What a sample says about a tag."""

    key: str
    state: State
    coverage: Rate = Field(description="Viewers who have it, of all")
    goal: GoalOutput | None
    correlations: list[Correlation] = Field(description="With other tags, the strongest first")
    small_sample: bool = Field(description="A cell has fewer than 30 viewers: what is said here may be chance")
    warnings: list[str]
    at: datetime
