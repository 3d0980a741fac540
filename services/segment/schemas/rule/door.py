"""A rule at the door: size, depth and kinds are checked before anything recursive looks at it; errors are plain."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

from services.segment.schemas.rule.comparisons import Node
from services.segment.schemas.rule.tree import KINDS, Path, Rule
from services.segment.schemas.rule.values import MAX_NAME

MAX_NODES = 100
MAX_DEPTH = 12


def _children(node: dict[str, Any], path: Path) -> Iterator[tuple[Any, Path]]:
    for kind in ("all", "any"):
        if isinstance(node.get(kind), list):
            yield from ((child, (*path, kind, place)) for place, child in enumerate(node[kind]))
    for kind in ("not", "has_been"):
        if kind in node:
            yield node[kind], (*path, kind)


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
    near = difflib.get_close_matches(name, list(KINDS), n=1)
    return f"{name!r} is not something a rule can ask; {f'did you mean {near[0]!r}?' if near else known}"


def _refused(path: Path, message: str) -> ValidationError:
    problem = PydanticCustomError("rule", "{message}", {"message": message})
    return ValidationError.from_exception_data("Rule", [InitErrorDetails(type=problem, loc=path, input=None)])


def _plain(error: ValidationError) -> ValidationError:
    """The same errors with paths as the caller wrote them: without the tags of the union."""
    lines = [
        InitErrorDetails(
            type=PydanticCustomError("rule", "{message}", {"message": one["msg"]}),
            loc=tuple(part for part in one["loc"] if not (isinstance(part, str) and re.fullmatch("<[a-z_]+>", part))),
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

_RULE: TypeAdapter[Rule] = TypeAdapter(WholeRule)


def parse(rule: Any) -> Rule:
    """A rule from its JSON. Raises pydantic's ValidationError with the paths of whatever is wrong."""
    return _RULE.validate_python(rule)


def fault(error: ValidationError) -> tuple[str, str]:
    """Where a rule that was refused is wrong first (`rule.all.0.has`), and what of it."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return ".".join(map(str, ("rule", *first["loc"]))), first["msg"]


def schema() -> dict[str, Any]:
    """The JSON Schema of rules, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "/v1/segments/rule-schema",
        "title": "Rule of a segment",
        "description": f"A rule has at most {MAX_NODES} parts in {MAX_DEPTH} levels.",
        **_RULE.json_schema(by_alias=True),
    }
