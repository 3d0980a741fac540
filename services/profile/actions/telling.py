"""Telling a profile whole: after a change, and again after its identities came or went."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import registry
from services.profile.rules import bots
from services.profile.rules import traits as trait_rules
from services.profile.store import identities, search
from services.profile.store import tags as store_tags
from services.profile.store.identities import Held
from services.profile.store.tags import Has
from shared import clock
from shared.contracts import ProfileUpdated
from shared.outbox import tell

Cause = Literal["rule", "merge", "split"]

NONE: Mapping[str, Has] = MappingProxyType({})


def told(
    profile_id: int,
    version: int,
    whole: trait_rules.Whole,
    cause: Cause = "rule",
    *,
    tags: Mapping[str, Has] = NONE,
    program: datetime | None = None,
) -> ProfileUpdated:
    """The fact of a profile's present state, with the tags in use that he has; `program`: since when he was one.

    What a front-end says under the name of that mark is not told: a program would say it is none.
    """
    traits = {name: value for name, value in whole.traits.items() if name != bots.MARK}
    since = {name: at for name, at in whole.since.items() if name != bots.MARK}
    if program is not None:
        traits[bots.MARK] = True
        since[bots.MARK] = program
    return ProfileUpdated(
        profile_id=profile_id,
        version=version,
        traits=traits,
        since=since,
        tags=list(tags),
        weights={key: one.weight for key, one in tags.items()},
        tag_since={key: one.since for key, one in tags.items()},
        has=whole.has,
        consent=whole.consent,
        consent_since=whole.consent_since,
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
    held_tags = await store_tags.held(session, versions, clock.now())
    return [
        told(
            profile_id,
            versions[profile_id],
            trait_rules.whole((trait_rules.read(one.traits) for one in held), laid),
            cause,
            tags=held_tags.get(profile_id, NONE),
            program=program_since(held),
        )
        for profile_id, held in (await identities.of(session, versions)).items()
    ]


def program_since(held: Collection[Held]) -> datetime | None:
    """Since when a viewer with these identities has been nothing but a program, None if he is a person."""
    known = bots.is_program(sum(one.events for one in held), sum(one.bots for one in held))
    return min(one.first_seen for one in held) if known else None
