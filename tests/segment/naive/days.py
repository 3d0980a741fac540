"""Dates and local days, found by looking at the clock of a zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span(text: str) -> timedelta:
    """A duration."""
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})


def local(at: datetime, zone: str) -> date:
    """The day a clock there shows."""
    return at.astimezone(ZoneInfo(zone)).date()


@cache
def begins(day: date, zone: str) -> datetime:
    """The first quarter of an hour that is on this day there, or after it."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    while local(at, zone) < day:
        at += timedelta(minutes=15)
    return at


def day(text: str) -> date | None:
    """A day that was written without a time."""
    match = DATE.fullmatch(text)
    if not match or not 1000 <= int(match[1]) <= 2999:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def instant(value: object, zone: str = "UTC") -> datetime | None:
    """What a value is as an instant, None if it is no date."""
    if not isinstance(value, str):
        return None
    if written := day(value):
        return begins(written, zone)
    match = INSTANT.fullmatch(value)
    written = day(match[1]) if match else None
    if not match or not written or int(match[2]) > 23 or int(match[3]) > 59 or int(match[4] or 0) > 59:
        return None
    at = datetime(written.year, written.month, written.day, tzinfo=UTC)
    at += timedelta(hours=int(match[2]), minutes=int(match[3]), seconds=int(match[4] or 0))
    at += timedelta(microseconds=int((match[5] or "0").ljust(6, "0")[:6]))
    if match[6] != "Z":
        offset = timedelta(hours=int(match[6][1:3]), minutes=int(match[6][4:]))
        at -= offset if match[6][0] == "+" else -offset
    return at


def birthdays(value: object, zone: str) -> date | None:
    """The day whose month and day are celebrated; a day may have no year."""
    if isinstance(value, str) and (without := re.fullmatch(r"--(\d\d-\d\d)", value, re.ASCII)):
        return day(f"2024-{without[1]}")
    if isinstance(value, str) and day(value):
        return day(value)
    at = instant(value, zone)
    return local(at, zone) if at else None


def celebrates(born: date, on: date) -> bool:
    """Whether somebody born on that day has his day on this one."""
    if (born.month, born.day) == (2, 29) and (on.month, on.day) == (2, 28):
        return (on + timedelta(days=1)).month == 3
    return (born.month, born.day) == (on.month, on.day)
