"""Merges and splits: what a viewer did follows his ids, and both sides are judged again.

Facts of one viewer come in order, those of two viewers in any order. So of two moves of one origin the one with the
higher number says where it is (`homes`), and an event is believed when it names its viewer: only the fact that an
origin left a viewer, which comes in that viewer's own order after all that was told of it there, takes it away again.
Whatever is read first, every event is with its origin in the end (test_any_order_of_partitions_ends_the_same).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.store import definitions, moves, viewers
from services.segment.store.members import Change, Pairs
from services.segment.store.moves import Moved
from shared import clock
from shared.contracts import ProfileMerged, ProfileSplit


async def merge(session: AsyncSession, items: list[ProfileMerged]) -> None:
    """Profiles became part of others: they leave every segment, and the others are judged with all they did."""
    touched = await _lock(session, items)
    await moves.end(session, items)
    await _judge(session, items, touched, "merge")


async def split(session: AsyncSession, items: list[ProfileSplit]) -> None:
    """Origins left viewers who stay."""
    await _judge(session, items, await _lock(session, items), "split")


async def _lock(session: AsyncSession, items: Sequence[Moved]) -> list[int]:
    """Note where the origins are, and begin to judge everybody concerned."""
    await definitions.enter_gate(session)
    await moves.settle(session, items)
    named = {one for item in items for one in (item.from_id, item.into_id)}
    touched = sorted(named | await moves.present(session, items))
    # Whoever is not here yet gets a row to be locked by; it goes again if he is part of another.
    await viewers.appear(session, touched)
    await viewers.lock(session, touched)
    return touched


async def _judge(session: AsyncSession, items: Sequence[Moved], touched: Sequence[int], cause: str) -> None:
    """Let the events follow, and see who is where now."""
    now = await judging.book(session)
    await moves.follow(session, items)
    gone = await moves.ended(session, touched)
    at = clock.now()
    left: list[Change] = await moves.forget(session, gone, cause) if gone else []
    await judging.tell_changes(session, now, [one for one in left if one.segment_id in now.definitions], at)
    pairs = Pairs()
    for profile_id in touched:
        if profile_id not in gone:
            for segment_id in now.definitions:
                pairs.add(profile_id, segment_id, cause)
    await judging.settle(session, now, pairs, at)
