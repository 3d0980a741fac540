"""How a value is compared: the operators of traits, properties, scores, weights and measures."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictBool, Tag, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from services.segment.schemas.rule.values import (
    Choices,
    Days,
    Duration,
    Element,
    Instant,
    Name,
    Number,
    Range,
    Value,
    Words,
    Zone,
)
from shared.schemas import Input


class Node(Input):
    """A part of a rule: only its own fields, by their own names, and null is never meant."""

    model_config = ConfigDict(populate_by_name=False, frozen=True)

    @model_validator(mode="after")
    def _no_nulls(self) -> Node:
        for name in self.model_fields_set:
            if getattr(self, name) is None:
                raise PydanticCustomError("null", "{name} must not be null", {"name": name.rstrip("_")})
        return self

    def given(self, *names: str) -> list[str]:
        """Which of these fields were written, by their own names."""
        return [name for name in names if name in self.model_fields_set or f"{name}_" in self.model_fields_set]

    def said(self, name: str) -> Any:
        """What was written in a field, by its own name."""
        return getattr(self, name if name in type(self).model_fields else f"{name}_")


def refused(node: BaseModel, message: str, *place: str | int) -> ValidationError:
    """An error at a place below a node."""
    problem = PydanticCustomError("rule", "{message}", {"message": message})
    return ValidationError.from_exception_data(
        type(node).__name__, [InitErrorDetails(type=problem, loc=place, input=None)]
    )


def exactly_one(*names: str) -> dict[str, Any]:
    """The JSON Schema of having one of these fields."""
    return {"oneOf": [{"required": [name]} for name in names]}


def example(*examples: dict[str, Any], extra: dict[str, Any] | None = None) -> ConfigDict:
    """A model with these examples, and more for its JSON Schema."""
    return ConfigDict(json_schema_extra={**(extra or {}), "examples": list(examples)})


class Upcoming(Node):
    """The anniversary falls on one of the next so many days, today the first of them."""

    within_next: Days


def _when(value: Any) -> str | None:
    if isinstance(value, dict | Upcoming):
        return "<upcoming>"
    return "<today>" if value == "today" else None


Anniversary = Annotated[
    Annotated[Literal["today"], Tag("<today>")] | Annotated[Upcoming, Tag("<upcoming>")],
    Discriminator(
        _when, custom_error_type="anniversary", custom_error_message='must be "today" or such as {"within_next": "7d"}'
    ),
]

VALUES = ("eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "between", "contains", "starts_with", "exists")
DATES = ("within", "within_next", "before", "after", "anniversary")
OPERATORS = (*VALUES, *DATES)
MOVING = ("within", "within_next", "anniversary")
"""Operators whose answer changes as time goes by."""


class Comparison(Node):
    """Exactly one operator. A missing value makes every comparison false, `ne` too; only `exists` asks about it."""

    operators: ClassVar[tuple[str, ...]] = OPERATORS
    model_config = ConfigDict(json_schema_extra=exactly_one(*OPERATORS))

    eq: Value | None = Field(None, description="Equal, and of the same kind: text, number or boolean")
    ne: Value | None = Field(None, description="There, and not equal")
    in_: Choices | None = Field(None, alias="in", description="One of these")
    not_in: Choices | None = Field(None, description="There, and none of these")
    gt: Number | None = Field(None, description="A number greater than this")
    gte: Number | None = Field(None, description="A number greater than or equal to this")
    lt: Number | None = Field(None, description="A number less than this")
    lte: Number | None = Field(None, description="A number less than or equal to this")
    between: Range | None = Field(None, description="A number from the first to the second, both included")
    contains: Element | None = Field(None, description="A part of a text, or an element of a list; case matters")
    starts_with: Words | None = Field(None, description="The beginning of a text; case matters")
    exists: StrictBool | None = Field(None, description="Whether there is a value at all")
    within: Duration | None = Field(None, description="A date in the last so long: T - within < value <= T")
    within_next: Duration | None = Field(None, description="A date in the next so long: T < value <= T + within_next")
    before: Instant | None = Field(None, description="A date before this instant")
    after: Instant | None = Field(None, description="A date after this instant")
    anniversary: Anniversary | None = Field(
        None, description="Month and day of a date come today, or in the next days", examples=[{"within_next": "7d"}]
    )
    zone: Zone | None = Field(None, description="Where days begin, for dates without a time; UTC if absent")

    @model_validator(mode="after")
    def _one_operator(self) -> Comparison:
        given = self.given(*OPERATORS)
        if len(given) != 1:
            raise PydanticCustomError("operator", "needs exactly one of {known}", {"known": ", ".join(self.operators)})
        if "zone" in self.model_fields_set and given[0] not in DATES:
            raise refused(self, f"goes with one of {', '.join(DATES)} only", "zone")
        return self

    @property
    def operator(self) -> str:
        """Which operator it is, as written: eq, in, between and so on."""
        return self.given(*OPERATORS)[0]

    @property
    def operand(self) -> Any:
        """What the value is compared with."""
        return self.said(self.operator)

    @property
    def where(self) -> str:
        """The zone of its days."""
        return self.zone or "UTC"


BOUNDS = ("eq", "ne", "gt", "gte", "lt", "lte", "between")


class Bounds(Node):
    """Bounds of a number; all that are given hold."""

    eq: Number | None = None
    ne: Number | None = None
    gt: Number | None = None
    gte: Number | None = None
    lt: Number | None = None
    lte: Number | None = None
    between: Range | None = Field(None, description="From the first to the second, both included")

    @model_validator(mode="after")
    def _some_bound(self) -> Bounds:
        if not self.model_fields_set:
            raise PydanticCustomError("times", "needs at least one of {known}", {"known": ", ".join(BOUNDS)})
        return self

    @property
    def bounds(self) -> list[tuple[str, Any]]:
        """Operator and number (for `between` the pair) of every bound that is given."""
        return [(name, getattr(self, name)) for name in self.given(*BOUNDS)]


class Times(Bounds):
    """How often, or how much; all the bounds that are given hold. `{"eq": 0}` and `{"lt": 1}` mean never."""


class Where(Comparison):
    """A property of the event compares so; `a.b` is the field b of the object a."""

    property: Annotated[Name, Field(description="A property's name; a dot reaches into an object")]


MAX_WHERE = 10

Wheres = Annotated[list[Where], Field(max_length=MAX_WHERE)]
"""Conditions on the properties of an event; all of them hold."""
