"""Giving tags by hand or from a file: to one viewer, to many, each with his own weight."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import profiles, tags
from services.profile.actions.traits import home
from services.profile.rules import tags as rules
from services.profile.schemas.tags import LONGEST_LIFE, AssignmentInput, BulkInput, BulkOutput, HeldTag, RefError
from services.profile.store import identities
from services.profile.store import tags as store
from services.profile.store.tags import IN_USE, Assignment
from shared import clock
from shared.contracts import ResolveAsked
from shared.errors import Invalid


class Gift(NamedTuple):
    """A tag for a viewer; without a weight or an end as the tag says."""

    ref: str
    key: str
    weight: float | None = None
    expires_at: datetime | None = None


async def assign(session: AsyncSession, ref: str, key: str, wanted: AssignmentInput, *, by: str) -> list[HeldTag]:
    """Give a viewer a tag. Raises UnknownProfile, UnknownTag, OtherKind, Invalid."""
    await _givable(session, key, wanted.expires_at)
    if await hand_out(session, [Gift(ref, key, wanted.weight, wanted.expires_at)], source=f"operator:{by}"):
        raise profiles.UnknownProfile(_unknown(ref), field="ref")
    return await tags.of(session, ref)


async def bulk(session: AsyncSession, key: str, wanted: BulkInput, *, by: str) -> BulkOutput:
    """Give a tag to many viewers; what is wrong with a ref concerns that ref only.

    Raises UnknownTag, OtherKind, Invalid.
    """
    await _givable(session, key, wanted.expires_at)
    gifts = [Gift(ref, key, wanted.weight, wanted.expires_at) for ref in dict.fromkeys(wanted.refs)]
    unknown = await hand_out(session, gifts, source=f"operator:{by}")
    found = (await profiles.resolve(session, ResolveAsked(refs=[one.ref for one in gifts]))).profile_ids
    errors = [
        RefError(field=f"refs[{place}]", ref=ref, message=_unknown(ref))
        for place, ref in enumerate(wanted.refs)
        if ref in unknown
    ]
    return BulkOutput(assigned=len({found[one.ref] for one in gifts if one.ref not in unknown}), errors=errors)


def _unknown(ref: str) -> str:
    return f"nobody is known as {ref!r}; {profiles.REFS}"


async def _givable(session: AsyncSession, key: str, expires_at: datetime | None) -> None:
    row = await tags.known(session, key)
    if row.kind not in tags.BY_HAND:
        raise tags.OtherKind(f"{key!r} is of kind {row.kind}: nobody gives it by hand", field="key")
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid("it lies behind us", field="expires_at")


async def words(session: AsyncSession) -> dict[str, str]:
    """What a file may call the tags that can be given by hand: key, or name where one tag alone has it → key."""
    return rules.words((row.key, row.name) for row in await store.by_kind(session, tags.BY_HAND))


async def hand_out(session: AsyncSession, gifts: Sequence[Gift], *, source: str) -> set[str]:
    """Give at most some thousand tags with a handful of statements; the refs of whom nobody knows.

    Each is kept with one identity: the one named, else the viewer's first. Tags that cannot be given by hand (any more)
    are left out: whoever calls has looked.
    """
    if not gifts:
        return set()
    now = clock.now()
    known = {row.key: row for row in await store.by_kind(session, tags.BY_HAND, {one.key for one in gifts})}
    refs = list(dict.fromkeys(one.ref for one in gifts))
    found = (await profiles.resolve(session, ResolveAsked(refs=refs))).profile_ids
    if found:
        await identities.lock_profiles(session, set(found.values()))
        held = await identities.of(session, set(found.values()))
        # A ref whose identities have just gone elsewhere, by a merge, is answered as unknown: nothing was written.
        found = {ref: profile_id for ref, profile_id in found.items() if held[profile_id]}
        given: dict[tuple[str, str], Assignment] = {}
        changed: set[int] = set()
        for one in gifts:
            if one.ref not in found or one.key not in known:
                continue
            row, profile_id = known[one.key], found[one.ref]
            ends = one.expires_at
            if ends is None and row.lifetime is not None:
                ends = now + timedelta(seconds=min(row.lifetime, LONGEST_LIFE))
            origin = home(one.ref, held[profile_id])
            weight = row.weight if one.weight is None else one.weight
            given[origin, one.key] = Assignment(origin, one.key, weight, source, now, ends)
            if row.state == IN_USE:
                changed.add(profile_id)
        if given:
            await store.assign(session, given.values())
            await tags.tell_again(session, changed)
    return set(refs) - found.keys()
