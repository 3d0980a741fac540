"""Resolving a batch: which profile each call belongs to, which identities it links, which profiles become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import merges, plan
from services.profile.rules import blind
from services.profile.rules import links as rules
from services.profile.rules.events import Call
from services.profile.rules.links import Group, Plan
from services.profile.rules.namespaces import Blind
from services.profile.store import events, identities
from services.profile.store import links as store
from services.profile.store import merges as moves
from services.profile.store.links import Line
from services.profile.store.merges import Move
from services.profile.tables import profiles
from shared import clock, lasting

ATTEMPTS = 5
DAY = timedelta(hours=24)


class _Overtaken(Exception):
    """Somebody else changed one of these groups between our look and our write."""


class Contended(Exception):
    """These identities were taken by others again and again; nothing is wrong with the events, try later."""

    outage = True


async def blinder(session: AsyncSession) -> Blind:
    """The blind index of contact ids, with this installation's key."""
    key = await lasting.key(session, "blind", since=profiles)
    return Blind(lambda namespace, value: blind.index(key, namespace, value), await plan.contacts(session))


async def settle(session: AsyncSession, batch: list[Call]) -> tuple[list[Call], Plan]:
    """The calls and the profile of each, with every identity they name linked and locked.

    Known identities are locked in order, then the profiles that change, and new identities are inserted in order: two
    processes that meet wait for each other instead of deciding twice (test_two_processes_meet). Who was overtaken looks
    again. A batch in which each call's ids are known and of one profile costs one statement (test_known_ids_are_cheap).
    """
    for _ in range(ATTEMPTS):
        known = await identities.lock(session, sorted({key for call in batch for key in call.claim.keys}))
        batch = _chosen(batch, known)
        undecided = [call for call in batch if not rules.plain(call.claim, known)]
        if not undecided:
            return batch, Plan(owners=[known[call.claim.origin] for call in batch])
        # A message sent again with other ids must not link those; only the undecided are looked up: it keeps it cheap.
        repeated = await events.recorded(session, ((call.message_id, events.month(call.time)) for call in undecided))
        batch = [call for call in batch if (call.message_id, events.month(call.time)) not in repeated]
        try:
            async with session.begin_nested():
                return batch, await _link(session, batch, known)
        except _Overtaken:
            continue
    raise Contended(f"identities of {len(batch)} events")


def _chosen(batch: list[Call], known: Mapping[str, int]) -> list[Call]:
    if all(call.claim.also is None for call in batch):
        return batch
    claims = rules.chosen((call.claim for call in batch), known)
    return [call._replace(claim=claim) for call, claim in zip(batch, claims, strict=True)]


async def _link(session: AsyncSession, batch: Sequence[Call], known: Mapping[str, int]) -> Plan:
    """Decide, lock and look again, then write: new profiles, new identities, merges, links; raises _Overtaken."""
    claims = [call.claim for call in batch]
    now = clock.now()
    met = rules.met(claims, known)
    groups = await store.groups(session, met, since=now - DAY) if met else {}
    plan = rules.resolve(claims, known, groups, await store.spaces(session))
    await _hold(session, plan, groups, now)
    if plan.fresh:
        plan = plan.settled(await identities.create(session, plan.fresh, now))
    if plan.linked and await identities.link(session, plan.linked, _first_times(batch)) < len(plan.linked):
        raise _Overtaken
    if plan.merges:
        await merges.apply(session, [_move(batch[one.link.n], one, now) for one in plan.merges])
    if plan.links:
        await store.write(session, [_line(batch[link.n], link) for link in plan.links.values()])
    return plan


async def _hold(session: AsyncSession, plan: Plan, groups: Mapping[int, Group], now: datetime) -> None:
    """Lock the profiles that get or lose identities, and see that they still are what was decided upon."""
    if not plan.touched:
        return
    if gone := {one.gone for one in plan.merges if one.gone > 0}:
        await moves.lock_origins(session, gone)
    await identities.lock_profiles(session, plan.touched)
    present = await store.groups(session, plan.touched, since=now - DAY)
    if any(present[one] != groups[one] for one in plan.touched):
        raise _Overtaken


def _move(call: Call, one: rules.Merge, now: datetime) -> Move:
    return Move(
        kind="merge",
        from_id=one.gone,
        into_id=one.into,
        origins=one.origins,
        one=one.link.one,
        other=one.link.other,
        message_id=call.message_id,
        type=call.item.type,
        source=call.item.source,
        reason=None,
        at=now,
    )


def _line(call: Call, link: rules.Link) -> Line:
    return Line(
        one=link.one,
        other=link.other,
        state="active" if link.reason is None else "refused",
        reason=link.reason,
        message_id=call.message_id,
        type=call.item.type,
        source=call.item.source,
        at=call.time,
    )


def _first_times(batch: Iterable[Call]) -> dict[str, datetime]:
    """Earliest event time each identity is named at."""
    first: dict[str, datetime] = {}
    for call in batch:
        for key in call.claim.keys:
            first[key] = min(first.get(key, call.time), call.time)
    return first
