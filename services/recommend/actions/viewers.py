"""Hear who the viewers are and which segments they are in, and find a visitor for a decision."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend import memory, store
from services.recommend.memory.lookups import Identity
from services.recommend.memory.viewers import UNKNOWN, Viewer, Viewers
from shared import roaring
from shared.contracts import IdentityLinked, ProfileUpdated, SegmentChanged
from shared.database import Database, after_commit
from shared.house import House

NAMESPACES = ("user_id", "anonymous_id")
"""The ids a front-end asks with; others are not kept."""


async def link(session: AsyncSession, facts: Sequence[IdentityLinked]) -> None:
    """These ids belong to these profiles. Of two facts about one id that of the later merge or split counts.

    Facts of two profiles come in any order, so the number of the move decides; of one move the later fact. Memberships
    follow by themselves: segment tells who left and who entered because of a merge or a split. What was decided goes
    along with the ids it was decided for.
    """
    links: dict[tuple[str, str], IdentityLinked] = {}
    for fact in facts:
        known = links.get((fact.namespace, fact.value))
        if fact.namespace in NAMESPACES and (known is None or known.move <= fact.move):
            links[fact.namespace, fact.value] = fact
    if not links:
        return
    # The profiles' other ids too: whether a profile is named may have changed, also for the one an id has left.
    profiles = {fact.profile_id for fact in links.values()}
    former: set[int] = set()
    if any(fact.move for fact in links.values()):
        await store.decisions.hold(session)
        former = await store.viewers.owners(session, links)
        profiles |= former
    await store.viewers.link(session, [(*key, fact.profile_id, fact.move) for key, fact in links.items()])
    if former:
        await store.decisions.follow(session, sorted(former))
    held = memory.of(session)
    identities = {f"{namespace}:{value}" for namespace, value in links}
    after_commit(session, lambda: held.viewers_changed(profiles=profiles, identities=identities))


async def move(session: AsyncSession, facts: Sequence[SegmentChanged]) -> None:
    """These entered and left these segments, in the order told; whatever the cause, a banner shows what is true."""
    members: dict[str, dict[int, bool]] = {}
    for fact in facts:
        of_segment = members.setdefault(fact.key, {})
        of_segment.update(dict.fromkeys(roaring.left(fact), False))
        of_segment.update(dict.fromkeys(roaring.entered(fact), True))
    changed: set[int] = set()
    for segment, moves in sorted(members.items()):
        entered = [profile_id for profile_id, inside in moves.items() if inside]
        left = [profile_id for profile_id, inside in moves.items() if not inside]
        if entered:
            await store.viewers.enter(session, segment, entered)
        if left:
            await store.viewers.leave(session, segment, left)
        changed.update(moves)
    held = memory.of(session)
    after_commit(session, lambda: held.viewers_changed(profiles=changed, identities=()))


async def choose(session: AsyncSession, facts: Sequence[ProfileUpdated]) -> None:
    """Who switched personalisation off is treated as a member of nothing, from the next decision on."""
    told: dict[int, tuple[int, bool]] = {}
    for fact in facts:
        if fact.profile_id not in told or told[fact.profile_id][0] < fact.version:
            told[fact.profile_id] = (fact.version, fact.consent.get("personalisation") is not False)
    changed = await store.choices.choose(session, told)
    if changed:
        held = memory.of(session)
        after_commit(session, lambda: held.viewers_changed(profiles=changed, identities=()))


async def forget_members(session: AsyncSession) -> None:
    """Who is where comes anew, from segment's snapshot: whoever left unheard must not stay."""
    await store.viewers.leave_all(session)
    held = memory.of(session)
    after_commit(session, held.everybody_changed)


async def find(house: House, *, user_id: str | None, anonymous_id: str | None) -> Viewer:
    """Who is this? The user if he is known, else whom the anonymous id belongs to, else nobody.

    An anonymous id whose profile already has a user does not speak for another user: two people may share a device.
    """
    if user_id is not None:
        viewer = await _look(house, "user_id", user_id)
        if viewer.profile_id is not None:
            return viewer
    if anonymous_id is not None:
        viewer = await _look(house, "anonymous_id", anonymous_id)
        if user_id is None or not viewer.named:
            return viewer
    return UNKNOWN


async def _look(house: House, namespace: str, value: str) -> Viewer:
    """From memory, else from the own database, together with whoever else is missing."""
    held = memory.held(house)
    known = held.viewers.get(f"{namespace}:{value}")
    if known is not None:
        return known
    return await held.lookups.find((namespace, value), lambda asked: _read(house.db, held.viewers, asked))


async def _read(database: Database, viewers: Viewers, asked: Sequence[Identity]) -> dict[Identity, Viewer]:
    """Everyone asked for, remembered unless he changed meanwhile."""
    found = dict.fromkeys(asked, UNKNOWN)
    with viewers.reading() as reading:
        async with database.transaction() as session:
            for row in await store.viewers.views(session, asked):
                found[row.namespace, row.value] = Viewer(row.profile_id, row.named, frozenset(row.segments))
        for (namespace, value), viewer in found.items():
            viewers.keep(reading, f"{namespace}:{value}", viewer)
    return found
