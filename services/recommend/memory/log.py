"""Decisions that were answered and wait to be written down."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from uuid import UUID

import msgspec
from prometheus_client import Counter

DROPPED = Counter("marquee_decisions_dropped_total", "Decisions that were answered but not logged: the buffer was full")


class Slot(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One decision of a request as the log keeps it: placement, creative, reason, probability."""

    p: str
    r: str
    c: str | None = None
    pr: float = 1.0


class Answered(msgspec.Struct, frozen=True, gc=False):
    """One decide request, answered."""

    id: UUID
    at: datetime
    profile_id: int | None
    user_id: str | None
    anonymous_id: str | None
    slots: list[Slot]


class DecisionLog:
    """A bounded buffer: when the database cannot keep up, decisions go on and the newest lines are dropped, counted."""

    def __init__(self, *, size: int) -> None:
        self._size = size
        self._waiting: deque[Answered] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, answered: Answered) -> None:
        """Keep it until the next write."""
        if len(self._waiting) >= self._size:
            DROPPED.inc()
            return
        self._waiting.append(answered)

    def first(self, count: int) -> list[Answered]:
        """The oldest `count`; they stay until `written` says that they are safe."""
        return [self._waiting[index] for index in range(min(count, len(self._waiting)))]

    def written(self, count: int) -> None:
        """The oldest `count` are in the database."""
        for _ in range(count):
            self._waiting.popleft()
