"""How much an event says for an item, and on which UTC day it says it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date

from services.recommend.schemas.content import LONGEST_ID
from shared.contracts import EventRecorded

HALF_LIFE_DAYS = 7
"""After a week a day's popularity counts half: long enough to outlast a weekend, short enough that the list moves."""

HORIZON_DAYS = 10 * HALF_LIFE_DAYS
"""Days older than ten half-lives weigh less than a thousandth and are left out of the sum."""

FAR_HORIZON_DAYS = 7_000
"""How far back the list is filled up from when little happened lately, as after an import; 2^-1000 is still a float."""

WEIGHTS = {
    "Content Opened": 1.0,
    "Video Watched": 1.0,
    "Live Room Entered": 1.0,
    "Danmaku Sent": 2.0,
    "Content Liked": 4.0,
    "Content Unliked": -4.0,
    "Content Saved": 4.0,
    "Content Commented": 4.0,
    "Content Shared": 6.0,
    "Gift Sent": 6.0,
    "Content Disliked": -6.0,
}
"""What one event adds. A watch counts by its `completion` (0 to 1, half when it is not told)."""


def item_of(event: EventRecorded) -> str | None:
    """The item an event is about: its `content_id`, as text; None when there is no usable one."""
    value = event.properties.get("content_id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or "\x00" in value:
        return None
    return value


def weight(event: EventRecorded) -> float:
    """What the event adds to its item, 0 for events that say nothing about liking."""
    base = WEIGHTS.get(event.event, 0.0)
    if event.event != "Video Watched":
        return base
    completion = event.properties.get("completion")
    if isinstance(completion, bool) or not isinstance(completion, int | float):
        completion = 0.5
    return base * float(min(max(completion, 0), 1))


def sums(events: Iterable[EventRecorded]) -> dict[tuple[str, date], float]:
    """Total weight by item and UTC day of the event's own time, so that history counts where it happened."""
    totals: dict[tuple[str, date], float] = {}
    for event in events:
        added = weight(event)
        item = item_of(event) if added else None
        if item is not None:
            slot = (item, event.time.astimezone(UTC).date())
            totals[slot] = totals.get(slot, 0.0) + added
    return totals
