"""Rings when a commit has left something to do, so that a step need not wait for its next look."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from sqlalchemy.ext.asyncio import AsyncSession

from shared import database

_listeners: list[Callable[[], object]] = []


@contextlib.contextmanager
def heard_by(wake: Callable[[], object]) -> Iterator[None]:
    """Call `wake` at every ring, as long as the context is open."""
    _listeners.append(wake)
    try:
        yield
    finally:
        _listeners.remove(wake)


def ring(session: AsyncSession) -> None:
    """Ring once this transaction has committed. Steps of other processes find the work by looking."""
    database.after_commit(session, _ring)


def _ring() -> None:
    for wake in _listeners:
        wake()
