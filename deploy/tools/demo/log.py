"""What happened, as columns: one row an event, whatever its kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deploy.tools.demo.dice import Floats, Ints

EVENTS = (
    "Content Shown",
    "Content Opened",
    "Video Watched",
    "Content Liked",
    "Content Saved",
    "Content Commented",
    "Danmaku Sent",
    "Content Shared",
    "Content Disliked",
    "Creator Followed",
    "Search Performed",
    "Live Room Entered",
    "Live Room Left",
    "Gift Sent",
    "Order Completed",
    "Order Refunded",
    "Signed Up",
    "Signed In",
)
(SHOWN, OPENED, WATCHED, LIKED, SAVED, COMMENTED, DANMAKU, SHARED, DISLIKED, FOLLOWED, SEARCHED, LIVE_IN, LIVE_OUT,
 GIFT, ORDER, REFUND, SIGNED_UP, SIGNED_IN) = range(len(EVENTS))  # fmt: skip
IDENTIFY, MEMBERSHIP = len(EVENTS), len(EVENTS) + 1
"""A call that says who somebody is; an order of a membership."""


class Log(NamedTuple):
    """Columns of one length. `at` in milliseconds; `number` and `what` depend on the kind.

    `thing` is a number of the catalogue or -1; `number` is how much was watched, seconds of a live room, an amount of
    money; `what` is the text of a comment or search.
    """

    at: Ints
    viewer: Ints
    slot: Ints
    kind: Ints
    thing: Ints
    number: Floats
    what: Ints

    @property
    def rows(self) -> int:
        """How many events."""
        return len(self.at)

    def at_places(self, places: Ints) -> Log:
        """The rows at these places, in that order."""
        return Log(**{name: column[places] for name, column in self._asdict().items()})


class Who(NamedTuple):
    """Whose events, on which of his devices, and about which thing."""

    viewer: Ints
    slot: Ints
    thing: Ints | None = None

    def some(self, places: Ints) -> Who:
        """Those at these places."""
        return Who(self.viewer[places], self.slot[places], None if self.thing is None else self.thing[places])


def rows(kind: int, who: Who, at: Ints, *, number: Floats | None = None, what: Ints | None = None) -> Log:
    """Events of one kind."""
    size = at.shape[0]
    none = np.full(size, -1, np.int64)
    return Log(
        at=at.astype(np.int64),
        viewer=who.viewer,
        slot=who.slot,
        kind=np.full(size, kind, np.int64),
        thing=none if who.thing is None else who.thing,
        number=np.zeros(size) if number is None else number,
        what=none if what is None else what,
    )


def joined(parts: Sequence[Log]) -> Log:
    """All rows, one part after the other."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Log._fields}
    return Log(**columns)
