"""How good incoming data is: shares of what is as it should be, and a score from 0 to 100."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from services.profile.rules import bots
from services.profile.rules import events as event_rules
from services.profile.rules.event_types import Compiled
from services.profile.rules.events import Call
from shared.contracts import EventReceived

LONGEST = 200
ENOUGH = 20
"""Calls below which a share says little; such rows are shown and are nobody's worst offender."""

FRESH, STALE = timedelta(hours=24), timedelta(days=7)

KEY_TRAITS = ("$name", "gender", "birthday", "city", "$has")
"""What should be known of every viewer: a name, an address, who and where he is. See rules.search for `$`."""

WEIGHTS = {
    "completeness": 25,
    "validity": 25,
    "uniqueness": 15,
    "accepted": 15,
    "timeliness": 10,
    "humanity": 5,
    "freshness": 5,
}
"""What each share weighs in the score; a share that cannot be told leaves its weight to the others."""

WORDS = {
    "completeness": "expected properties are missing",
    "validity": "properties have another type than expected",
    "uniqueness": "calls arrive again and again",
    "accepted": "calls are refused, at the gateway or by the tracking plan",
    "timeliness": "events are more than 24 hours old on arrival",
    "humanity": "events come from programs",
    "freshness": "nothing has arrived lately",
}


class Count(NamedTuple):
    """Counters of one source and event, over a day or many."""

    received: int = 0
    refused: int = 0
    recorded: int = 0
    late: int = 0
    bots: int = 0
    expected: int = 0
    filled: int = 0
    valid: int = 0


Key = tuple[date, str, str]
"""Day of arrival, source, event (or the call, in parentheses)."""


def kind(item: EventReceived) -> str:
    """The event of a call, or the call itself in parentheses: `(identify)`."""
    name = item.event if item.type == "track" else event_rules.name(item)
    return (name or f"({item.type})")[:LONGEST].replace("\0", "")


def count(
    received: Iterable[EventReceived], refused: Iterable[Call], recorded: Iterable[Call], types: Mapping[str, Compiled]
) -> dict[Key, tuple[Count, datetime]]:
    """What a batch adds to the counters, with the latest arrival; `types` is the tracking plan's."""
    numbers: dict[Key, list[int]] = {}
    last: dict[Key, datetime] = {}
    for item in received:
        key = (item.received_at.date(), item.source, kind(item))
        if key not in numbers:
            numbers[key] = [0] * 8
            last[key] = item.received_at
        elif item.received_at > last[key]:
            last[key] = item.received_at
        numbers[key][0] += 1
    for call in refused:
        numbers[(call.item.received_at.date(), call.item.source, kind(call.item))][1] += 1
    for call in recorded:
        item = call.item
        mine = numbers[(item.received_at.date(), item.source, kind(item))]
        mine[2] += 1
        mine[3] += event_rules.is_history(call.time, item.received_at)
        mine[4] += bots.MARK in item.context
        its = types.get(call.event or "")
        if its is not None and its.expected:
            mine[5] += len(its.expected)
            for name, right in its.expected.items():
                value = call.properties.get(name)
                if value is not None and value != "":
                    mine[6] += 1
                    mine[7] += type(value) in right if right else True
    return {key: (Count(*its), last[key]) for key, its in numbers.items()}


def shares(counted: Count, last: datetime | None, now: datetime) -> dict[str, float]:
    """What part of it is as it should be, from 0 to 1; a share without anything to tell from is left out."""
    found: dict[str, float] = {}
    if counted.expected:
        found["completeness"] = counted.filled / counted.expected
    if counted.filled:
        found["validity"] = counted.valid / counted.filled
    if counted.received:
        again = max(0, counted.received - counted.refused - counted.recorded)
        found["uniqueness"] = 1 - again / counted.received
        found["accepted"] = 1 - min(1.0, counted.refused / counted.received)
    if counted.recorded:
        found["timeliness"] = 1 - counted.late / counted.recorded
        found["humanity"] = 1 - counted.bots / counted.recorded
    if last is not None:
        found["freshness"] = min(1.0, max(0.0, (STALE - (now - last)) / (STALE - FRESH)))
    return found


def score(found: Mapping[str, float]) -> float:
    """The weighted mean of the shares, 0 to 100; 100 where there is nothing to tell from."""
    weight = sum(WEIGHTS[name] for name in found)
    return round(100 * sum(WEIGHTS[name] * share for name, share in found.items()) / weight, 1) if weight else 100.0


def together(counts: Sequence[Count]) -> Count:
    """The sum of counters."""
    return Count(*(sum(column) for column in zip(*counts, strict=True))) if counts else Count()


def weakest(found: Mapping[str, float]) -> tuple[str, float] | None:
    """The share that costs most points, None when nothing is lost."""
    lost = {name: WEIGHTS[name] * (1 - share) for name, share in found.items()}
    name = max(lost, key=lambda one: lost[one], default=None)
    return (name, found[name]) if name is not None and lost[name] > 0 else None


def whole(value: Any) -> int:
    """A sum as the database gives it."""
    return int(value or 0)
