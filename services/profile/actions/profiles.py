"""Looking viewers up: one, many, and what one did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import keys, links, registry
from services.profile.rules import bots, consents, contacts, namespaces
from services.profile.rules import events as event_rules
from services.profile.rules import identities as rules
from services.profile.rules import traits as trait_rules
from services.profile.rules.namespaces import Blind
from services.profile.rules.sources import Registry
from services.profile.schemas.portraits import Portrait
from services.profile.schemas.profiles import Identity, Profile, TimelineAsked, TimelineEvent
from services.profile.store import events, identities, merges
from services.profile.store.identities import Held
from shared import clock, pages
from shared.contracts import ResolveAnswered, ResolveAsked
from shared.errors import Invalid, NotFound
from shared.pages import Page, PageAsked

REFS = "a ref is a profile id like 17, or namespace:value like user_id:u1 or anonymous_id:a1"


Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Earlier(msgspec.Struct, frozen=True):
    """A place in a timeline."""

    time: Annotated[datetime, msgspec.Meta(tz=True)]
    id: Number


ATTEMPTS = 3
"""Somebody may make a viewer part of another between two looks; then the ref leads to that one."""

MOVING = "{!r} is being made part of another viewer, or is being erased: ask again"


class UnknownProfile(NotFound):
    """There is no such profile"""


async def resolve(session: AsyncSession, asked: ResolveAsked) -> ResolveAnswered:
    """The profiles of those refs that are known; who became part of another one is found as that."""
    blind = await links.blinder(session)
    refs = {ref: reference(ref, blind) for ref in asked.refs}
    owners = await identities.owners(session, [origin for origin in refs.values() if isinstance(origin, str)])
    numbers = {one for one in refs.values() if isinstance(one, int)}
    homes = {one: one for one in (await identities.versions(session, numbers) if numbers else ())}
    if gone := numbers - homes.keys():
        homes |= await merges.redirected(session, gone)
    found = {ref: owners.get(one) if isinstance(one, str) else homes.get(one or 0) for ref, one in refs.items()}
    return ResolveAnswered(profile_ids={ref: profile_id for ref, profile_id in found.items() if profile_id is not None})


def reference(ref: str, blind: Blind) -> int | str | None:
    """A ref as profile id or origin, contact ids by their blind index; None when it is neither."""
    found = rules.reference(ref)
    return namespaces.known_as(blind, *rules.parts(found)) if isinstance(found, str) else found


async def by_ref(session: AsyncSession, ref: str, *, unmasked: bool) -> Profile:
    """One profile. Raises UnknownProfile."""
    return (await with_origins(session, ref, unmasked=unmasked))[0]


async def with_origins(session: AsyncSession, ref: str, *, unmasked: bool) -> tuple[Profile, list[str]]:
    """One profile, and under what its events and sums stand. Raises UnknownProfile."""
    for _ in range(ATTEMPTS):
        profile_id = await found(session, ref)
        versions = await identities.versions(session, [profile_id])
        held = await identities.of(session, versions)
        if seen := await _shown(session, versions, held, unmasked=unmasked):
            return seen[0], [one.origin for one in held[profile_id]]
    raise UnknownProfile(MOVING.format(ref))


async def locked(session: AsyncSession, ref: str) -> tuple[int, list[Held]]:
    """The profile a ref leads to, locked, and its identities: at least one. Raises UnknownProfile."""
    for _ in range(ATTEMPTS):
        profile_id = await found(session, ref)
        await identities.lock_profiles(session, [profile_id])
        if held := (await identities.of(session, [profile_id]))[profile_id]:
            return profile_id, held
    raise UnknownProfile(MOVING.format(ref))


async def timeline(
    session: AsyncSession,
    ref: str,
    asked: PageAsked,
    wanted: TimelineAsked,
    *,
    unmasked: bool,
) -> Page[TimelineEvent]:
    """What a viewer did, the newest first. Raises UnknownProfile."""
    profile_id = await found(session, ref)
    place = _place(asked)
    rows = await events.timeline(
        session,
        profile_id,
        wanted,
        limit=asked.limit + 1,
        cursor=(place.time, place.id) if place else None,
    )
    shown = rows[: asked.limit]
    opening = await keys.opener(session, {row.origin for row in shown})

    def readable(origin: str, value: dict[str, Any]) -> dict[str, Any]:
        clear: dict[str, Any] = contacts.opened(value, opening(origin))
        return clear if unmasked else contacts.masked(clear)

    return Page(
        items=[
            TimelineEvent(
                event_id=row.message_id,
                type=row.type,
                event=row.event,
                time=row.time,
                received_at=row.received_at,
                history=event_rules.is_history(row.time, row.received_at),
                origin=row.origin,
                source=row.source,
                properties=readable(row.origin, row.properties),
                context=readable(row.origin, row.context),
                bot=bots.mark(row.context),
            )
            for row in shown
        ],
        next=pages.encode(msgspec.to_builtins(Earlier(shown[-1].time, shown[-1].id)))
        if len(rows) > len(shown)
        else None,
    )


def _place(asked: PageAsked) -> Earlier | None:
    """Where the page begins. Raises Invalid for a cursor that is not ours."""
    if asked.after is None:
        return None
    try:
        return msgspec.convert(asked.after, Earlier)
    except msgspec.ValidationError as error:
        raise Invalid("the cursor is not one of ours: begin again without it", field="cursor") from error


async def found(session: AsyncSession, ref: str, *, field: str | None = None) -> int:
    """The profile a ref leads to. Raises UnknownProfile."""
    if rules.reference(ref) is None:
        raise UnknownProfile(f"{ref!r} is not a ref: {REFS}", field=field)
    resolved = (await resolve(session, ResolveAsked(refs=[ref]))).profile_ids
    if ref not in resolved:
        raise UnknownProfile(f"nobody is known as {ref!r}; {REFS}", field=field)
    return resolved[ref]


async def shown(session: AsyncSession, versions: Mapping[int, int], *, unmasked: bool) -> list[Profile]:
    """Profiles in full, in the order given, without those that became part of another since they were looked up."""
    return await _shown(session, versions, await identities.of(session, versions), unmasked=unmasked)


async def _shown(
    session: AsyncSession, versions: Mapping[int, int], held: Mapping[int, list[Held]], *, unmasked: bool
) -> list[Profile]:
    opened = await keys.opened(session, held)
    laid = await registry.registry(session)
    return [
        _profile(profile_id, version, opened[profile_id], laid, unmasked=unmasked)
        for profile_id, version in versions.items()
        if opened[profile_id]
    ]


def _profile(profile_id: int, version: int, held: list[Held], laid: Registry, *, unmasked: bool) -> Profile:
    today = clock.now().date()
    traits = trait_rules.aged(trait_rules.view((trait_rules.read(one.traits) for one in held), laid), today)
    values = {name: trait.value for name, trait in traits.items()}
    seen = {name: said for name, said in values.items() if not consents.is_consent(name)}
    return Profile(
        profile_id=profile_id,
        version=version,
        identities=[
            Identity(
                namespace=namespace,
                # files may call somebody by his address, where the gateway would not
                value=value if unmasked else contacts.masked(value, namespace, texts=False),
                events=one.events,
                first_seen=one.first_seen,
                last_seen=one.last_seen,
            )
            for one in held
            for namespace, value in [rules.parts(one.origin)]
            if not namespaces.is_contact(one.origin)
        ],
        traits=seen if unmasked else laid.veiled(contacts.masked(seen)),
        since={name: traits[name].since for name in seen},
        has=contacts.channels(values),
        consent=consents.current(values, today),
        first_seen=min(one.first_seen for one in held),
        last_seen=max(one.last_seen for one in held),
        events=sum(one.events for one in held),
        bot=bots.is_program(sum(one.events for one in held), sum(one.bots for one in held)),
    )


async def exposed(session: AsyncSession, shown: Iterable[Profile | Portrait]) -> list[str]:
    """Those whose contact data or personal traits stand readable in this answer, for the audit log."""
    laid = await registry.registry(session)
    return [
        f"profile:{one.profile_id}"
        for one in shown
        if any(map(laid.is_personal, one.traits)) or contacts.masked(one.traits) != one.traits
    ]


def discloses(shown: Iterable[TimelineEvent]) -> bool:
    """Whether contact data, or what he wrote, stands readable in these events."""
    return any(contacts.masked(part) != part for one in shown for part in (one.properties, one.context))
