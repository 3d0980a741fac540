"""What operators do with identity: see why ids are one viewer, take them apart, put them together, set namespaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import links, merges, plan, profiles
from services.profile.rules import explanations
from services.profile.rules import namespaces as spaces
from services.profile.rules.identities import parts
from services.profile.schemas.links import (
    IdentityOutput,
    KnownId,
    LinkCause,
    LinkOutput,
    MergeInput,
    MoveOutput,
    MoveResult,
    NamespaceInput,
    NamespaceOutput,
    SplitInput,
)
from services.profile.store import event_types, identities
from services.profile.store import links as link_store
from services.profile.store import merges as store
from services.profile.store.merges import Move
from shared import clock
from shared.database import after_commit
from shared.errors import Conflict, Invalid, NotFound

MOST = 1000
"""Links and moves shown of one viewer, the last ones."""


class NotItsOrigin(Invalid):
    """The viewer has no such id"""


class NothingLeft(Conflict):
    """A split must leave the viewer an id"""


class CannotMerge(Conflict):
    """These profiles cannot be one viewer"""


class SameProfile(Conflict):
    """It is the same profile"""


class InUse(Conflict):
    """There are such ids already"""


class NoNamespace(NotFound):
    """There is no such namespace"""


async def explain(session: AsyncSession, ref: str) -> IdentityOutput:
    """Ids, links with their causes, refused links with reasons, merges and splits. Raises UnknownProfile."""
    profile_id = await profiles.found(session, ref)
    held = (await identities.of(session, [profile_id]))[profile_id]
    links_ = await link_store.of(session, [one.origin for one in held], limit=MOST + 1)
    said = [_link(row) for row in links_[-MOST:]]
    formerly = await store.parts(session, profile_id)
    history = await store.of(session, [profile_id, *formerly], limit=MOST + 1)
    return IdentityOutput(
        profile_id=profile_id,
        ids=[
            KnownId(
                origin=one.origin,
                namespace=parts(one.origin)[0],
                value=parts(one.origin)[1],
                events=one.events,
                first_seen=one.first_seen,
                last_seen=one.last_seen,
            )
            for one in held
        ],
        links=[one for one in said if one.state == "active"],
        refused=[one for one in said if one.state != "active"],
        history=[_move(row) for row in history[-MOST:]],
        formerly=formerly,
        more=len(links_) > MOST or len(history) > MOST,
    )


async def split(session: AsyncSession, ref: str, wanted: SplitInput, *, by: str, dry_run: bool) -> MoveResult:
    """Give ids back: to the profile they came from, else to a new one. A veto stays between the two sides.

    Raises UnknownProfile, NotItsOrigin, NothingLeft.
    """
    profile_id = await profiles.found(session, ref)
    held = set(await merges.lock(session, [profile_id]))
    went = await _named(session, wanted.origins, held)
    stayed = held - went
    if not stayed:
        raise NothingLeft(f"profile {profile_id} has no other id: there is nobody to tell apart", field="origins")
    home = await store.last_home(session, profile_id, went)
    number, into_id = None, home
    if not dry_run:
        if home is None:
            (into_id,) = await identities.create(session, 1, clock.now())
        else:
            await store.revive(session, home)
        assert into_id is not None
        move = _by_operator("split", profile_id, into_id, went, by=by, reason=wanted.reason)
        number = await merges.split(session, move)
        await link_store.forbid(session, number, went, stayed)
    return MoveResult(
        dry_run=dry_run,
        kind="split",
        from_id=profile_id,
        into_id=into_id,
        origins=sorted(went),
        events=await _events(session, profile_id if dry_run else into_id, went),
        stays=sorted(stayed),
        move=number,
    )


async def merge(session: AsyncSession, wanted: MergeInput, *, by: str, dry_run: bool) -> MoveResult:
    """Make one viewer of two, whatever was vetoed before. Raises UnknownProfile, SameProfile, CannotMerge."""
    gone = await profiles.found(session, wanted.from_, field="from")
    into = await profiles.found(session, wanted.into, field="into")
    if gone == into:
        raise SameProfile(f"{wanted.from_!r} and {wanted.into!r} are both profile {into}")
    await merges.lock(session, [gone, into])
    now = clock.now()
    groups = await link_store.groups(session, [gone, into], since=now - timedelta(days=1))
    if not all(one.origins for one in groups.values()):
        raise Conflict("somebody else has just moved one of them: look again")
    _fits(await link_store.spaces(session), groups[gone].counts(), groups[into].counts())
    vetoed = any((move, not side) in groups[into].sides for move, side in groups[gone].sides)
    went = groups[gone].origins
    events = await _events(session, gone, went)
    number = None
    if not dry_run:
        if vetoed:
            await link_store.allow(session, groups[gone], groups[into])
        number = await merges.apply(session, [_by_operator("merge", gone, into, went, by=by, reason=wanted.reason)])
    return MoveResult(
        dry_run=dry_run,
        kind="merge",
        from_id=gone,
        into_id=into,
        origins=sorted(went),
        events=events,
        stays=sorted(groups[into].origins),
        move=number,
        vetoes_lifted=vetoed,
    )


async def namespaces(session: AsyncSession) -> list[NamespaceOutput]:
    """Every namespace, the most telling first."""
    rows = [await link_store.space(session, name) for name in await link_store.spaces(session)]
    return sorted((_space(row) for row in rows if row is not None), key=lambda one: (-one.priority, one.name))


async def namespace(session: AsyncSession, name: str) -> NamespaceOutput:
    """One namespace. Raises NoNamespace."""
    row = await link_store.space(session, name)
    if row is None:
        raise NoNamespace(f"{name!r} was never set up: its ids are treated as `custom`; PUT it to change that")
    return _space(row)


async def put_namespace(session: AsyncSession, name: str, wanted: NamespaceInput) -> NamespaceOutput:
    """Set a namespace up or change it; what was linked before stays as it is. Raises Invalid, InUse."""
    if not spaces.NAME.fullmatch(name):
        raise Invalid("a namespace is a word of a-z, 0-9 and _ that begins with a letter, at most 40", field="name")
    values = wanted.model_dump(exclude={"contact"}) | {"contact": await _is_contact(session, name, wanted.contact)}
    await link_store.put_space(session, name, values, clock.now())
    await event_types.raise_version(session)
    after_commit(session, lambda: plan.drop(session))
    return await namespace(session, name)


async def _is_contact(session: AsyncSession, name: str, wanted: bool | None) -> bool:
    """Whether the values of a namespace are contact data from now on. Raises Invalid, InUse."""
    row = await link_store.space(session, name)
    before = name in spaces.CONTACTS or (row is not None and bool(row.contact))
    if wanted is None or wanted == before:
        return before
    if name in spaces.CONTACTS:
        raise Invalid(f"what {name} holds is contact data, always", field="contact")
    if name in (spaces.USER, spaces.ANONYMOUS):
        raise Invalid(
            f"every service knows viewers by their {name}: send another id, not contact data", field="contact"
        )
    if await link_store.is_used(session, name):
        raise InUse(
            f"there are ids of the namespace {name!r}, which stay as they are: use another name", field="contact"
        )
    return wanted


async def _named(session: AsyncSession, asked: Iterable[str], held: set[str]) -> set[str]:
    """The origins that were asked for, contact ids by their index. Raises NotItsOrigin for one he does not have."""
    blind = await links.blinder(session)
    found: set[str] = set()
    for place, one in enumerate(asked):
        origin = profiles.reference(one, blind)
        if not isinstance(origin, str) or origin not in held:
            raise NotItsOrigin(
                f"{one!r} is none of his ids, which are {', '.join(sorted(held)[:20])}", field=f"origins[{place}]"
            )
        found.add(origin)
    return found


def _fits(known: spaces.Spaces, gone: Counter[str], into: Counter[str]) -> None:
    """Raise CannotMerge when one viewer would have too many ids of one kind."""
    for name in sorted(gone.keys() & into.keys()):
        most = (known.get(name) or known[spaces.CUSTOM]).most
        if gone[name] + into[name] > most:
            raise CannotMerge(
                f"he would have {gone[name] + into[name]} ids of the namespace {name!r}, where at most {most} may be: "
                f"split some off first, or PUT /v1/namespaces/{name} with a larger `most`"
            )


def _by_operator(kind: str, from_id: int, into_id: int, origins: Iterable[str], *, by: str, reason: str) -> Move:
    return Move(
        kind=kind,
        from_id=from_id,
        into_id=into_id,
        origins=sorted(origins),
        one=None,
        other=None,
        message_id=None,
        type="operator",
        source=by,
        reason=reason,
        at=clock.now(),
    )


async def _events(session: AsyncSession, profile_id: int | None, origins: Iterable[str]) -> int:
    """How many events these origins of a profile have."""
    if profile_id is None:
        return 0
    wanted = set(origins)
    held: Sequence[Any] = (await identities.of(session, [profile_id]))[profile_id]
    return sum(one.events for one in held if one.origin in wanted)


def _link(row: Any) -> LinkOutput:
    return LinkOutput(
        one=row.one,
        other=row.other,
        state=row.state,
        reason=row.reason,
        cause=LinkCause(message_id=row.message_id, type=row.type, source=row.source, at=row.at),
        times=row.times,
        last_at=row.last_at,
        explanation=explanations.link(
            row.one, row.other, reason=row.reason, kind=row.type, source=row.source, at=row.at
        ),
    )


def _move(row: Any) -> MoveOutput:
    link = [row.one, row.other] if row.one is not None else None
    why = row.reason if link is None else f"{explanations.call(row.type)} from {row.source}"
    return MoveOutput(
        move=row.move,
        kind=row.kind,
        from_id=row.from_id,
        into_id=row.into_id,
        origins=row.origins,
        link=link,
        message_id=row.message_id,
        type=row.type,
        source=row.source,
        reason=row.reason,
        at=row.at,
        explanation=explanations.move(
            row.kind, row.from_id, row.into_id, row.origins, link=link, by=row.source, why=why or ""
        ),
    )


def _space(row: Any) -> NamespaceOutput:
    return NamespaceOutput(
        name=row.name,
        priority=row.priority,
        most=row.most,
        merges_per_day=row.merges_per_day,
        shared=row.shared,
        contact=row.contact,
        blocked=row.blocked,
        updated_at=row.updated_at,
    )
