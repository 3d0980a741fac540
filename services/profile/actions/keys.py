"""Sealing what must not be readable, and opening it for those who may see it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import plan
from services.profile.rules import contacts, namespaces, sealing
from services.profile.rules.events import Call
from services.profile.rules.operations import Operation
from services.profile.schemas.keys import Rewrapping
from services.profile.store import keys
from services.profile.store.identities import Held
from shared import clock, jobs, lasting
from shared.database import settings_of
from shared.jobs import JobRow, Progress

PURPOSE = "contacts"
REWRAP = "rewrap"

LOST = "•••"
"""What is shown of a sealed value whose key is gone."""

UNSEALABLE = Counter("marquee_unsealable_values", "Sealed values that could not be opened")

Opener = Callable[[str], Any]


def root(session: AsyncSession) -> bytes:
    """The installation's key, which wraps all data keys."""
    return settings_of(session).key(PURPOSE)


async def of(session: AsyncSession, origins: Iterable[str], *, make: bool = False) -> dict[str, bytes]:
    """Data keys of these origins. With `make` each has one afterwards."""
    wanted = set(origins)
    if not wanted:
        return {}
    held = await keys.of(session, wanted)
    fresh = wanted - held.keys() if make else set()
    if fresh:
        with_key = root(session)
        made = {origin: sealing.wrap(with_key, origin, os.urandom(sealing.KEY_BYTES)) for origin in fresh}
        await keys.add(session, made, sealing.name(with_key), clock.now())
        # Somebody else may have made some of them meanwhile: what is stored counts.
        held |= await keys.of(session, fresh)
    roots = _roots(session)
    if others := {name for _, name in held.values()} - roots.keys():
        raise lasting.OtherSecret(f"data keys are wrapped with {sorted(others)}: {lasting.OtherSecret.__doc__}")
    return {origin: sealing.unwrap(roots[name], origin, wrapped) for origin, (wrapped, name) in held.items()}


def _roots(session: AsyncSession) -> dict[str, bytes]:
    """The installation's keys by name: the present one, and while data keys are rewrapped the one before."""
    settings = settings_of(session)
    found = [settings.key(PURPOSE)]
    if (before := settings.previous_key(PURPOSE)) is not None:
        found.append(before)
    return {sealing.name(one): one for one in found}


async def seal_calls(session: AsyncSession, batch: list[Call]) -> list[Call]:
    """The calls with contact data and free text sealed for their origins."""
    hidden = await plan.contacts(session)
    wanted = {call.claim.origin for call in batch if _has_secrets(call, hidden)}
    if not wanted:
        return batch
    held = await of(session, wanted, make=True)
    result: list[Call] = []
    for call in batch:
        origin = call.claim.origin
        if origin not in wanted:
            result.append(call)
            continue
        result.append(_sealed(call, held[origin], hidden))
    return result


async def seal_traits(session: AsyncSession, origin: str, traits: Mapping[str, Any]) -> dict[str, Any]:
    """Traits that do not come by an event, with contact data sealed for their origin."""
    if not any(contacts.has_secret(value, name) for name, value in traits.items()):
        return dict(traits)
    return _sealed_traits(traits, _sealer((await of(session, [origin], make=True))[origin], origin))


def _has_secrets(call: Call, hidden: frozenset[str]) -> bool:
    """Whether there is anything to seal; `hidden` are namespaces of contact data. Asked of every event."""
    return (
        contacts.has_secret(call.properties)
        or contacts.has_secret(call.item.context)
        or any(
            contacts.has_secret(value.value if isinstance(value, Operation) else value, name)
            for name, value in call.traits.items()
        )
        or bool(hidden and namespaces.names_any(call.item.context, hidden))
    )


def _sealed(call: Call, key: bytes, hidden: frozenset[str]) -> Call:
    seal = _sealer(key, call.claim.origin)
    item = call.item
    context = namespaces.covered(item.context, hidden, partial(seal, contacts.ANY)) if hidden else item.context
    return call._replace(
        properties=contacts.sealed(call.properties, seal),
        traits=_sealed_traits(call.traits, seal),
        item=msgspec.structs.replace(
            item,
            properties=contacts.sealed(item.properties, seal),
            traits=contacts.sealed(item.traits, seal),
            context=contacts.sealed(context, seal),
        ),
    )


def _sealed_traits(traits: Mapping[str, Any], seal: Callable[[str, Any], str]) -> dict[str, Any]:
    """Traits sealed one by one. What is added to contact data is set instead: nobody can add to what is sealed."""
    result: dict[str, Any] = {}
    for name, value in traits.items():
        if isinstance(value, Operation):
            inner = contacts.sealed(value.value, seal, name)
            keep = inner is value.value or value.name == "set_once"
            result[name] = Operation(value.name, inner) if keep else inner
        else:
            result[name] = contacts.sealed(value, seal, name)
    return result


def _sealer(key: bytes, origin: str) -> Callable[[str, Any], str]:
    return lambda of, value: sealing.seal(key, origin, of, value)


async def opener(session: AsyncSession, origins: Iterable[str]) -> Callable[[str], Opener]:
    """`(await opener(session, origins))(origin)` opens what was sealed for that origin."""
    held = await of(session, origins)

    def for_origin(origin: str) -> Opener:
        def unseal(sealed: str) -> Any:
            try:
                return sealing.unseal(held[origin], origin, sealed)
            except (KeyError, sealing.Unsealable):
                UNSEALABLE.inc()
                return LOST

        return unseal

    return for_origin


async def opened(session: AsyncSession, held: Mapping[int, Sequence[Held]]) -> dict[int, list[Held]]:
    """Identities with their traits readable: for who may see them, or for masking them by what they are."""
    sealed = {one.origin for its in held.values() for one in its if contacts.has_sealed(one.traits)}
    if not sealed:
        return {profile_id: list(its) for profile_id, its in held.items()}
    opening = await opener(session, sealed)
    return {
        profile_id: [
            one._replace(traits=contacts.opened(one.traits, opening(one.origin))) if one.origin in sealed else one
            for one in its
        ]
        for profile_id, its in held.items()
    }


async def rewrap(session: AsyncSession, job: JobRow) -> Progress:
    """A step of wrapping every data key with the present installation's key."""
    with_key = root(session)
    name = sealing.name(with_key)
    roots = _roots(session)
    rows = await keys.wrapped_otherwise(session, name, after=job.cursor or "", limit=1000)
    known = [row for row in rows if row.root in roots]
    if known:
        fresh = {
            row.origin: sealing.wrap(with_key, row.origin, sealing.unwrap(roots[row.root], row.origin, row.wrapped))
            for row in known
        }
        await keys.rewrap(session, fresh, name)
    done = job.done + len(known)
    return Progress(done, job.total, rows[-1].origin if rows else job.cursor, finished=len(rows) < 1000)


async def begin_rewrap(session: AsyncSession) -> Rewrapping:
    """Begin to wrap every data key with the present installation's key."""
    total = await keys.count_otherwise(session, sealing.name(root(session)))
    return Rewrapping(job_id=await jobs.begin(session, REWRAP, "all", {}, total=total), keys=total)
