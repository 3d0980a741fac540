"""When and on what a viewer is active: hours of the week in his own zone, sessions, devices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

GAP = 1800
"""Seconds without an event that end a session. Also the width of a slot: see `sessions`."""

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{2}):?(\d{2})")

_SYSTEMS = (
    ("harmony", "HarmonyOS"),
    ("android", "Android"),
    ("iphone", "iOS"),
    ("ipad", "iOS"),
    ("ios", "iOS"),
    ("windows", "Windows"),
    ("mac", "macOS"),
    ("cros", "ChromeOS"),
    ("linux", "Linux"),
)
_TABLETS = ("ipad", "tablet", "pad")
_PHONES = ("iphone", "phone", "mobile", "android", "ios", "harmony")
_SCREENS = ("tv", "bravia", "tizen", "webos")


@dataclass(frozen=True, slots=True)
class Sessions:
    """How often and how long: `seconds` is the sum from first to last event of each."""

    count: int
    seconds: int
    longest: int


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo | None:
    """A time zone by IANA name or offset (`Asia/Shanghai`, `+08:00`, `UTC+8:00`); None when there is no such zone."""
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


@lru_cache(maxsize=8192)
def _hour(quarter: int, name: str, default: str) -> int:
    its = zone(name) or zone(default) or UTC
    local = datetime.fromtimestamp(quarter * 900, its)
    return local.weekday() * 24 + local.hour


def hour(seconds: int, name: Any, default: str) -> int:
    """The hour of the week, Monday 0:00 is 0, in the zone of this name, or the default's when it is none.

    Every zone's offset is a multiple of a quarter of an hour, so quarters can be remembered.
    """
    return _hour(seconds // 900, name if isinstance(name, str) else default, default)


def sessions(slots: Iterable[tuple[int, int, int]]) -> Sessions:
    """Sessions out of slots (start of a half-hour, first and last second of activity in it), rising.

    Events of one slot are always of one session, since a slot is as wide as the gap; so the first and last second of
    each half-hour are enough to cut sessions exactly where more than GAP passes without an event, in whatever order
    the events came (test_sessions_are_those_of_the_sorted_events).
    """
    count = seconds = longest = 0
    begin = end = None
    for start, first, last in slots:
        if end is None or begin is None or start + first - end > GAP:
            if begin is not None and end is not None:
                seconds += end - begin
                longest = max(longest, end - begin)
            count += 1
            begin = start + first
        end = start + last
    if begin is not None and end is not None:
        seconds += end - begin
        longest = max(longest, end - begin)
    return Sessions(count, seconds, longest)


def device(context: Mapping[str, Any]) -> str | None:
    """The kind of device and its system as `phone/iOS`, from what SDKs put into the context; None when they do not."""
    return _device(
        _word(context.get("device"), "type"),
        _word(context.get("os"), "name"),
        _text(context.get("platform")),
        _text(context.get("userAgent")),
    )


def _word(part: Any, name: str) -> str:
    return _text(part.get(name)) if isinstance(part, dict) else ""


def _text(value: Any) -> str:
    return value[:400].lower() if isinstance(value, str) else ""


@lru_cache(maxsize=4096)
def _device(kind: str, system: str, platform: str, agent: str) -> str | None:
    said = f"{kind} {system} {platform} {agent}".strip()
    if not said:
        return None
    os = next((name for word, name in _SYSTEMS if word in said), "other")
    if any(word in said for word in _SCREENS):
        form = "tv"
    elif any(word in said for word in _TABLETS):
        form = "tablet"
    elif any(word in said for word in _PHONES):
        form = "phone"
    elif os in ("Windows", "macOS", "Linux", "ChromeOS"):
        form = "desktop"
    else:
        form = "other"
    return f"{form}/{os}"


def days(slots: Iterable[tuple[int, int, int]], name: str) -> int:
    """Days of a zone with activity in these slots."""
    its = zone(name) or UTC
    found = set()
    for start, first, last in slots:
        found.add(datetime.fromtimestamp(start + first, its).date())
        found.add(datetime.fromtimestamp(start + last, its).date())
    return len(found)
