"""Windows of time before the instant of asking, as conditions on a time, and when the time in them can change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from services.segment.rules.compile import engine
from services.segment.rules.compile.instants import DAY, midnight
from services.segment.schemas.rule import Windowed, span, zone

NOTHING = timedelta()


@dataclass(frozen=True)
class Window:
    """Which times are in (up to the instant of asking, which is asked beside it).

    `since`: nothing before this is in (None: everything). `offsets`: the ages at which events come in or go. `length`:
    of a window that ends now. `turn`: when a calendar window becomes another one.
    """

    said: str
    times: Callable[[Any], list[Any]]
    since: datetime | None
    offsets: tuple[timedelta, ...] = (NOTHING,)
    length: timedelta | None = None
    start: datetime | None = None
    turn: datetime | None = None

    def starts(self, time: Any) -> list[Any]:
        """Not before the window's beginning."""
        return [] if self.start is None else [time >= engine.at(self.start)]


def window(said: Windowed, at: datetime) -> Window:
    """The window that a leaf asks for, as of an instant."""
    if said.within:
        length = span(said.within)
        begin = at - length
        return Window(f"within {said.within}", lambda time: [time > engine.at(begin)], begin, (NOTHING, length), length)
    if said.between:
        far, near = (span(one) for one in said.between)
        return Window(
            f"between {said.between}",
            lambda time: [time > engine.at(at - far), time <= engine.at(at - near)],
            at - far,
            (near, far),
        )
    if said.calendar:
        start, end, turn = _calendar(said.calendar, said.where_days, at)
        return Window(
            f"calendar {said.calendar} {said.where_days}",
            lambda time: [time >= engine.at(start), time < engine.at(end)],
            start - datetime.resolution,
            start=start,
            turn=turn,
        )
    return _absolute(said.start, said.end)


def _absolute(start: datetime | None, end: datetime | None) -> Window:
    def times(time: Any) -> list[Any]:
        low = [] if start is None else [time >= engine.at(start)]
        return low if end is None else [*low, time < engine.at(end)]

    return Window(f"from {start} to {end}", times, None if start is None else start - datetime.resolution)


def _calendar(kind: str, where: str, at: datetime) -> tuple[datetime, datetime, datetime]:
    """When the period of this kind begins and ends, and when another one takes its place."""
    today = at.astimezone(zone(where)).date()
    first, last, turn = _days(kind, today)
    return midnight(first, where), midnight(last, where), midnight(turn, where)


def _days(kind: str, today: date) -> tuple[date, date, date]:
    monday = today - today.weekday() * DAY
    month = today.replace(day=1)
    following = (month + 31 * DAY).replace(day=1)
    year = today.replace(month=1, day=1)
    next_year = year.replace(year=year.year + 1)
    match kind:
        case "today":
            return today, today + DAY, today + DAY
        case "yesterday":
            return today - DAY, today, today + DAY
        case "this_week":
            return monday, monday + 7 * DAY, monday + 7 * DAY
        case "last_week":
            return monday - 7 * DAY, monday, monday + 7 * DAY
        case "this_month":
            return month, following, following
        case "last_month":
            return (month - DAY).replace(day=1), month, following
    return year, next_year, next_year
