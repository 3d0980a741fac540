"""Links, merges and splits in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

_CALLS = {"identify": "an identify", "alias": "an alias"}

_REASONS = {
    "shared_device": "another user is known by it, so the device is shared: the events are the user's who is named",
    "uniqueness": "each belongs to a viewer who has an id that nobody has twice",
    "limit": "one viewer would have more ids, or more merges in a day, than its namespace allows",
    "veto": "an operator has taken them apart",
}


def day(at: datetime) -> str:
    """An instant to the minute, UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def call(kind: str) -> str:
    """A tracking call with its article."""
    return _CALLS.get(kind, f"a {kind} call")


def link(one: str, other: str, *, reason: str | None, kind: str, source: str, at: datetime) -> str:
    """Why two ids are one viewer, or why not."""
    both = f"{call(kind)} from {source} on {day(at)} named {one} and {other}"
    if reason is None:
        return f"They are one viewer: {both}."
    return f"They were not joined though {both}: {_REASONS.get(reason, reason)}."


def move(
    kind: str, from_id: int, into_id: int, origins: Sequence[str], *, link: Sequence[str] | None, by: str, why: str
) -> str:
    """What a merge or a split did, and why."""
    many = f"{', '.join(origins[:5])}{f' and {len(origins) - 5} more' if len(origins) > 5 else ''}"
    if kind == "split":
        return f"{many} left profile {from_id} for profile {into_id}: {by} said “{why}”."
    cause = f"{why} named {link[0]} and {link[1]} together" if link else f"{by} said “{why}”"
    return f"Profile {from_id} with {many} became part of profile {into_id}: {cause}."
