"""What one identity's events of one month add up to, and how the parts make a whole.

Everything is a sum of integers, an earliest or a latest, so that any order of any batches gives the same, and the whole
of a viewer is the sum over his identities and months (test_any_order_of_any_batches_gives_the_recomputation).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from services.profile.rules import bots, habits, interests
from services.profile.rules.interests import Thing

OTHERS = "*"
"""Where a count goes whose name is one too many."""
MOST_NAMES = 300

MONEY = 10_000
"""Stored parts of one unit of a currency."""
MOST_MONEY = 1e9
CURRENCY = "CNY"

LONGEST_WATCH = 86_400.0
"""Seconds: nobody watches longer in one event."""

WATCHED = "Video Watched"
ORDERED = "Order Completed"
REFUNDED = "Order Refunded"


class Video(msgspec.Struct, array_like=True):
    """Watching: times in milliseconds; `completion` is the sum over the `rated` ones, in thousandths."""

    plays: int = 0
    watched: int = 0
    duration: int = 0
    rated: int = 0
    completion: int = 0


class Spent(msgspec.Struct, array_like=True):
    """Orders in one currency, amounts in ten-thousandths; `last` is the second of the last order."""

    orders: int = 0
    amount: int = 0
    last: int = 0
    refunds: int = 0
    refunded: int = 0


class Month(msgspec.Struct, array_like=True):
    """The sums of one origin and month. Stored as MessagePack by position: new fields go to the end."""

    events: dict[str, int] = msgspec.field(default_factory=dict)
    hours: dict[int, int] = msgspec.field(default_factory=dict)
    """Events by hour of the week."""
    slots: dict[int, int] = msgspec.field(default_factory=dict)
    """Active half-hours of the month: first × 2048 + last second of activity in it."""
    devices: dict[str, int] = msgspec.field(default_factory=dict)
    sources: dict[str, int] = msgspec.field(default_factory=dict)
    kinds: dict[str, int] = msgspec.field(default_factory=dict)
    """Events by kind of what they were about: video, live, article …"""
    video: Video = msgspec.field(default_factory=Video)
    spent: dict[str, Spent] = msgspec.field(default_factory=dict)
    interests: dict[str, int] = msgspec.field(default_factory=dict)
    rest: int = 0
    """Interests in tags that are not kept."""
    bots: int = 0
    """Events of programs, which nothing else here counts."""


_decoder = msgspec.msgpack.Decoder(Month)
_encoder = msgspec.msgpack.Encoder()


def read(data: bytes) -> Month:
    """The sums as stored."""
    return _decoder.decode(data)


def write(month: Month) -> bytes:
    """The sums to store."""
    return _encoder.encode(month)


def readable(number: int, data: bytes) -> dict[str, Any]:
    """The sums of a month as a person can read them: names for places, activity as pairs of instants."""
    month = read(data)
    start, _ = bounds(number)
    told = {name: getattr(month, name) for name in month.__struct_fields__ if name not in ("slots", "video", "spent")}
    told["interests"] = {tag: weight / interests.UNIT for tag, weight in month.interests.items()}
    told["video"] = _named(month.video)
    told["spent"] = {code: _named(its) for code, its in month.spent.items()}
    told["active"] = [
        [
            datetime.fromtimestamp(start + slot * habits.GAP + second, UTC).isoformat()
            for second in (packed >> 11, packed & 2047)
        ]
        for slot, packed in sorted(month.slots.items())
    ]
    return told


def _named(part: Video | Spent) -> dict[str, int]:
    return {name: getattr(part, name) for name in part.__struct_fields__}


class Terms(NamedTuple):
    """The installation's options: zone of whoever does not say his own, half-life of interests in seconds."""

    zone: str
    half_life: float


def number(time: datetime) -> int:
    """The month of an instant (UTC): months since January 1970."""
    return (time.year - 1970) * 12 + time.month - 1


@lru_cache(maxsize=2048)
def bounds(month: int) -> tuple[int, int]:
    """First second of a month and of the next one, since 1970."""
    return _start(month), _start(month + 1)


def _start(month: int) -> int:
    year, rest = divmod(month, 12)
    return int(datetime(1970 + year, rest + 1, 1, tzinfo=UTC).timestamp())


def concerns(event: str, properties: Mapping[str, Any]) -> str | None:
    """The item whose kind and tags must be known to count this event; None when there is none."""
    if event != WATCHED and event not in interests.WEIGHTS:
        return None
    item = properties.get("content_id")
    return item if isinstance(item, str) and 0 < len(item) <= 200 and "\0" not in item else None


class Happened(NamedTuple):
    """An event with what is counted of it."""

    event: str
    time: datetime
    source: str
    properties: Mapping[str, Any]
    context: Mapping[str, Any]
    item: Thing | None


