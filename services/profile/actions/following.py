"""Tags by rule: who enters a segment gets them, who leaves loses them.

A new tag asks segment for the members there are, page by page, while the stream goes on; `followers.found_following`
says why both together end right. A tag that would depend on itself is refused when it is made; where a segment's rule
makes the circle later, the tag stops following and keeps its viewers until the rule is another, so nothing swings for
ever.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import tags
from services.profile.rules import tags as rules
from services.profile.store import followers
from services.profile.store import tags as store
from services.profile.store.tags import IN_USE
from shared import clock, jobs, roaring
from shared.contracts import MembersAnswered, MembersAsked, SegmentChanged, SegmentDefined, Use, UsesAnswered, UsesAsked
from shared.house import House

PAGE = 1000
ARCHIVED = "its segment is archived"


async def uses(session: AsyncSession, asked: UsesAsked) -> UsesAnswered:
    """Tags by rule, by the segments they follow: segment asks before it lets one go."""
    rows = await store.using(session, asked.keys)
    return UsesAnswered(uses=[Use(segment=row.segment, kind="tag", key=row.key, name=row.name) for row in rows])


async def follow(session: AsyncSession, items: list[SegmentChanged]) -> None:
    """Give and take tags as viewers enter and leave the segments they follow."""
    following = await followers.following(session, (item.key for item in items))
    if not following:
        return
    moves: dict[tuple[str, int], tuple[datetime, bool]] = {}
    for item in items:
        for row in following.get(item.key, ()):
            moves |= {(row.key, one): (item.at, False) for one in roaring.entered(item)}
            moves |= {(row.key, one): (item.at, True) for one in roaring.left(item)}
    if not moves:
        return
    await followers.follow(session, [(key, one, at, gone) for (key, one), (at, gone) in sorted(moves.items())])
    rows = [row for its in following.values() for row in its]
    in_use = {row.key for row in rows if row.state == IN_USE}
    await tags.tell_again(session, {profile_id for key, profile_id in moves if key in in_use})
    for row in rows:
        if row.filling is None:
            await followers.sweep(session, row.key, len(moves))


async def begin_again(session: AsyncSession) -> None:
    """The members of all segments are told anew: whoever is not among them has left."""
    await followers.fill_again(session)


async def hear(session: AsyncSession, items: list[SegmentDefined]) -> None:
    """Keep which segments there are and what they ask; tags that cannot be followed any more stop, others go on."""
    latest = {item.key: item for item in sorted(items, key=lambda item: item.version)}
    await followers.hear(
        session,
        [
            {"key": key, "version": item.version, "archived": item.archived, "tags": sorted(rules.asked(item.rule))}
            for key, item in sorted(latest.items())
        ],
    )
    segments = await followers.segments(session)
    asks = {key: row.tags for key, row in segments.items()}
    every = await followers.by_rule(session)
    for row in every:
        segment = segments.get(row.segment)
        problem = ARCHIVED if segment is not None and segment.archived else None
        if problem is None:
            way = rules.circle(row.key, row.segment, asks, {one.key: one.segment for one in every})
            problem = f"it would depend on itself: {' → '.join(way)}" if way else None
        if problem == row.problem:
            continue
        await store.change(session, row.key, {"problem": problem, "updated_at": clock.now()})
        if problem is None:
            await followers.fill_again(session, row.key)
        elif problem == ARCHIVED:
            params = {"key": row.key, "tell": row.state == IN_USE, "wholly": False}
            await jobs.begin(session, tags.FORGET, row.key, params)


async def fill(house: House) -> bool:
    """Take over some members of a segment for a tag that follows it; True when there is more. Raises Unanswered."""
    if not all(house.caught_up.values()):
        return False
    async with house.db.transaction() as session:
        row = await followers.to_fill(session)
    if row is None:
        return False
    if row.filling == SWEEPING:
        async with house.db.transaction() as session:
            return await _sweep(session)
    asked = MembersAsked(key=row.segment, after=int(row.filling), limit=PAGE)
    answer = await house.bus.ask(asked, MembersAnswered, timeout=10)
    async with house.db.transaction() as session:
        now = await followers.to_fill(session, lock=True)
        if now is not None and (now.key, now.filling) == (row.key, row.filling):
            ids = answer.profile_ids
            fresh = await followers.found_following(session, row.key, ids, clock.now()) if ids else set()
            last = str(ids[-1]) if len(ids) == PAGE else SWEEPING
            await store.change(session, row.key, {"filling": last})
            if now.state == IN_USE:
                await tags.tell_again(session, fresh)
    return True


SWEEPING = "sweeping"
"""How far a filled tag is: only those are left who were found to be gone."""


async def _sweep(session: AsyncSession) -> bool:
    row = await followers.to_fill(session, lock=True)
    if row is None or row.filling != SWEEPING:
        return False
    gone = await followers.sweep(session, row.key, PAGE)
    if row.state == IN_USE:
        await tags.tell_again(session, gone)
    if not gone:
        await store.change(session, row.key, {"filling": None})
    return True
