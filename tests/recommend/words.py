"""Short words for the facts that these tests tell."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET, UnsetType

from shared import roaring
from shared.contracts import CreativeShown, EventRecorded, IdentityLinked, SegmentChanged, partition_of
from shared.contracts.segments import Cause

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
_ids = itertools.count(1)


def did(
    event: str,
    *,
    profile_id: int = 1,
    time: datetime = NOON,
    bot: str | UnsetType = UNSET,
    **properties: Any,
) -> EventRecorded:
    """A viewer did something, or a program in his name."""
    return EventRecorded(
        event_id=f"e{next(_ids)}",
        origin=f"user_id:u{profile_id}",
        profile_id=profile_id,
        event=event,
        time=time,
        received_at=time,
        properties=properties,
        bot=bot,
    )


def linked(profile_id: int, namespace: str, value: str) -> IdentityLinked:
    """An id belongs to a profile."""
    return IdentityLinked(profile_id=profile_id, namespace=namespace, value=value)


def packed(segment: str, *, entered: tuple[int, ...] = (), left: tuple[int, ...] = ()) -> SegmentChanged:
    """Viewers of one partition entered and left in a fill, told as bitmaps."""
    return SegmentChanged(
        key=segment,
        version=1,
        part=partition_of((*entered, *left)[0]),
        cause="fill",
        at=NOON,
        entered_roaring=roaring.pack(entered),
        left_roaring=roaring.pack(left),
    )


def moved(
    segment: str, *, entered: tuple[int, ...] = (), left: tuple[int, ...] = (), cause: Cause = "rule", part: int = -1
) -> SegmentChanged:
    """Viewers of one partition entered and left."""
    whose = (*entered, *left)
    return SegmentChanged(
        key=segment,
        version=1,
        part=partition_of(whose[0]) if part < 0 else part,
        cause=cause,
        at=NOON,
        entered=list(entered),
        left=list(left),
    )


def shown(key: str) -> CreativeShown:
    """A creative as the front-end gets it."""
    return CreativeShown(key=key, content={"title": key})
