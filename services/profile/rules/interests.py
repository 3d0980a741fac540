"""What an event says about its viewer's interests, and how that fades.

An interest is a sum of weights that halve every half-life h: at an instant T it is Σ wᵢ · 2^−((T − tᵢ)/h). Stored is
the sum at the end of the event's month, in whole millionths: integers add up to the same in any order, so a late event
counts as if it had come in time, and the parts of two identities add up to those of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from services.profile.rules import contacts, sealing

UNIT = 1_000_000
"""Stored parts of a weight of 1 at the end of the month."""

KEPT = 50
"""Tags kept by origin and month, the heaviest, once there are more than `ROOM`; the others are one sum, `rest`."""
ROOM = 100

MOST_TAGS = 20
"""Tags of one event that count, the first ones."""
LONGEST = 64

WEIGHTS: Mapping[str, float] = {
    "Content Opened": 0.2,
    "Content Liked": 1.0,
    "Content Unliked": -1.0,
    "Content Saved": 1.5,
    "Content Shared": 1.5,
    "Content Commented": 1.0,
    "Danmaku Sent": 0.5,
    "Content Disliked": -2.0,
    "Creator Followed": 2.0,
    "Creator Unfollowed": -2.0,
    "Search Performed": 0.8,
    "Live Room Entered": 0.5,
    "Gift Sent": 2.0,
    "Order Completed": 2.0,
}
"""What an event adds to each of its tags. Seeing alone (Content Shown) says nothing: the platform chose."""

WATCHED = "Video Watched"
SEARCHED = "Search Performed"


class Thing(NamedTuple):
    """What is known of an item."""

    kind: str
    tags: tuple[str, ...]


def weight(event: str, completion: float | None) -> float:
    """What an event adds to its tags: 0 for most; a video by how much of it was watched, between 0.1 and 1."""
    if event == WATCHED:
        return 0.3 if completion is None else 0.1 + 0.9 * completion
    return WEIGHTS.get(event, 0.0)


def tags(event: str, properties: Mapping[str, Any], item: Thing | None) -> set[str]:
    """The tags an event is about: its own `tags` and `category`, those of its item, the words of a search."""
    found: list[Any] = []
    said = properties.get("tags")
    if isinstance(said, list):
        found += said
    elif isinstance(said, str):
        found += said.split(",")
    found.append(properties.get("category"))
    if item is not None:
        found += item.tags
    if event == SEARCHED and isinstance(query := properties.get("query"), str):
        # Whoever searches for an address or a number does not say what he likes; an address alone is sealed by now.
        words = () if sealing.is_sealed(query) else query[:200].split()
        found += [word.casefold() for word in words if not ("@" in word or word.isdigit() or contacts.HIDDEN in word)]
    return clean(found)


def clean(found: Iterable[Any]) -> set[str]:
    """Tags as they are kept: plain text without blanks around it, of at most 64 characters, the first 20."""
    kept: set[str] = set()
    for one in found:
        if not isinstance(one, str) or one.startswith(sealing.MARK):
            continue
        tag = one.strip()
        if tag and len(tag) <= LONGEST and "\0" not in tag:
            kept.add(tag)
            if len(kept) == MOST_TAGS:
                break
    return kept


def stored(weight: float, seconds: float, half_life: float) -> int:
    """A weight as stored: at the end of the month, `seconds` after the event; `half_life` in seconds."""
    return round(weight * math.exp2(-seconds / half_life) * UNIT)


def present(amount: int, seconds: float, half_life: float) -> float:
    """A stored amount as a weight `seconds` after the end of its month (before it when negative)."""
    return amount / UNIT * math.exp2(-seconds / half_life)


STEP = 0.05
"""How far a share must move before a tag's weight moves."""


class Leaning(NamedTuple):
    """An interest that gives a tag: its share now, and for how many seconds it will if nothing more happens."""

    share: float
    seconds: float | None


def leaning(wanted: Mapping[str, Any], weights: Mapping[str, float], total: float, half_life: float) -> Leaning | None:
    """What a tag's `interest` (tags, share, weight) makes of a viewer's interests; None where they are too slight.

    `weights` are those above nothing, as they are now, and `total` is all there is. All fade alike, so a share stays
    while nothing happens, and a weight w is down to m after h · log2(w/m); half-life and answer in seconds.
    """
    weight = sum(weights.get(tag, 0.0) for tag in wanted["tags"])
    if not total or weight <= 0 or weight < wanted["weight"] or weight / total < wanted["share"]:
        return None
    least = wanted["weight"]
    return Leaning(min(1.0, weight / total), half_life * math.log2(weight / least) if least > 0 else None)


def stepped(held: float | None, share: float) -> float:
    """The weight of a tag whose interest has this share: a whole number of steps, the held one while it is near."""
    if held is not None and abs(held - share) < STEP:
        return held
    return max(STEP, round(round(share / STEP) * STEP, 2))


def pruned(amounts: dict[str, int]) -> tuple[dict[str, int], int]:
    """The heaviest tags when there are too many, and the sum of those let go."""
    if len(amounts) <= ROOM:
        return amounts, 0
    order = sorted(amounts.items(), key=lambda one: (-one[1], one[0]))
    return dict(order[:KEPT]), sum(amount for _, amount in order[KEPT:])
