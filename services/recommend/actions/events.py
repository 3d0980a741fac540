"""Hear what viewers do: popularity of items, and feedback on creatives."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend import memory, rules, store
from shared.contracts import EventRecorded
from shared.database import after_commit


async def absorb(session: AsyncSession, events: Sequence[EventRecorded]) -> None:
    """Add a batch of events to the sums of their days; what programs do makes nothing popular."""
    events = [event for event in events if not event.bot]
    sums = rules.popularity.sums(events)
    if sums:
        await store.popularity.add(session, sums)
        after_commit(session, memory.of(session).popularity_changed)
    counts = rules.feedback.counts(events)
    if counts:
        await store.feedback.add(session, counts)
