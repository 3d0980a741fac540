"""Telling a profile whole: after a change, and again after its identities came or went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import registry
from services.profile.rules import traits as trait_rules
from services.profile.store import identities, search
from services.profile.store import tags as store_tags
from shared import clock
from shared.contracts import ProfileUpdated
from shared.outbox import tell

Cause = Literal["rule", "merge", "split"]


def told(
    profile_id: int, version: int, whole: trait_rules.Whole, cause: Cause = "rule", *, tags: Iterable[str] = ()
) -> ProfileUpdated:
    """The fact of a profile's present state."""
    return ProfileUpdated(
        profile_id=profile_id,
        version=version,
        traits=whole.traits,
        since=whole.since,
        tags=list(tags),
        has=whole.has,
        consent=whole.consent,
        cause=cause,
    )


async def again(session: AsyncSession, profile_ids: Iterable[int], cause: Cause) -> None:
    """Raise the versions of these profiles and tell them; they are locked. What they are found by follows."""
    profile_ids = set(profile_ids)
    await search.touch(session, dict.fromkeys(profile_ids, True))
    for fact in await present(session, await identities.bump(session, profile_ids), cause):
        tell(session, fact)


async def present(session: AsyncSession, versions: Mapping[int, int], cause: Cause = "rule") -> list[ProfileUpdated]:
    """These profiles, as they are now, with everything that is told of them."""
    laid = await registry.registry(session)
    held_tags = await store_tags.names(session, versions, clock.now())
    return [
        told(
            profile_id,
            versions[profile_id],
            trait_rules.whole((trait_rules.read(one.traits) for one in held), laid),
            cause,
            tags=held_tags.get(profile_id, ()),
        )
        for profile_id, held in (await identities.of(session, versions)).items()
    ]
