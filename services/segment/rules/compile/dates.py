"""Dates that values name: what they are compared with, and when time brings the next anniversary."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import ibis

from services.segment.rules.compile import engine, values
from services.segment.rules.compile.instants import DAY, midnight, never
from services.segment.schemas.rule import Comparison, Upcoming, instant, seconds, span, zone

_INSTANT = (
    "^[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
    "(Z|[+-]([01][0-9]|2[0-3]):[0-9]{2})$"
)
_DATE = "^[12][0-9]{3}-[0-9]{2}-[0-9]{2}$"
_YEARLESS = "^--(02-(0[1-9]|1[0-9]|2[0-9])|(0[13-9]|1[0-2])-(0[1-9]|[12][0-9]|30)|(0[13578]|1[02])-31)$"


def moment(json: Any, where: str) -> Any:
    """The instant that a text names: RFC 3339, or a day as its midnight in a zone; null for anything else."""
    words = values.said(json)
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


def dated(comparison: Comparison, json: Any, at: datetime) -> Any:
    """Whether a date compares so at an instant; null of no date."""
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
    words = values.said(json)
    shown = words.try_cast(engine.INSTANT)
    local = shown.cast(engine.LOCAL) if where == "UTC" else engine.local(where, shown)
    return ibis.cases(
        (words.re_search(_INSTANT), local.strftime("%m-%d")),
        (words.re_search(_DATE) & words.try_cast(engine.LOCAL).notnull(), engine.part(words, 6, 5)),
        (words.re_search(_YEARLESS), engine.part(words, 3, 5)),
        else_=values.nothing(),
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


SHORTER = 8
"""Days by which a year of twelve months of 31 days is longer than any year, and one for 29 February."""
JUMPS = timedelta(hours=3)
"""More than clocks go forward and back between two midnights."""


def approaching(json: Any, at: datetime, where: str, operand: Any) -> Any:
    """A time not after the midnight at which such a day comes within reach, or leaves it; null of no day.

    Not the very midnight, which would ask for calendars; but not the next one for everybody, who were all judged at it.
    """
    today = at.astimezone(zone(where)).date()
    written, count = _month_and_day(json, where), _length(operand)
    month, day = (engine.part(written, start, 2).cast("int64") for start in (1, 4))
    ahead = (month * 31 + day - (today.month * 31 + today.day) + 372) % 372 - SHORTER - count
    tomorrow = engine.microseconds(engine.at(midnight(today + DAY, where)))
    early = tomorrow + ahead * (DAY // timedelta(microseconds=1)) - JUMPS // timedelta(microseconds=1)
    return engine.instant(ibis.ifelse(ahead > 0, early, tomorrow))
