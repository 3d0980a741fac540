"""Comparisons with a value, typed as the language types them, and the instants at which time changes them."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import ibis
import msgspec

from services.segment.rules.compile import dates, engine, instants
from services.segment.rules.compile.instants import never
from services.segment.rules.compile.values import present, said, some
from services.segment.schemas.rule import Comparison, span

COMPARE = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def bounded(value: Any, name: str, bound: Any) -> Any:
    """A comparison of numbers: eq, ne, gt, gte, lt, lte, between; null of null."""
    most = max(map(abs, bound if isinstance(bound, list) else [bound]))
    kind: type[int] | type[float] = int if value.type().is_integer() and most < 1 << 62 else float
    if name == "between":
        return value.between(*map(kind, bound))
    return COMPARE[name](value, kind(bound))


def holds(comparison: Comparison, json: Any, at: datetime) -> Any:
    """Whether a value compares so at an instant; never null."""
    operand = comparison.operand
    match comparison.operator:
        case "exists":
            return present(json) if operand else ~present(json)
        case "eq":
            return _among(json, [operand])
        case "in":
            return _among(json, operand)
        case "ne":
            return present(json) & ~_among(json, [operand])
        case "not_in":
            return present(json) & ~_among(json, operand)
        case "contains":
            return _contains(json, operand)
        case "starts_with":
            return said(json).startswith(operand).fill_null(False)
        case "before" | "after" | "within" | "within_next" | "anniversary":
            return dates.dated(comparison, json, at).fill_null(False)
        case name:
            return _ordered(json, name, operand).fill_null(False)


def _ordered(json: Any, name: str, operand: Any) -> Any:
    """A comparison with a number. Bounds on both sides keep what no double holds out, and read the value once."""
    double = json.try_cast("float64")
    if name == "between":
        return double.between(*(ibis.literal(float(one), "float64") for one in operand))
    bound = float(operand)
    if name in ("gt", "gte"):
        low, high = (math.nextafter(bound, math.inf) if name == "gt" else bound), sys.float_info.max
    else:
        low, high = -sys.float_info.max, (math.nextafter(bound, -math.inf) if name == "lt" else bound)
    return double.between(ibis.literal(low, "float64"), ibis.literal(high, "float64"))


def _among(json: Any, choices: Sequence[Any]) -> Any:
    """Whether it is one of these; text, numbers and booleans are never equal to each other."""
    texts = [one for one in choices if isinstance(one, str)]
    tests = []
    words = engine.unquoted_extract(json)
    plain = [one for one in texts if words is not None and not _is_json(one)]
    if words is not None and plain:
        # nothing but a text says this, and reading it as one is faster
        tests.append(words == plain[0] if len(plain) == 1 else words.isin(plain))
    exact = [engine.quoted(one) for one in texts if one not in plain]
    exact += [ibis.literal("true" if one else "false") for one in choices if isinstance(one, bool)]
    numbers = [float(one) for one in choices if isinstance(one, int | float) and not isinstance(one, bool)]
    if exact:
        tests.append(json == exact[0] if len(exact) == 1 else json.isin(exact))
    if numbers:
        value = json.try_cast("float64")
        literals = [ibis.literal(one, "float64") for one in numbers]
        tests.append(value == literals[0] if len(literals) == 1 else value.isin(literals))
    return some(tests).fill_null(False)


def _is_json(text: str) -> bool:
    """Whether something that is no text may look like this when it is read as one."""
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


def _contains(json: Any, operand: Any) -> Any:
    items = ibis.ifelse(json.startswith("["), engine.elements(json), ibis.null("array<string>"))
    if isinstance(operand, str):
        inside = items.contains(engine.quoted(operand)).fill_null(False)
        return inside | said(json).contains(operand).fill_null(False)
    if isinstance(operand, bool):
        return items.contains("true" if operand else "false").fill_null(False)
    numbers = items.map(lambda one: one.try_cast("float64"))
    return numbers.contains(ibis.literal(float(operand), "float64")).fill_null(False)


def flips(comparison: Comparison, json: Any, at: datetime) -> Any:
    """An instant after `at` and not after the first at which time alone changes the comparison; null: never."""
    operand, where = comparison.operand, comparison.where
    match comparison.operator:
        case "within":
            edges = (timedelta(), span(operand))
        case "within_next":
            edges = (-span(operand), timedelta())
        case "anniversary":
            return dates.approaching(json, at, where, operand)
        case _:
            return never()
    value = dates.moment(json, where)
    return instants.soonest(instants.after(instants.shifted(value, edge), at) for edge in edges)
