"""Comparisons with one JSON value, and the instants at which time alone changes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from services.segment.schemas.rule import MOVING, Comparison, Upcoming, Where, instant, seconds, span, zone

Test = Callable[[Any], bool]
"""Whether a value (None: missing) compares so."""
MovingTest = Callable[[Any, datetime], tuple[bool, datetime | None]]
"""The same at an instant, with the next instant at which it may be different."""
DAY = timedelta(days=1)


def number(value: Any) -> float | None:
    """The number as rules compare it, a double; None for anything else, and for what no double holds."""
    kind = type(value)
    if kind is float:
        return value  # type: ignore[no-any-return] # its type was just looked at
    if kind is int:
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def identity(value: Any) -> tuple[str, Any] | None:
    """What makes scalars equal: text, number and boolean never equal each other. None for what is no scalar."""
    kind = type(value)
    if kind is str:
        return "text", value
    if kind is bool:
        return "boolean", value
    double = number(value)
    return None if double is None else ("number", double)


def is_moving(comparison: Comparison) -> bool:
    """Whether time alone changes its answer."""
    return comparison.operator in MOVING


def test(comparison: Comparison) -> Test:
    """A comparison that does not depend on the instant, as a function of the value."""
    operand, where = comparison.operand, comparison.where
    match comparison.operator:
        case "exists":
            return (lambda value: value is not None) if operand else (lambda value: value is None)
        case "eq":
            return _among([operand])
        case "in":
            return _among(operand)
        case "ne" | "not_in" as operator:
            one_of = _among([operand] if operator == "ne" else operand)
            return lambda value: value is not None and not one_of(value)
        case "contains":
            return _contains(operand)
        case "starts_with":
            return lambda value: type(value) is str and value.startswith(operand)
        case "before" | "after" as operator:
            return _on_a_side(operator, operand, where)
        case operator:
            return _ordered(operator, operand)


def _among(choices: Sequence[Any]) -> Test:
    texts = frozenset(one for one in choices if type(one) is str)
    if len(texts) == len(set(choices)):
        return lambda value: type(value) is str and value in texts
    known = {identity(one) for one in choices}
    return lambda value: value is not None and (found := identity(value)) is not None and found in known


def _contains(operand: Any) -> Test:
    wanted = identity(operand)

    def holds(value: Any) -> bool:
        if type(value) is list:
            return any(identity(one) == wanted for one in value)
        return type(value) is str and type(operand) is str and operand in value

    return holds


def _on_a_side(operator: str, operand: str, where: str) -> Test:
    edge = instant(operand, where)
    before = operator == "before"

    def holds(value: Any) -> bool:
        at = instant(value, where) if type(value) is str else None
        return at is not None and edge is not None and (at < edge if before else at > edge)

    return holds


def within_bounds(operator: str, operand: Any) -> Callable[[float], bool]:
    """A comparison of numbers: eq, ne, gt, gte, lt, lte, between."""
    if operator == "between":
        low, high = (float(one) for one in operand)
        return lambda value: low <= value <= high
    bound = float(operand)
    match operator:
        case "eq":
            return lambda value: value == bound
        case "ne":
            return lambda value: value != bound
        case "gt":
            return lambda value: value > bound
        case "gte":
            return lambda value: value >= bound
        case "lt":
            return lambda value: value < bound
        case "lte":
            return lambda value: value <= bound
    raise ValueError(operator)


def _ordered(operator: str, operand: Any) -> Test:
    holds = within_bounds(operator, operand)
    return lambda value: (double := number(value)) is not None and holds(double)


def moving(comparison: Comparison) -> MovingTest:
    """A comparison whose answer depends on the instant: within, within_next, anniversary."""
    operand, where = comparison.operand, comparison.where
    if comparison.operator == "anniversary":
        days = seconds(operand.within_next) // 86_400 if isinstance(operand, Upcoming) else 1
        return lambda value, at: _anniversary(value, at, zone(where), days)
    length = span(operand)
    ahead = comparison.operator == "within_next"

    def holds(value: Any, at: datetime) -> tuple[bool, datetime | None]:
        moment = instant(value, where) if type(value) is str else None
        if moment is None:
            return False, None
        # within: from the moment on, for so long; within_next: for so long before the moment
        start, end = (moment - length, moment) if ahead else (moment, moment + length)
        return start <= at < end, start if at < start else end if at < end else None

    return holds


def midnight(day: date, where: tzinfo) -> datetime:
    """When a local day begins, in UTC: of a midnight that a clock skips, the instant it jumps."""
    return datetime(day.year, day.month, day.day, tzinfo=where).astimezone(UTC)


def _anniversary(value: Any, at: datetime, where: tzinfo, days: int) -> tuple[bool, datetime | None]:
    born = _day(value, where)
    if born is None:
        return False, None
    today = at.astimezone(where).date()
    coming = _in_year(born, today.year)
    if coming < today:
        coming = _in_year(born, today.year + 1)
    holds = coming < today + days * DAY
    return holds, midnight(coming + DAY if holds else coming - (days - 1) * DAY, where)


LEAP = "2000"
"""The year given to a day without one."""


def _day(value: Any, where: tzinfo) -> date | None:
    """The day of a date as written, of an instant the local one; without its year (`--01-31`) that of a leap year."""
    if type(value) is str and len(value) == len("--01-31") and value.startswith("--"):
        value = f"{LEAP}{value[1:]}"
    moment = instant(value) if type(value) is str else None
    if moment is None:
        return None
    return moment.date() if len(value) == len("2026-01-31") else moment.astimezone(where).date()


def _in_year(born: date, year: int) -> date:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return date(year, 2, 28) if (born.month, born.day) == (2, 29) and not leap else date(year, born.month, born.day)


Aging = Callable[[Mapping[str, Any], datetime], tuple[bool, datetime | None]]
"""Whether properties are so at an instant, with the next instant at which that may change."""


def reach(name: str) -> Callable[[Mapping[str, Any]], Any]:
    """How to read a property: by its name, or along a path such as `a.b` through objects."""
    parts = name.split(".")
    if len(parts) == 1 or not all(parts):
        return lambda properties: properties.get(name)

    def read(properties: Any) -> Any:
        for part in parts:
            if type(properties) is not dict:
                return None
            properties = properties.get(part)
        return properties

    return read


def matcher(wheres: Sequence[Where]) -> Callable[[Mapping[str, Any]], bool] | None:
    """Those of these filters that do not depend on the instant, as one function of an event's properties."""
    still = [(reach(one.property), test(one)) for one in wheres if not is_moving(one)]
    if not still:
        return None
    if len(still) == 1:
        (read, holds) = still[0]
        name = wheres[0].property if len(wheres) == 1 else "."
        if "." not in name:
            return lambda properties: holds(properties.get(name))
        return lambda properties: holds(read(properties))
    return lambda properties: all(holds(read(properties)) for read, holds in still)


def moving_matcher(
    wheres: Sequence[Where],
) -> Callable[[Mapping[str, Any], datetime], tuple[bool, datetime | None]] | None:
    """Those of these filters that do depend on the instant, with the next instant at which one of them may change."""
    tests = [(reach(one.property), moving(one)) for one in wheres if is_moving(one)]
    if not tests:
        return None

    def holds(properties: Mapping[str, Any], at: datetime) -> tuple[bool, datetime | None]:
        answers = [ask(read(properties), at) for read, ask in tests]
        return all(answer for answer, _ in answers), soonest(change for _, change in answers)

    return holds


def soonest(instants: Any) -> datetime | None:
    """The earliest of these instants, None being never."""
    return min((one for one in instants if one is not None), default=None)
