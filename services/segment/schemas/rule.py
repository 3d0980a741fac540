"""The rule language: a closed tree of groups and leaves, refused with the path of whatever is wrong in it."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    StrictBool,
    StrictInt,
    Tag,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from shared.schemas import Input

KINDS = ("all", "any", "not", "trait", "tag", "did")
"""What a node of a rule can be; the field of that name says which it is."""
OPERATORS = ("eq", "ne", "in", "gt", "gte", "lt", "lte", "exists")

MAX_NODES = 50
MAX_DEPTH = 8
MAX_WHERE = 10
MAX_CHOICES = 200
MAX_NAME = 200
MAX_TEXT = 500
MAX_NUMBER = 1e300
MAX_TIMES = 1_000_000_000
MAX_WITHIN_DAYS = 3660

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

Scalar: TypeAlias = str | int | float | bool
"""What a trait or property is compared with. Text, numbers and booleans never equal each other."""


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or not value:
        raise PydanticCustomError("text", "must be a text that is not empty")
    if len(value) > longest:
        raise PydanticCustomError("text", "is longer than {longest} characters", {"longest": longest})
    return value


def _name(value: Any) -> str:
    return _text(value, MAX_NAME)


def _number(value: Any) -> int | float:
    # abs() before float(): a JSON integer may be too large for any float
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number", "must be a number")
    if (isinstance(value, float) and not math.isfinite(value)) or abs(value) > MAX_NUMBER:
        raise PydanticCustomError("number", "must be a number between -1e300 and 1e300")
    return value if isinstance(value, float) or abs(value) <= 2**53 else float(value)


def _scalar(value: Any) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if value == "":
        return ""
    if isinstance(value, str):
        return _text(value, MAX_TEXT)
    raise PydanticCustomError("scalar", "must be a text, a number, true or false; for a missing value use exists")


def _choices(value: Any) -> list[Scalar]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_CHOICES:
        raise PydanticCustomError("choices", "must be a list of 1 to {most} values", {"most": MAX_CHOICES})
    return [_scalar(one) for one in value]


def seconds(within: str) -> int:
    """How many seconds a duration such as `3d` is."""
    return int(within[:-1]) * UNITS[within[-1]]


def _duration(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[1-9][0-9]{0,9}[smhdw]", value):
        raise PydanticCustomError("duration", 'must be a whole number and a unit of s, m, h, d or w, such as "3d"')
    if seconds(value) > MAX_WITHIN_DAYS * 86_400:
        raise PydanticCustomError("duration", "is longer than {days} days", {"days": MAX_WITHIN_DAYS})
    return value


Name = Annotated[str, PlainValidator(_name, json_schema_input_type=str)]
Value = Annotated[Scalar, PlainValidator(_scalar, json_schema_input_type=str | float | bool)]
Number = Annotated[int | float, PlainValidator(_number, json_schema_input_type=float)]
Choices = Annotated[list[Scalar], PlainValidator(_choices, json_schema_input_type=list[str | float | bool])]
Duration = Annotated[str, PlainValidator(_duration, json_schema_input_type=str)]
Count = Annotated[StrictInt, Field(ge=0, le=MAX_TIMES)]


class Node(Input):
    """A part of a rule: only its own fields, by their own names, and null is never meant."""

    model_config = ConfigDict(populate_by_name=False, frozen=True)

    @model_validator(mode="after")
    def _no_nulls(self) -> Node:
        for name in self.model_fields_set:
            if getattr(self, name) is None:
                raise PydanticCustomError("null", "{name} must not be null", {"name": name.rstrip("_")})
        return self


class Comparison(Node):
    """Exactly one operator. A missing value makes every comparison false, `ne` too; only `exists` asks about it."""

    eq: Value | None = None
    ne: Value | None = None
    in_: Choices | None = Field(None, alias="in")
    gt: Number | None = None
    gte: Number | None = None
    lt: Number | None = None
    lte: Number | None = None
    exists: StrictBool | None = None

    @model_validator(mode="after")
    def _one_operator(self) -> Comparison:
        if len(self._operators()) != 1:
            raise PydanticCustomError("operator", "needs exactly one of {known}", {"known": ", ".join(OPERATORS)})
        return self

    def _operators(self) -> list[str]:
        return [one for one in (*OPERATORS, "in_") if one in self.model_fields_set]

    @property
    def operator(self) -> str:
        """Which operator it is: eq, ne, in, gt, gte, lt, lte or exists."""
        return self._operators()[0].rstrip("_")

    @property
    def operand(self) -> Any:
        """What the value is compared with."""
        return getattr(self, self._operators()[0])


class Trait(Comparison):
    """A trait of the viewer compares so."""

    trait: Name


class Tagged(Node):
    """The viewer has this tag, and the tag is in use. A tag that is not, or that nobody knows, is nobody's."""

    tag: Name


class Where(Comparison):
    """A property of the event compares so."""

    property: Name


class Times(Node):
    """How often; all the bounds that are given hold. `{"eq": 0}` and `{"lt": 1}` mean never."""

    eq: Count | None = None
    gt: Count | None = None
    gte: Count | None = None
    lt: Count | None = None
    lte: Count | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> Times:
        if not self.model_fields_set:
            raise PydanticCustomError("times", "needs at least one of eq, gt, gte, lt, lte")
        return self

    @property
    def bounds(self) -> list[tuple[str, int]]:
        """Operator and number of every bound that is given."""
        given = (name for name in ("eq", "gt", "gte", "lt", "lte") if name in self.model_fields_set)
        return [(name, getattr(self, name)) for name in given]


