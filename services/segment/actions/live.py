"""The live work: facts about viewers arrive, and segments are true again in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.rules import book as books
from services.segment.rules.book import Book
from services.segment.store import definitions, moves, viewers
from services.segment.store.members import Pairs
from shared import clock
from shared.contracts import EventRecorded, ProfileUpdated
from shared.reader import catching_up


async def absorb_events(session: AsyncSession, items: list[EventRecorded]) -> None:
    """Keep events of viewers, and judge whom they touch. An event that is here already changes nothing."""
    ids = sorted({item.profile_id for item in items})
    appeared, _ = await _lock(session, ids)
    now = await judging.book(session)
    await _fill_first(session, now, [one for one in ids if one not in appeared])
    fresh = await viewers.record(session, items, correct=catching_up(session))
    news: dict[int, set[int]] = {}
    old: dict[int, set[int]] = {}
    for item in items:
        if item.event_id in fresh:
            touched = now.all if item.profile_id in appeared else now.by_event(item.event)
            (old if item.history else news).setdefault(item.profile_id, set()).update(touched)
    pairs = Pairs()
    catching = catching_up(session)
    for profile_id, touching in news.items():
        for segment_id in touching:
            pairs.add(profile_id, segment_id, "fill" if catching else "rule")
    for profile_id, touching in old.items():
        for segment_id in touching - news.get(profile_id, set()):
            pairs.add(profile_id, segment_id, "fill" if catching else "history")
    await judging.settle(session, now, pairs, clock.now())


async def absorb_profiles(session: AsyncSession, items: list[ProfileUpdated]) -> None:
    """Take over what profile tells about viewers, and judge those whose traits became others.

    What a merge or a split made different is no news of the viewer's, so it is judged by itself, with that cause.
    """
    for cause, run in groupby(items, key=lambda item: item.cause):
        await _absorb_profiles(session, list(run), "fill" if catching_up(session) else cause)


async def _absorb_profiles(session: AsyncSession, items: list[ProfileUpdated], cause: str) -> None:
    latest = {item.profile_id: item for item in sorted(items, key=lambda item: item.version)}
    ids = sorted(latest)
    appeared, before = await _lock(session, ids)
    if appeared:
        await moves.return_(session, appeared)
    now = await judging.book(session)
    await _fill_first(session, now, [one for one in ids if one not in appeared])
    await viewers.update(session, list(latest.values()))
    pairs = Pairs()
    for profile_id, item in latest.items():
        version, traits, tags = before[profile_id]
        if version >= item.version:
            continue
        names = books.changed(traits, item.traits)
        if profile_id in appeared:
            touched = now.all
        else:
            retagged = set(tags) ^ set(item.tags)
            touched = frozenset().union(*map(now.by_trait, names), *map(now.by_tag, retagged))
        for segment_id in touched:
            pairs.add(profile_id, segment_id, cause)
    await judging.settle(session, now, pairs, clock.now())


async def _lock(session: AsyncSession, ids: Sequence[int]) -> tuple[set[int], dict[int, viewers.Known]]:
    """Begin to judge these viewers (sorted ids): who of them is new, and what is known of each."""
    await definitions.enter_gate(session)
    appeared = await viewers.appear(session, ids)
    return appeared, await viewers.lock(session, ids)


async def _fill_first(session: AsyncSession, now: Book, ids: Sequence[int]) -> None:
    """While a segment is being filled, judge whom it may not have reached yet by what was known before the news.

    Without this a viewer who has belonged to a new segment for a month would seem to enter it by his next event.
    """
    if not now.filling:
        return
    pairs = Pairs()
    for profile_id in ids:
        for segment_id, cause in now.filling.items():
            pairs.add(profile_id, segment_id, cause)
    await judging.settle(session, now, pairs, clock.now())
