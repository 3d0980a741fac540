"""What follows from recorded calls: stages that take a whole batch, in the transaction that recorded it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import aggregates, consents, leanings, search, touches
from services.profile.rules.events import Call


class Recorded(NamedTuple):
    """A call that was new, and the profile it was recorded for."""

    call: Call
    profile_id: int


Stage = Callable[[AsyncSession, Sequence[Recorded]], Awaitable[None]]
"""A stage sees the new calls of a batch in order, with their identities locked until the commit."""

STAGES: tuple[Stage, ...] = (consents.note, aggregates.count, leanings.note, search.note, touches.keep)
