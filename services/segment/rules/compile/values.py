"""JSON values in SQL.

A value is taken out of its JSON once, as JSON text: `"x"` is a text, `1.0` a number, `true` a boolean. What it is shows
in the text itself, so one reading is enough whatever it is compared with.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import ibis
import ibis.expr.operations as ops

from services.segment.rules.compile import engine


def field(document: Any, name: str) -> Any:
    """The JSON of a field of an object, by its name as it is."""
    return engine.extract(document, _pointer([name]))


def reach(document: Any, name: str) -> Any:
    """The JSON of a property: by its name, or along a path such as `a.b` through objects."""
    parts = name.split(".")
    if len(parts) == 1 or not all(parts):
        return field(document, name)
    found = engine.extract(document, _pointer(parts))
    for place, part in enumerate(parts[1:], 1):
        if part.isdigit() or part == "-":
            # a pointer would reach into a list, which a path does not
            found = ibis.ifelse(engine.extract(document, _pointer(parts[:place])).startswith("{"), found, nothing())
    return found


def _pointer(parts: Sequence[str]) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def nothing() -> Any:
    """No text at all."""
    return ibis.null("string")


def every(conditions: Iterable[Any]) -> Any:
    """All of them; true of none."""
    return functools.reduce(operator.and_, conditions) if (conditions := list(conditions)) else ibis.literal(True)


def some(conditions: Iterable[Any]) -> Any:
    """At least one of them."""
    return functools.reduce(operator.or_, conditions)


def or_null(condition: Any) -> Any:
    """The same with null instead of a no that stands for null."""
    inner = condition.op()
    if isinstance(inner, ops.Coalesce) and len(inner.arg) == 2 and inner.arg[1] == ibis.literal(False).op():
        return inner.arg[0].to_expr()
    return condition


def present(json: Any) -> Any:
    """Whether there is a value; never null."""
    return (json != "null").fill_null(False)


def number(json: Any) -> Any:
    """The number as a double; null for anything else, and for what no double holds."""
    double = json.try_cast("float64")
    return ibis.ifelse(double.isinf(), ibis.null("float64"), double)


def identity(json: Any) -> Any:
    """A text that is the same for equal scalars only; null for what is no scalar."""
    kind = engine.part(json, 1, 1)
    return ibis.cases(
        (kind == '"', json),
        (kind.isin(["t", "f"]), json),
        # 0.0 takes the sign from a zero
        (kind.isin(["{", "[", "n"]), nothing()),
        else_=(number(json) + 0.0).cast("string"),
    )


def said(json: Any) -> Any:
    """The text, null for anything else."""
    return ibis.ifelse(json.startswith('"'), engine.unquoted(json, "$"), nothing())
