"""Windows of time before the instant of asking, over sorted times: which are in, and when that can next change."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TypeAlias

from services.segment.rules.judge.comparing import DAY, midnight
from services.segment.schemas.rule import Windowed, span, zone

Times: TypeAlias = Sequence[datetime]
Period: TypeAlias = tuple[datetime, datetime]
"""The instants at which a period begins and ends."""

NOTHING = timedelta()


@dataclass(frozen=True, slots=True)
class Window:
    """Which of sorted times are in, and when that next changes; `horizon` is how far it looks back (None: for ever)."""

    bounds: Callable[[Times, datetime], tuple[int, int]]
    following: Callable[[Times, datetime], datetime | None]
    horizon: timedelta | None
    sliding: timedelta | None = None
    """The length, if it is one that ends at the instant of asking."""


def window(said: Windowed) -> Window:
    """The window that a leaf asks for."""
    if said.within:
        return sliding(span(said.within))
    if said.between:
        far, near = (span(one) for one in said.between)
        return Window(
            lambda times, at: (bisect_right(times, at - far), bisect_right(times, at - near)),
            # an event to come is outside, and yet another last one (test_a_later_event_is_the_last_one_at_its_own_time)
            moves((NOTHING, near, far)),
            far,
        )
    if said.calendar:
        return _calendar(said.calendar, zone(said.where_days))
    if said.from_ or said.to:
        return _absolute(said.start, said.end)
    return Window(lambda times, at: (0, bisect_right(times, at)), moves((NOTHING,)), None)


def sliding(length: timedelta) -> Window:
    """T - length < time <= T."""
    return Window(
        lambda times, at: (bisect_right(times, at - length), bisect_right(times, at)),
        moves((NOTHING, length)),
        length,
        length,
    )


def moves(offsets: Sequence[timedelta]) -> Callable[[Times, datetime], datetime | None]:
    """The next instant at which some time is one of these lengths old."""

    def following(times: Times, at: datetime) -> datetime | None:
        first: datetime | None = None
        for offset in offsets:
            place = bisect_right(times, at - offset)
            if place < len(times):
                crossed = _later(times[place], offset)
                if first is None or (crossed is not None and crossed < first):
                    first = crossed
        return first

    return following


def _later(time: datetime, length: timedelta) -> datetime | None:
    """None beyond the last day of all calendars: a device's clock may show anything."""
    try:
        return time + length
    except OverflowError:
        return None


def _absolute(start: datetime | None, end: datetime | None) -> Window:
    def bounds(times: Times, at: datetime) -> tuple[int, int]:
        low = bisect_left(times, start) if start else 0
        high = bisect_right(times, at) if end is None else min(bisect_right(times, at), bisect_left(times, end))
        return low, max(low, high)

    return Window(bounds, moves((NOTHING,)), None)


_LONGEST = {"today": 2, "yesterday": 3, "this_week": 9, "last_week": 16, "this_month": 33, "last_month": 64}


def _calendar(kind: str, where: tzinfo) -> Window:
    @lru_cache(maxsize=64)
    def period(at: datetime) -> Period:
        start, end = _local(kind, at.astimezone(where).date())
        return midnight(start, where), midnight(end, where)

    def bounds(times: Times, at: datetime) -> tuple[int, int]:
        start, end = period(at)
        low = bisect_left(times, start)
        return low, max(low, min(bisect_right(times, at), bisect_left(times, end)))

    @lru_cache(maxsize=64)
    def turn(at: datetime) -> datetime:
        return midnight(_turn(kind, at.astimezone(where).date()), where)

    def following(times: Times, at: datetime) -> datetime | None:
        # what is before the window never comes back into it
        if not times or times[-1] < period(at)[0]:
            return None
        change = turn(at)
        place = bisect_right(times, at)
        return min(change, times[place]) if place < len(times) else change

    return Window(bounds, following, timedelta(days=_LONGEST.get(kind, 368)))


def _local(kind: str, today: date) -> tuple[date, date]:
    """The first day of the period and the first day after it."""
    monday = today - today.weekday() * DAY
    month = today.replace(day=1)
    match kind:
        case "today":
            return today, today + DAY
        case "yesterday":
            return today - DAY, today
        case "this_week":
            return monday, monday + 7 * DAY
        case "last_week":
            return monday - 7 * DAY, monday
        case "this_month":
            return month, _next_month(month)
        case "last_month":
            return (month - DAY).replace(day=1), month
    return today.replace(month=1, day=1), date(today.year + 1, 1, 1)


def _turn(kind: str, today: date) -> date:
    """The first day of another period of this kind."""
    if kind.endswith("week"):
        return today + (7 - today.weekday()) * DAY
    if kind.endswith("month"):
        return _next_month(today.replace(day=1))
    return date(today.year + 1, 1, 1) if kind.endswith("year") else today + DAY


def _next_month(first: date) -> date:
    return (first + 31 * DAY).replace(day=1)


def local_day(time: datetime, where: tzinfo) -> date:
    """The day that a clock there shows at an instant; on the first and last day of all calendars, UTC's."""
    try:
        return time.date() if where is UTC else time.astimezone(where).date()
    except OverflowError:
        return time.date()