class Did(Node):
    """The viewer did this event, with these properties, so often, within so long before the instant of asking."""

    did: Name
    where: Annotated[list[Where], Field(max_length=MAX_WHERE)] = Field(default_factory=list)
    times: Times = Field(default_factory=lambda: Times(gte=1))
    within: Duration | None = None


class AllOf(Node):
    """Every rule in it holds."""

    all: Annotated[list[Rule], Field(min_length=1)]


class AnyOf(Node):
    """At least one rule in it holds."""

    any: Annotated[list[Rule], Field(min_length=1)]


class Negated(Node):
    """The rule in it does not hold."""

    not_: Rule = Field(alias="not")


def _kind(node: Any) -> str | None:
    if isinstance(node, dict):
        return next((f"<{kind}>" for kind in KINDS if kind in node), None)
    return _TAGS.get(type(node))


_TAGS: dict[type[Any], str] = {
    AllOf: "<all>",
    AnyOf: "<any>",
    Negated: "<not>",
    Trait: "<trait>",
    Tagged: "<tag>",
    Did: "<did>",
}

# Tags stand in angle brackets, so that _plain can take them out of the paths of errors again.
Rule: TypeAlias = Annotated[
    Annotated[AllOf, Tag("<all>")]
    | Annotated[AnyOf, Tag("<any>")]
    | Annotated[Negated, Tag("<not>")]
    | Annotated[Trait, Tag("<trait>")]
    | Annotated[Tagged, Tag("<tag>")]
    | Annotated[Did, Tag("<did>")],
    Discriminator(_kind),
]

for _model in (AllOf, AnyOf, Negated):
    _model.model_rebuild()

Path = tuple[str | int, ...]


def _children(node: dict[str, Any], path: Path) -> Iterator[tuple[Any, Path]]:
    for kind in ("all", "any"):
        if isinstance(node.get(kind), list):
            yield from ((child, (*path, kind, place)) for place, child in enumerate(node[kind]))
    if "not" in node:
        yield node["not"], (*path, "not")


def _shape(rule: Any) -> None:
    """Check size, depth and the kind of every node before anything recursive looks at the tree."""
    waiting: list[tuple[Any, Path, int]] = [(rule, (), 1)]
    nodes = 0
    while waiting:
        node, path, depth = waiting.pop(0)
        nodes += 1
        if depth > MAX_DEPTH:
            raise _refused(path, f"is nested deeper than {MAX_DEPTH} levels")
        if nodes > MAX_NODES:
            raise _refused(path, f"is one too many: a rule has at most {MAX_NODES} parts")
        if not isinstance(node, dict):
            raise _refused(path, f"must be an object with one of {', '.join(KINDS)}")
        kinds = [kind for kind in KINDS if kind in node]
        if not kinds:
            raise _refused(path, _unknown_kind(list(node)))
        if len(kinds) > 1:
            raise _refused(path, f"has both {kinds[0]!r} and {kinds[1]!r}; combine rules with all or any")
        waiting.extend((child, where, depth + 1) for child, where in _children(node, path))


def _unknown_kind(names: Sequence[Any]) -> str:
    known = f"a rule has one of {', '.join(KINDS)}"
    if not names:
        return f"is empty; {known}"
    name = str(names[0])[:MAX_NAME]
    near = difflib.get_close_matches(name, KINDS, n=1)
    return f"{name!r} is not something a rule can ask; {f'did you mean {near[0]!r}?' if near else known}"


def _refused(path: Path, message: str) -> ValidationError:
    problem = PydanticCustomError("rule", "{message}", {"message": message})
    return ValidationError.from_exception_data("Rule", [InitErrorDetails(type=problem, loc=path, input=None)])


def _plain(error: ValidationError) -> ValidationError:
    """The same errors with paths as the caller wrote them: without the tags of the union."""
    lines = [
        InitErrorDetails(
            type=PydanticCustomError("rule", "{message}", {"message": one["msg"]}),
            loc=tuple(part for part in one["loc"] if not (isinstance(part, str) and re.fullmatch("<[a-z]+>", part))),
            input=None,
        )
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return ValidationError.from_exception_data(error.title, lines)


def _whole(value: Any, handler: ValidatorFunctionWrapHandler, _: ValidationInfo) -> Any:
    if not isinstance(value, Node):
        _shape(value)
    try:
        return handler(value)
    except ValidationError as error:
        raise _plain(error) from None


WholeRule = Annotated[Rule, WrapValidator(_whole)]
"""A rule at the door, whole: its size and depth are checked too."""


def leaves(rule: Rule) -> Iterator[Trait | Tagged | Did]:
    """Every leaf of a rule, from left to right."""
    if isinstance(rule, AllOf):
        for child in rule.all:
            yield from leaves(child)
    elif isinstance(rule, AnyOf):
        for child in rule.any:
            yield from leaves(child)
    elif isinstance(rule, Negated):
        yield from leaves(rule.not_)
    else:
        yield rule


def plain(rule: Rule) -> dict[str, Any]:
    """The rule as JSON, exactly what was given: defaults stay unwritten."""
    return rule.model_dump(by_alias=True, exclude_unset=True)
