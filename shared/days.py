"""Days as people count them: from midnight to midnight where they live."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
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


def last(now: datetime, days: int, zone: str) -> list[date]:
    """So many days up to today in this zone, the oldest first."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return [today - timedelta(days=ago) for ago in range(days - 1, -1, -1)]


def begin(day: date, zone: str) -> datetime:
    """The instant a day begins in this zone."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
