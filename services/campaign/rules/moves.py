"""Which messages go along when viewers merge or split, and which must not be sent any more because of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

WAITING = ("planned", "claimed")
"""States in which nothing has been sent; a message in one of them can still be called off."""
DONE_WITH = ("skipped", "failed")
"""States in which nobody was reached."""

SENT_ONCE = "merged"
"""Reason of a message that is skipped because the viewer has another one for the same occasion."""


class Row(NamedTuple):
    """A message, and whose it is today."""

    id: int
    campaign_id: int
    step: str
    occasion: str
    state: str
    profile_id: int
    home: int


@dataclass
class Settled:
    """Messages that get another viewer, and messages that are called off."""

    repoint: dict[int, int] = field(default_factory=dict)
    skip: list[int] = field(default_factory=list)


def settle(rows: Iterable[Row]) -> Settled:
    """One viewer gets one message per campaign, step and occasion, whatever he was when they were planned.

    If one was begun, the waiting ones are called off; of several that wait the oldest stays. Two of one occasion cannot
    stand under one viewer: then those called off, or else the later ones, keep the id they were planned for.
    """
    settled = Settled()
    groups: dict[tuple[int, str, int, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.campaign_id, row.step, row.home, row.occasion), []).append(row)
    for same in groups.values():
        live = [row for row in same if row.state not in DONE_WITH]
        # What was begun comes first, then the oldest; it is the one that stands for the viewer.
        live.sort(key=lambda row: (row.state in WAITING, row.id))
        settled.skip += [row.id for row in live[1:] if row.state in WAITING]
        standing = next((row for row in same if row.profile_id == row.home), None)
        if standing is None:
            first = live[0] if live else min(same)
            settled.repoint[first.id] = first.home
    return settled
