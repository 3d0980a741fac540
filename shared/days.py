"""Days as people count them: from midnight to midnight where they live."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from datetime import time as time_of_day
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field


def _known(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is no time zone, like Asia/Shanghai or UTC") from error
    return name


Zone = Annotated[str, Field(max_length=64, description="Where days begin: an IANA name"), AfterValidator(_known)]


_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{2}):?(\d{2})")


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo | None:
    """A time zone by IANA name or offset (`Asia/Shanghai`, `+08:00`, `UTC+08:00`); None when there is no such zone."""
    if found := _OFFSET.fullmatch(name):
        sign, hours, minutes = found.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if sign == "-" else offset) if offset < timedelta(hours=15) else None
    if len(name) > 64:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def last(now: datetime, days: int, zone: str) -> list[date]:
    """So many days up to today in this zone, the oldest first."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return [today - timedelta(days=ago) for ago in range(days - 1, -1, -1)]


def time(now: datetime, zone: str) -> time_of_day:
    """The time of day that it is in this zone, by the clock on the wall."""
    return now.astimezone(ZoneInfo(zone)).time()


def begin(day: date, zone: str) -> datetime:
    """The instant a day begins in this zone."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
