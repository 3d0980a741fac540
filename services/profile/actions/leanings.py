"""Tags by interests: who cares enough about something has them, and loses them as that fades.

A batch only notes whose interests moved, where there are such tags at all. A step works those viewers out a few at a
time from the sums their portraits are served from, so what is held is what the portrait says. How long a tag holds if
nothing more happens is known at that moment: it is kept as the assignment's end, so nobody is looked at as time goes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import registry, tags
from services.profile.actions.aggregates import terms
from services.profile.actions.traits import home
from services.profile.rules import aggregates as sums
from services.profile.rules import consents, interests, portraits
from services.profile.rules import traits as trait_rules
from services.profile.rules.interests import Leaning
from services.profile.store import aggregates, identities
from services.profile.store import leanings as store
from services.profile.store import tags as tag_store
from services.profile.store.identities import Held
from services.profile.store.tags import IN_USE, Assignment
from shared import clock
from shared.house import House
from shared.jobs import JobRow, Progress

if TYPE_CHECKING:
    from services.profile.actions.stages import Recorded

SOURCE = "interest"
CHUNK = 100
"""Viewers worked out in one transaction."""
REST = 2.0
"""How long it rests after that, as a multiple of how long that took."""
NOTES = 10_000
"""Viewers noted in one step of working all of them out."""


async def note(session: AsyncSession, fresh: Sequence[Recorded]) -> None:
    """Stage: these viewers' interests have moved, or what they agree to."""
    moved = {
        profile_id
        for call, profile_id in fresh
        if call.event == sums.WATCHED or call.event in interests.WEIGHTS or call.traits
    }
    await store.note(session, moved)


async def anew(session: AsyncSession, job: JobRow) -> Progress:
    """A step of working out everybody, after a tag by interests was made or changed."""
    noted, last = await store.note_all(session, after=int(job.cursor or 0), limit=NOTES)
    return Progress(job.done + noted, job.total, str(last), finished=noted < NOTES)


async def refresh(house: House) -> bool:
    """Work out some viewers who were noted; True when there may be more.

    A viewer costs about a millisecond, so it rests twice as long as it worked: events go first, and who was noted
    several times meanwhile is worked out once.
    """
    begun = time.monotonic()
    async with house.db.transaction() as session:
        more = await work_out(session, limit=CHUNK)
    if more:
        await asyncio.sleep(REST * (time.monotonic() - begun))
    return more


async def work_out(session: AsyncSession, *, limit: int) -> bool:
    """Give and take tags by interests for some viewers who were noted; True when there may be more.

    The note goes with this transaction, and sums are read after it was taken: what a batch adds later notes him again.
    """
    noted = await store.take(session, limit=limit)
    if not noted:
        return False
    rows = await tag_store.by_kind(session, (SOURCE,))
    await identities.lock_profiles(session, noted)
    held = {profile_id: its for profile_id, its in (await identities.of(session, noted)).items() if its}
    months: dict[str, list[Any]] = {}
    for row in await aggregates.of(session, [one.origin for its in held.values() for one in its]):
        months.setdefault(row.origin, []).append(row)
    live = {row.key for row in rows}
    has = await tag_store.from_source(session, SOURCE, held)
    now, told = clock.now(), set()
    given: list[Assignment] = []
    taken: list[tuple[str, str]] = []
    in_use = {row.key for row in rows if row.state == IN_USE}
    for place, (profile_id, its) in enumerate(held.items()):
        if place % 10 == 9:
            await asyncio.sleep(0)  # a portrait asked for meanwhile need not wait for all of them
        # What is left of a deleted tag is taken, and told, by the job that forgets it.
        before = [one for one in has.get(profile_id, ()) if one.key in live]
        leanings = await _leanings(session, its, months, rows, now)
        more, less = _moves(its, before, leanings, now)
        given += more
        taken += less
        if changed(before, leanings) & in_use:
            told.add(profile_id)
    if taken:
        await tag_store.take_back(session, taken)
    if given:
        await tag_store.assign(session, given)
    await tags.tell_again(session, told)
    return len(noted) == limit


async def _leanings(
    session: AsyncSession, its: Sequence[Held], months: dict[str, list[Any]], rows: Sequence[Any], now: datetime
) -> dict[str, Leaning]:
    """Tags a viewer's interests give him; none for who does not want to be profiled."""
    said = trait_rules.view((trait_rules.read(one.traits) for one in its), await registry.registry(session))
    agreed = consents.current({name: one.value for name, one in said.items()}, now.date())
    if not agreed.get(consents.PROFILING, True):
        return {}
    half_life = terms().half_life
    parts = ((row.month, sums.read(row.data)) for one in its for row in months.get(one.origin, ()))
    whole = sums.whole(parts, now, half_life)
    weights = {tag: weight for tag, weight in whole.interests.items() if weight > portraits.SLIGHT}
    total = portraits.total(whole)
    found = {row.key: interests.leaning(row.interest, weights, total, half_life) for row in rows}
    return {key: one for key, one in found.items() if one is not None}


def changed(before: Iterable[Assignment], leanings: dict[str, Leaning]) -> set[str]:
    """Tags that come, go, or weigh otherwise by a step."""
    was = {one.key: one.weight for one in before}
    return {key for key in was.keys() | leanings if key not in was or _weight(was[key], leanings.get(key)) != was[key]}


def _weight(held: float | None, leaning: Leaning | None) -> float | None:
    return None if leaning is None else interests.stepped(held, leaning.share)


def _moves(
    its: Sequence[Held], before: Sequence[Assignment], leanings: dict[str, Leaning], now: datetime
) -> tuple[list[Assignment], list[tuple[str, str]]]:
    """What a viewer is given, and which (origin, key) are taken: each tag stays with one identity."""
    kept: dict[str, Assignment] = {}
    for one in sorted(before, key=lambda one: (one.since, one.origin)):
        kept.setdefault(one.key, one)
    taken = [(one.origin, one.key) for one in before if one.key not in leanings or kept[one.key] is not one]
    given = []
    for key, leaning in leanings.items():
        held = kept.get(key)
        origin = home("", its) if held is None else held.origin
        weight = interests.stepped(None if held is None else held.weight, leaning.share)
        ends = None if leaning.seconds is None else now + timedelta(seconds=leaning.seconds)
        given.append(Assignment(origin, key, weight, SOURCE, now, ends))
    return given, taken
