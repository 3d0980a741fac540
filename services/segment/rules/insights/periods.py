"""Local hours, days, weeks and months as instants: made here once, so that no statement knows a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal, TypeAlias

from services.segment.schemas.rule.values import zone as zone_of

Unit: TypeAlias = Literal["hour", "day", "week", "month"]

MOST = 2_000
"""Periods of one line."""
MOST_SPLIT = 400
"""Periods of each line where there are many: an answer stays within some megabytes."""

_STEP = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


class TooMany(Exception):
    """More periods than a line holds"""


@dataclass(frozen=True)
class Span:
    """From an instant up to, but not including, another one; both in UTC."""

    start: datetime
    end: datetime


def begin(at: datetime, unit: Unit, zone: str) -> datetime:
    """The instant at which the local period that `at` is in began. Weeks begin on Monday.

    Hours are those of the clock on the wall: one that a clock shows twice is two hours.
    """
    if unit == "hour":
        offset = at.astimezone(zone_of(zone)).utcoffset() or timedelta(0)
        return _floor_hour(at.astimezone(UTC) + offset) - offset
    local = at.astimezone(zone_of(zone)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if unit == "week":
        local -= timedelta(days=local.weekday())
    elif unit == "month":
        local = local.replace(day=1)
    return _instant(local, zone)


def after(start: datetime, unit: Unit, zone: str, number: int = 1) -> datetime:
    """The beginning of the period so many after (or, below 0, before) the one that begins at `start`."""
    if unit == "hour":
        return start + number * _STEP["hour"]
    # a day whose midnight a clock skipped begins later on the wall; the next one does not
    local = start.astimezone(zone_of(zone)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if unit == "month":
        months = local.year * 12 + local.month - 1 + number
        return _instant(local.replace(year=months // 12, month=months % 12 + 1), zone)
    return _instant(local + number * _STEP[unit], zone)


def spans(start: datetime, end: datetime, unit: Unit, zone: str, *, most: int = MOST) -> list[Span]:
    """The local periods from the one that `start` is in to the last that begins before `end`. Raises TooMany."""
    made: list[Span] = []
    current = begin(start, unit, zone)
    while current < end:
        if len(made) == most:
            raise TooMany(f"there are more than {most} such periods between from and to")
        following = after(current, unit, zone)
        made.append(Span(current, following))
        current = following
    return made


def before(found: list[Span], end: datetime, unit: Unit, zone: str) -> list[Span]:
    """As many periods just before these, the last one cut short as the last of these is by `end`."""
    number = len(found)
    starts = [after(found[0].start, unit, zone, place - number) for place in range(number + 1)]
    earlier = [Span(one, two) for one, two in pairwise(starts)]
    if end < found[-1].end:
        last = earlier[-1]
        earlier[-1] = Span(last.start, min(last.end, last.start + (end - found[-1].start)))
    return earlier


def hour_of_week(at: datetime, zone: str) -> tuple[int, int]:
    """Weekday (1 is Monday) and hour on the wall at an instant."""
    local = at.astimezone(zone_of(zone))
    return local.isoweekday(), local.hour


def _floor_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _instant(local: datetime, zone: str) -> datetime:
    """The instant of a local midnight: of one that a clock shows twice the first; of one it skips, that of the jump."""
    return local.replace(tzinfo=zone_of(zone), fold=0).astimezone(UTC)
