"""Places on lists when viewers become one, and two again: whoever was put on a list is on it, and nobody else stays.

A viewer who becomes part of another one leaves him his place on a list. His own place is remembered; so is that the
other one's is only lent, where he was not on the list himself. When the first is himself again he is on the list, and a
place that was lent for nobody else ends. What an operator decides about a viewer is decided about all parts of him.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.rules.blocks import block_of, place_of
from services.segment.rules.book import Book, Change
from services.segment.store import members, moves, places
from services.segment.store.members import Blocks
from shared import clock

CAUSE = "split"


async def inherit(session: AsyncSession, now: Book, held: Blocks, gone: Mapping[int, int], cause: str) -> list[Change]:
    """Those who are part of others now leave their places to them: who enters which list. All must be locked."""
    noted = await places.of(session, gone)
    rows: dict[places.Pair, bool] = {}
    over: list[places.Pair] = []
    entries: dict[Change, None] = {}
    for profile_id, heir in sorted(gone.items()):
        for segment_id in sorted(now.static):
            if not _is_in(held, segment_id, profile_id):
                continue
            if noted.get((segment_id, profile_id)):
                over.append((segment_id, profile_id))
            else:
                rows[segment_id, profile_id] = False
            if heir not in gone and not _is_in(held, segment_id, heir):
                entries[Change(segment_id, heir, cause, entered=True)] = None
                rows[segment_id, heir] = True
    await places.drop(session, over)
    await places.put(session, rows)
    return list(entries)


async def give_back(session: AsyncSession, now: Book, homes: Mapping[int, int]) -> judging.Wanted:
    """Viewers who were part of others are themselves again: their places are theirs. Whom to judge because of that.

    `homes` says whose part each of them was. They must be locked, and be nobody's part any more.
    """
    own = {pair for pair, lent in (await places.of(session, homes)).items() if not lent}
    if not own:
        return {}
    lists = {segment_id for segment_id, _ in own}
    await members.lock(session, {homes[one] for _, one in own})
    lent = {pair for pair, is_lent in (await places.of(session, set(homes.values()))).items() if is_lent}
    others = await places.left(session, lists) - own
    heirs = await moves.ended(session, {one for _, one in others})
    kept = {(segment_id, heirs[one]) for segment_id, one in others if one in heirs}
    ends = {(segment_id, homes[one]) for segment_id, one in own} & lent - kept
    concerned = {(block_of(one), segment_id) for segment_id, one in own | ends}
    held = await members.read(session, concerned)
    changes = [
        Change(segment_id, one, CAUSE, entered=entered)
        for pairs, entered in ((own, True), (ends, False))
        for segment_id, one in sorted(pairs)
        if segment_id in now.static and _is_in(held, segment_id, one) is not entered
    ]
    await places.drop(session, own | ends)
    await judging.write(session, now, held, changes, clock.now())
    wanted: judging.Wanted = {}
    for change in changes:
        followers = dict.fromkeys(now.following([change.segment_id]), CAUSE)
        wanted.setdefault(change.profile_id, {}).update(followers)
    return {one: those for one, those in wanted.items() if those}


async def decide(session: AsyncSession, segment_id: int, profile_ids: Collection[int], *, on: bool) -> None:
    """An operator put these viewers on a list, or took them off: nothing of it is lent any more.

    Who is off is off with all parts of him.
    """
    over = {pair for pair, lent in (await places.of(session, profile_ids)).items() if lent and pair[0] == segment_id}
    if not on:
        parts = await places.left(session, [segment_id])
        heirs = await moves.ended(session, {one for _, one in parts})
        over |= {pair for pair in parts if heirs.get(pair[1]) in profile_ids}
    await places.drop(session, over)


def _is_in(held: Blocks, segment_id: int, profile_id: int) -> bool:
    return place_of(profile_id) in held.get((block_of(profile_id), segment_id), ())
