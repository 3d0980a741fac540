"""Merges and splits: what a viewer did follows his ids, and both sides are judged again.

Facts of one viewer come in order, those of two viewers in any order. So of two moves of one origin the one with the
higher number says where it is (`homes`), and an event is believed when it names its viewer: only the fact that an
origin left a viewer, which comes in that viewer's own order after all that was told of it there, takes it away again.
Whatever is read first, every event is with its origin in the end (test_any_order_of_partitions_ends_the_same).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging, places
from services.segment.actions.judging import Wanted
from services.segment.rules.blocks import block_of, place_of
from services.segment.rules.book import Book, Change
from services.segment.store import deadlines, members, moves, viewers
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
    named = {one for item in items for one in (item.from_id, item.into_id)}
    await members.lock(session, named)
    await moves.settle(session, items)
    touched = sorted(named | await moves.present(session, items))
    await members.lock(session, touched)
    # Whoever is not here yet gets a row; it goes again if he is part of another.
    await viewers.appear(session, touched)
    return touched


async def _judge(session: AsyncSession, items: Sequence[Moved], touched: Sequence[int], cause: str) -> None:
    """Let the events follow, and see who is where now."""
    now = await judging.book(session)
    await moves.follow(session, items)
    gone = await moves.ended(session, touched)
    at = clock.now()
    if gone:
        await _leave(session, now, gone, cause, at)
    wanted: Wanted = {one: dict.fromkeys(now.ruled, cause) for one in touched if one not in gone}
    for heir in set(gone.values()) - wanted.keys() - gone.keys():
        wanted[heir] = dict.fromkeys(now.ruled, cause)
    await judging.settle(session, now, wanted, at)


async def _leave(session: AsyncSession, now: Book, gone: Mapping[int, int], cause: str, at: datetime) -> None:
    """Take viewers out of everything. Whoever stood on a list leaves his place to the one he is part of now."""
    heirs = set(gone.values()) - gone.keys()
    await members.lock(session, heirs)
    held = await members.of(session, gone.keys() | heirs)
    exits = [
        Change(segment_id, profile_id, cause, entered=False)
        for (block, segment_id), there in sorted(held.items())
        for profile_id in gone
        if block_of(profile_id) == block and place_of(profile_id) in there
    ]
    entries = await places.inherit(session, now, held, gone, cause)
    await judging.write(session, now, held, exits + entries, at)
    await deadlines.of_nobody(session, sorted(gone))
    await moves.forget(session, gone)
