"""Taking in what front-ends sent: who was it, is it new, what does it change, and who must be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import consents, erasures, intake, keys, links, plan, quality, registry, turned
from services.profile.actions.stages import STAGES, Recorded
from services.profile.actions.telling import NONE, program_since, told
from services.profile.rules import bots, sources
from services.profile.rules import events as event_rules
from services.profile.rules import identities as identity_rules
from services.profile.rules import quality as quality_rules
from services.profile.rules import traits as trait_rules
from services.profile.rules.events import Call
from services.profile.rules.namespaces import Blind, Blocked
from services.profile.store import events, identities, tags
from services.profile.store.identities import Held, Seen
from shared import clock, together
from shared.contracts import EventReceived, EventsRejected, IdentityLinked
from shared.outbox import tell

_encoder = msgspec.json.Encoder()


async def hear(session: AsyncSession, items: list[EventReceived]) -> None:
    """What front-ends sent, as `absorb` takes it; calls of nobody are counted with what the gateway turned away.

    A file or the bulk API is told of them instead: `absorb` raises.
    """
    taken, calls, nobodys = _read(items, await links.blinder(session), await plan.blocked(session))
    await _record(session, taken, calls, late=None)
    if nobodys:
        await turned.hear(session, nobodys)


async def absorb(session: AsyncSession, items: list[EventReceived], *, late: datetime | None = None) -> None:
    """Record a batch of tracking calls, each message once, and tell what became of them.

    Every event is written with its immutable origin and its profile. Raises Malformed for a call without an identity
    or a name (the reader then finds the culprit), Contended when others were faster five times. `late` is when they
    are taken in, where that is not on arrival.
    """
    blind, blocked = await links.blinder(session), await plan.blocked(session)
    await _record(session, items, [event_rules.read(item, blind, blocked) for item in items], late=late)


async def _record(
    session: AsyncSession, items: Sequence[EventReceived], calls: Iterable[Call], *, late: datetime | None
) -> None:
    once = _once(calls)
    read = await erasures.admit(session, once)
    batch, flawed = await intake.admit(session, read)
    refused = quality.missing(read, batch)
    months = await events.open_months(session, {events.month(call.time) for call in batch})
    if repeated := await events.elsewhere(session, ((call.message_id, call.time) for call in batch), months):
        batch = [call for call in batch if call.message_id not in repeated]
    batch, settled = await links.settle(session, batch)
    batch = await keys.seal_calls(session, batch)
    pairs = list(zip(batch, settled.owners, strict=True))
    repeats = await events.record(session, [_line(call, owner) for call, owner in pairs])
    fresh = [Recorded(call, owner) for n, (call, owner) in enumerate(pairs) if n not in repeats]
    fresh = await consents.heeded(session, fresh)
    async with together.gathered(session):
        await intake.count(session, flawed)
        if fresh:
            await identities.count(session, _seen(call for call, _ in fresh))
        for origin, profile_id in settled.known_by.items():
            namespace, value = identity_rules.parts(origin)
            tell(session, IdentityLinked(profile_id=profile_id, namespace=namespace, value=value))
        await _update(session, fresh, settled.untold)
        for stage in STAGES if fresh else ():
            await stage(session, fresh)
        await quality.note(session, quality.admitted(items, once, read), refused, [call for call, _ in fresh])
    for call, owner in fresh:
        if call.event is not None:
            tell(session, event_rules.recorded(call, call.event, owner, late=late))


def _read(
    items: Iterable[EventReceived], blind: Blind, blocked: Blocked
) -> tuple[list[EventReceived], list[Call], list[EventsRejected]]:
    """Who can be somebody, what he said, and whom to count with what the gateway turned away. Raises Malformed."""
    taken: list[EventReceived] = []
    calls: list[Call] = []
    nobodys: list[EventsRejected] = []
    for item in items:
        try:
            calls.append(event_rules.read(item, blind, blocked))
            taken.append(item)
        except event_rules.Nobodys as error:
            nobodys.append(
                EventsRejected(
                    source=item.source,
                    event=quality_rules.kind(item),
                    code="nobodys_id",
                    field="userId" if item.user_id else "anonymousId",
                    number=1,
                    reason=str(error),
                    last_at=item.received_at,
                    message_id=item.message_id,
                )
            )
    return taken, calls, nobodys


async def _update(session: AsyncSession, fresh: Iterable[Recorded], created: Iterable[int]) -> None:
    """Take in the traits these calls give; tell each new or changed profile once, whole."""
    fresh, created = list(fresh), set(created)
    programs = _programs(one for one in fresh if one.profile_id in created)
    fresh = [one for one in fresh if one.call.traits]
    laid = await registry.registry(session) if fresh else sources.PLAIN
    gate = registry.Gate(laid)
    given: dict[int, dict[str, dict[str, list[trait_rules.Given]]]] = {}
    for call, owner in fresh:
        source = sources.of(call.item.source)
        if kept := gate.taken(source, call.traits):
            by_source = given.setdefault(owner, {}).setdefault(call.claim.origin, {})
            by_source.setdefault(source, []).append((call.time, kept))
    wholes: dict[int, trait_rules.Whole] = {}
    people: dict[int, list[Held]] = {}
    said: dict[str, str] = {}
    if given:
        await identities.lock_profiles(session, given)
        people = await identities.of(session, given)
        for profile_id, held in people.items():
            before = {one.origin: trait_rules.read(one.traits) for one in held}
            after = dict(before)
            for origin in before.keys() & given[profile_id].keys():
                for source, its in given[profile_id][origin].items():
                    heard = trait_rules.heard(after[origin], its, source=source)
                    after[origin] = trait_rules.fit(heard)
                    gate.refused(source, heard.keys() - after[origin].keys(), registry.NO_ROOM)
            said |= {origin: trait_rules.write(traits) for origin, traits in after.items() if traits != before[origin]}
            whole = trait_rules.whole(after.values(), laid)
            if whole != trait_rules.whole(before.values(), laid):
                wholes[profile_id] = whole
    await gate.close(session)
    if said:
        await identities.say(session, said)
    versions = dict.fromkeys(created, 1)
    if changed := wholes.keys() - versions.keys():
        versions |= await identities.bump(session, changed)
    held_tags = await tags.held(session, changed, clock.now()) if changed else {}
    for profile_id, version in versions.items():
        whole = wholes.get(profile_id, trait_rules.NOTHING)
        program = programs.get(profile_id) if profile_id in created else program_since(people[profile_id])
        tell(session, told(profile_id, version, whole, tags=held_tags.get(profile_id, NONE), program=program))


def _programs(fresh: Iterable[Recorded]) -> dict[int, datetime]:
    """Whose first calls are all of programs, and since when."""
    first: dict[int, datetime] = {}
    people: set[int] = set()
    for call, profile_id in fresh:
        if call.event is not None and bots.mark(call.item.context) is None:
            people.add(profile_id)
        elif call.event is not None:
            first[profile_id] = min(call.time, first.get(profile_id, call.time))
    return {profile_id: since for profile_id, since in first.items() if profile_id not in people}


def _key(call: Call) -> tuple[str, events.Month]:
    """Where a message is looked for by its id: the storage month of its time (`events.elsewhere` looks around it)."""
    return call.message_id, events.month(call.time)


def _once(calls: Iterable[Call]) -> list[Call]:
    """The calls in order, each message once: the first that carries its id."""
    first: dict[str, Call] = {}
    others: dict[tuple[str, events.Month], Call] = {}
    for call in calls:
        known = first.setdefault(call.message_id, call)
        if abs(known.time - call.time) > events.REMEMBERED:
            others.setdefault(_key(call), call)
    return [*first.values(), *others.values()]


def _line(call: Call, owner: int) -> events.Line:
    return events.Line(
        time=call.time,
        profile_id=owner,
        message_id=call.message_id,
        origin=call.claim.origin,
        type=call.item.type,
        event=call.event,
        received_at=call.item.received_at,
        source=call.item.source,
        properties=_encoder.encode(call.properties).decode(),
        context=_encoder.encode(event_rules.context(call.item)).decode(),
    )


def _seen(calls: Iterable[Call]) -> list[Seen]:
    """How these calls move the counters of their origins, by origin."""
    by_origin: dict[str, Seen] = {}
    for call in calls:
        origin, time, counts = call.claim.origin, call.time, call.event is not None
        program = counts and bots.mark(call.item.context) is not None
        known = by_origin.get(origin, Seen(origin, 0, 0, time, time))
        by_origin[origin] = Seen(
            origin, known.events + counts, known.bots + program, min(known.first, time), max(known.last, time)
        )
    return [by_origin[origin] for origin in sorted(by_origin)]