def add(month: Month, number: int, it: Happened, terms: Terms) -> None:
    """Count an event of this month. One of a program says nothing about what the viewer does and likes."""
    if bots.mark(it.context) is not None:
        month.bots += 1
        return
    moment = it.time.timestamp()
    second = math.floor(moment)
    start, end = bounds(number)
    _count(month.events, it.event)
    hour = habits.hour(second, it.context.get("timezone"), terms.zone)
    month.hours[hour] = month.hours.get(hour, 0) + 1
    slot, within = divmod(second - start, habits.GAP)
    known = month.slots.get(slot)
    first, last = (within, within) if known is None else (min(known >> 11, within), max(known & 2047, within))
    month.slots[slot] = first << 11 | last
    device = habits.device(it.context)
    if device is not None:
        _count(month.devices, device)
    _count(month.sources, it.source)
    kind = _kind(it)
    if kind is not None:
        _count(month.kinds, kind)
    completion = _watch(month.video, it.properties) if it.event == WATCHED else None
    if it.event in (ORDERED, REFUNDED):
        _spend(month, it, second)
    weight = interests.weight(it.event, completion)
    if weight:
        amount = interests.stored(weight, end - moment, terms.half_life)
        sums = month.interests
        for tag in interests.tags(it.event, it.properties, it.item):
            sums[tag] = sums.get(tag, 0) + amount
        if len(sums) > interests.ROOM:
            month.interests, gone = interests.pruned(sums)
            month.rest += gone


def _count(counts: dict[str, int], name: str) -> None:
    if name not in counts and len(counts) >= MOST_NAMES:
        name = OTHERS
    counts[name] = counts.get(name, 0) + 1


def _kind(it: Happened) -> str | None:
    """The kind of what an event was about: as it says, as the item is, as its name says."""
    said = it.properties.get("content_kind") or it.properties.get("content_type")
    if isinstance(said, str) and 0 < len(said) <= 32:
        return said
    if it.item is not None:
        return it.item.kind
    if it.event.startswith("Video "):
        return "video"
    return "live" if it.event.startswith("Live Room ") else None


def quantity(value: Any, most: float) -> float | None:
    """A finite number between 0 and `most`, also written as text; None for anything else."""
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        return None
    return float(value)


def _watch(video: Video, properties: Mapping[str, Any]) -> float | None:
    """Count a watched video; how much of it was watched, 0 to 1, None when nobody knows."""
    watched = quantity(properties.get("watch_seconds"), LONGEST_WATCH)
    duration = quantity(properties.get("duration_seconds"), LONGEST_WATCH)
    completion = quantity(properties.get("completion"), 1.0)
    if completion is None and watched is not None and duration:
        completion = min(1.0, watched / duration)
    video.plays += 1
    video.watched += round((watched or 0) * 1000)
    video.duration += round((duration or 0) * 1000)
    if completion is not None:
        video.rated += 1
        video.completion += round(completion * 1000)
    return completion


def _spend(month: Month, it: Happened, second: int) -> None:
    currency = it.properties.get("currency")
    code = currency.upper() if isinstance(currency, str) and len(currency) == 3 and currency.isalpha() else CURRENCY
    names = ("revenue", "total", "value") if it.event == ORDERED else ("revenue", "total", "amount", "value")
    said = (quantity(it.properties.get(name), MOST_MONEY) for name in names)
    amount = round(next((one for one in said if one is not None), 0.0) * MONEY)
    if code not in month.spent and len(month.spent) >= MOST_NAMES:
        code = OTHERS
    spent = month.spent.setdefault(code, Spent())
    if it.event == ORDERED:
        spent.orders += 1
        spent.amount += amount
        spent.last = max(spent.last, second)
    else:
        spent.refunds += 1
        spent.refunded += amount


class Whole(msgspec.Struct):
    """The sums of a viewer over his identities and months; `spans` are his active half-hours, rising."""

    events: dict[str, int]
    hours: dict[int, int]
    spans: habits.Spans
    devices: dict[str, int]
    sources: dict[str, int]
    kinds: dict[str, int]
    video: Video
    spent: dict[str, Spent]
    interests: dict[str, float]
    rest: float
    bots: int = 0


def sources(parts: Iterable[Month]) -> dict[str, int]:
    """Events by the write key they came with."""
    found: dict[str, int] = {}
    for part in parts:
        for name, count in part.sources.items():
            found[name] = found.get(name, 0) + count
    return found


def whole(parts: Iterable[tuple[int, Month]], now: datetime, half_life: float) -> Whole:
    """The sum of (month, its sums), with interests as they are now; half-life in seconds."""
    parts = list(parts)
    spans = habits.spans((bounds(month)[0], part.slots) for month, part in parts)
    found = Whole({}, {}, spans, {}, {}, {}, Video(), {}, {}, 0.0)
    at = now.timestamp()
    for month, part in parts:
        _, end = bounds(month)
        for mine, its in (
            (found.events, part.events),
            (found.devices, part.devices),
            (found.sources, part.sources),
            (found.kinds, part.kinds),
        ):
            for name, count in its.items():
                mine[name] = mine.get(name, 0) + count
        for hour, count in part.hours.items():
            found.hours[hour] = found.hours.get(hour, 0) + count
        for field in Video.__struct_fields__:
            setattr(found.video, field, getattr(found.video, field) + getattr(part.video, field))
        for code, spent in part.spent.items():
            mine_ = found.spent.setdefault(code, Spent())
            mine_.orders += spent.orders
            mine_.amount += spent.amount
            mine_.last = max(mine_.last, spent.last)
            mine_.refunds += spent.refunds
            mine_.refunded += spent.refunded
        factor = interests.present(interests.UNIT, at - end, half_life) / interests.UNIT
        for tag, amount in part.interests.items():
            found.interests[tag] = found.interests.get(tag, 0.0) + amount * factor
        found.rest += part.rest * factor
        found.bots += part.bots
    return found
