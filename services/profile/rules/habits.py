"""When and on what a viewer is active: hours of the week in his own zone, sessions, devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timezone, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shared.days import zone

GAP = 1800
"""Seconds without an event that end a session. Also the width of a slot of the month: see `sessions`."""

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
_SAID = frozenset(("device", "os", "platform", "userAgent"))
_TABLETS = ("ipad", "tablet", "pad")
_PHONES = ("iphone", "phone", "mobile", "android", "ios", "harmony")
_SCREENS = ("tv", "bravia", "tizen", "webos")


Seconds = npt.NDArray[np.int64]


class Spans(NamedTuple):
    """First and last second (since 1970) of activity in each active half-hour, rising.

    Arrays, since a year of a busy viewer has ten thousand of them and a portrait is asked for while somebody waits.
    """

    first: Seconds
    last: Seconds


@dataclass(frozen=True, slots=True)
class Sessions:
    """How often and how long: `seconds` is the sum from first to last event of each."""

    count: int
    seconds: int
    longest: int


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


def spans(parts: Iterable[tuple[int, Mapping[int, int]]]) -> Spans:
    """The active half-hours of a viewer: those of months (`aggregates.Month.slots`) that begin at these seconds.

    A month may come again, of another of his identities.
    """
    begun = [(start, slots) for start, slots in parts if slots]
    if not begun:
        return Spans(np.empty(0, np.int64), np.empty(0, np.int64))
    begins = np.concatenate([np.fromiter(slots, np.int64, len(slots)) * GAP + start for start, slots in begun])
    packed = np.concatenate([np.fromiter(slots.values(), np.int64, len(slots)) for _, slots in begun])
    order = np.argsort(begins)
    begins, packed = begins[order], packed[order]
    heads = np.flatnonzero(np.diff(begins, prepend=begins[0] - 1))
    return Spans(
        np.minimum.reduceat(begins + (packed >> 11), heads),
        np.maximum.reduceat(begins + (packed & 2047), heads),
    )


def sessions(spans: Spans) -> Sessions:
    """Sessions out of the active half-hours.

    Events of one half-hour are always of one session, since it is as wide as the gap; so the first and last second of
    each are enough to cut sessions exactly where more than GAP passes without an event, in whatever order the events
    came (test_sessions_are_those_of_the_sorted_events).
    """
    first, last = spans
    if not len(first):
        return Sessions(0, 0, 0)
    cuts = np.flatnonzero(first[1:] - last[:-1] > GAP)
    lengths = last[np.append(cuts, len(last) - 1)] - first[np.append(0, cuts + 1)]
    return Sessions(len(lengths), int(lengths.sum()), int(lengths.max()))


def days(spans: Spans, name: str) -> int:
    """Days of a zone with activity in these half-hours."""
    its = zone(name) or UTC
    first, last = spans
    if not len(first):
        return 0
    # The offset at both ends of every UTC day of these spans: nearly always one and the same.
    utc_days = range(int(first[0]) // 86_400, int(last[-1]) // 86_400 + 1)
    offsets = {_bound(second, its) for day in utc_days for second in (day * 86_400, day * 86_400 + 86_399)}
    if len(offsets) == 1 and (offset := offsets.pop()) % GAP == 0:
        # Then a half-hour is all of one day.
        return len(np.unique((first + offset) // 86_400))
    seconds = np.concatenate([first, last]).tolist()
    return len({(second + _offset(second, its)) // 86_400 for second in seconds})


@lru_cache(maxsize=16_384)
def _bound(second: int, its: tzinfo) -> int:
    """The offset at an end of a day, the same for all viewers."""
    return _offset(second, its)


def _offset(second: int, its: tzinfo) -> int:
    if isinstance(its, timezone):
        return int(its.utcoffset(None).total_seconds())
    offset = datetime.fromtimestamp(second, its).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def device(context: Mapping[str, Any]) -> str | None:
    """The kind of device and its system as `phone/iOS`, from what SDKs put into the context; None when they do not."""
    if _SAID.isdisjoint(context):
        return None
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
    # A program of a server names itself, too; it is nobody's device.
    return None if form == os == "other" else f"{form}/{os}"
