"""First and last touch: kept with each batch, shown for a viewer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import profiles
from services.profile.rules import touches as rules
from services.profile.rules.touches import Both, Placed, Touch
from services.profile.schemas import collection as schemas
from services.profile.store import identities
from services.profile.store import touches as store
from shared.contracts import ResolveAsked

if TYPE_CHECKING:
    from services.profile.actions.stages import Recorded

_encode = msgspec.json.Encoder().encode


async def keep(session: AsyncSession, fresh: Sequence[Recorded]) -> None:
    """Stage: take in the campaigns and share links these calls came by, by origin."""
    found: dict[str, list[Placed]] = {}
    for call, _ in fresh:
        touch = rules.touch(call)
        if touch is not None:
            found.setdefault(call.claim.origin, []).append(Placed(call.time, touch))
    lines = []
    for origin, placed in found.items():
        its = rules.both(placed)
        if its is not None:
            first, last = _encode(its.first.touch).decode(), _encode(its.last.touch).decode()
            lines.append(store.Line(origin, its.first.at, first, its.last.at, last))
    if lines:
        await store.move(session, lines)


async def of(session: AsyncSession, origins: Iterable[str]) -> Both | None:
    """First and last touch of the viewer with these identities; None when none of them came by anything we know."""
    rows = await store.of(session, origins)
    return rules.both(
        Placed(at, msgspec.convert(touch, Touch))
        for row in rows
        for at, touch in ((row.first_at, row.first), (row.last_at, row.last))
    )


async def by_ref(session: AsyncSession, ref: str) -> schemas.Touches:
    """First and last touch of a viewer. Raises UnknownProfile."""
    profile_id = (await profiles.resolve(session, ResolveAsked(refs=[ref]))).profile_ids.get(ref)
    if profile_id is None:
        raise profiles.UnknownProfile(f"nobody is known as {ref!r}; {profiles.REFS}")
    return await shown(session, [held.origin for held in (await identities.of(session, [profile_id]))[profile_id]])


async def shown(session: AsyncSession, origins: Iterable[str]) -> schemas.Touches:
    """First and last touch of the viewer with these identities, as they are shown."""
    found = await of(session, origins)
    return schemas.Touches(first=_shown(found.first) if found else None, last=_shown(found.last) if found else None)


def _shown(placed: Placed) -> schemas.Touch:
    return schemas.Touch(at=placed.at, **msgspec.to_builtins(placed.touch))
