"""The time, and actions that the clock calls."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

_driven: datetime | None = None


def now() -> datetime:
    """The present instant, in UTC. Tests may drive it with `at`."""
    return _driven or datetime.now(UTC)


@contextlib.contextmanager
def at(instant: datetime) -> Iterator[None]:
    """Let this process believe that it is `instant` (tests only)."""
    global _driven
    before, _driven = _driven, instant
    try:
        yield
    finally:
        _driven = before


@dataclass(frozen=True)
class Every:
    """Call `action(session)` every `seconds`: one transaction, under an advisory lock, so on one replica at a time.

    With `again` an action that answers True has more to do, and is called again at once, in a transaction of its own.
    """

    seconds: float
    action: Callable[[AsyncSession], Awaitable[object]]
    name: str
    again: bool = False
