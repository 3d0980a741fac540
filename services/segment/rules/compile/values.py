"""Comparisons with a JSON value in SQL, typed as the language types them, and the instants at which time changes them.

A value is taken out of its JSON once, as JSON text: `"x"` is a text, `1.0` a number, `true` a boolean. What it is shows
in the text itself, so one reading is enough whatever it is compared with.
"""

from __future__ import annotations

import functools
import math
import operator
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import msgspec

from services.segment.rules.compile import engine
from services.segment.schemas.rule import Comparison, Upcoming, instant, seconds, span, zone

COMPARE = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
DAY = timedelta(days=1)

_INSTANT = (
    "^[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
    "(Z|[+-]([01][0-9]|2[0-3]):[0-9]{2})$"
)
_DATE = "^[12][0-9]{3}-[0-9]{2}-[0-9]{2}$"
_YEARLESS = "^--(02-(0[1-9]|1[0-9]|2[0-9])|(0[13-9]|1[0-2])-(0[1-9]|[12][0-9]|30)|(0[13578]|1[02])-31)$"


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


def never() -> Any:
    """No instant at all."""
    return ibis.null(engine.INSTANT)


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
            return _dated(comparison, json, at).fill_null(False)
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


def moment(json: Any, where: str) -> Any:
    """The instant that a text names: RFC 3339, or a day as its midnight in a zone; null for anything else."""
    words = said(json)
    day = words.try_cast(engine.LOCAL)
    return ibis.cases(
        (words.re_search(_INSTANT), words.try_cast(engine.INSTANT)),
        (words.re_search(_DATE), day.cast(engine.INSTANT) if where == "UTC" else _midnight(day, where)),
        else_=never(),
    )


def _midnight(day: Any, where: str) -> Any:
    """Of a midnight that clocks show twice, the first."""
    later = engine.absolute(where, day)
    earlier = later - ibis.interval(hours=1)
    return ibis.ifelse(engine.local(where, earlier) == day, earlier, later)


def _dated(comparison: Comparison, json: Any, at: datetime) -> Any:
    operand, where = comparison.operand, comparison.where
    if comparison.operator == "anniversary":
        return _month_and_day(json, where).isin(_days(at, where, _length(operand)))
    value = moment(json, where)
    match comparison.operator:
        case "before":
            return value < engine.at(_edge(operand, where))
        case "after":
            return value > engine.at(_edge(operand, where))
        case "within":
            return (value > engine.at(at - span(operand))) & (value <= engine.at(at))
    return (value > engine.at(at)) & (value <= engine.at(at + span(operand)))


def _edge(operand: str, where: str) -> datetime:
    edge = instant(operand, where)
    assert edge is not None, "the language lets nothing else through"
    return edge


def _length(operand: Any) -> int:
    return seconds(operand.within_next) // 86_400 if isinstance(operand, Upcoming) else 1


def _month_and_day(json: Any, where: str) -> Any:
    """`MM-DD` of a date as written, with or without its year (`--MM-DD`), of an instant the local one."""
    words = said(json)
    shown = words.try_cast(engine.INSTANT)
    local = shown.cast(engine.LOCAL) if where == "UTC" else engine.local(where, shown)
    return ibis.cases(
        (words.re_search(_INSTANT), local.strftime("%m-%d")),
        (words.re_search(_DATE) & words.try_cast(engine.LOCAL).notnull(), engine.part(words, 6, 5)),
        (words.re_search(_YEARLESS), engine.part(words, 3, 5)),
        else_=nothing(),
    )


def _days(at: datetime, where: str, count: int) -> list[str]:
    """`MM-DD` of the next local days, today the first; 29 February stands beside 28 February of a short year."""
    today = at.astimezone(zone(where)).date()
    days: set[str] = set()
    for day in (today + place * DAY for place in range(count)):
        days.add(f"{day:%m-%d}")
        if (day.month, day.day) == (2, 28) and (day + DAY).day == 1:
            days.add("02-29")
    return sorted(days)


def flips(comparison: Comparison, json: Any, at: datetime) -> Any:
    """An instant after `at` and not after the first at which time alone changes the comparison; null: never."""
    operand, where = comparison.operand, comparison.where
    match comparison.operator:
        case "within":
            edges = (timedelta(), span(operand))
        case "within_next":
            edges = (-span(operand), timedelta())
        case "anniversary":
            return _approaching(_month_and_day(json, where), at, where, _length(operand))
        case _:
            return never()
    value = moment(json, where)
    return soonest(after(shifted(value, edge), at) for edge in edges)


SHORTER = 8
"""Days by which a year of twelve months of 31 days is longer than any year, and one for 29 February."""
JUMPS = timedelta(hours=3)
"""More than clocks go forward and back between two midnights."""


def _approaching(month_and_day: Any, at: datetime, where: str, count: int) -> Any:
    """A time not after the midnight at which such a day comes within reach, or leaves it; null of no day.

    Not the very midnight, which would ask for calendars; but not the next one for everybody, who were all judged at it.
    """
    today = at.astimezone(zone(where)).date()
    month, day = (engine.part(month_and_day, start, 2).cast("int64") for start in (1, 4))
    ahead = (month * 31 + day - (today.month * 31 + today.day) + 372) % 372 - SHORTER - count
    tomorrow = engine.microseconds(engine.at(midnight(today + DAY, where)))
    early = tomorrow + ahead * (DAY // timedelta(microseconds=1)) - JUMPS // timedelta(microseconds=1)
    return engine.instant(ibis.ifelse(ahead > 0, early, tomorrow))


def midnight(day: date, where: str) -> datetime:
    """When a local day begins."""
    start = instant(day.isoformat(), where)
    assert start is not None, "rules look at the years 1000 to 2999"
    return start


def shifted(value: Any, length: timedelta) -> Any:
    """An instant so much later; a fixed length, which no calendar stretches."""
    if not length:
        return value
    count = int(length.total_seconds())
    return value + ibis.interval(seconds=count) if count > 0 else value - ibis.interval(seconds=-count)


def after(value: Any, at: datetime) -> Any:
    """The instant if it lies ahead, else null."""
    return ibis.ifelse(value > engine.at(at), value, never())


def soonest(instants: Iterable[Any]) -> ir.TimestampValue:
    """The earliest of these that are not null."""
    found = list(instants)
    return (ibis.least(*found) if len(found) > 1 else found[0]) if found else never()
