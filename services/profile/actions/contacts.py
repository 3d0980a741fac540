"""Where viewers are reached, told only to who must send at this moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import keys, registry
from services.profile.rules import consents
from services.profile.rules import contacts as rules
from services.profile.rules import traits as trait_rules
from services.profile.settings import Consent
from services.profile.store import identities, merges, zones
from services.profile.store import tags as store_tags
from shared import clock, days
from shared.contracts import Contact, ContactsAnswered, ContactsAsked
from shared.errors import Invalid

MOST = 500
ZONE = "timezone"
"""The trait."""
LATELY = timedelta(days=90)
"""Where somebody was before says little about where his clock is."""


class UnknownPurpose(ValueError):
    """MARQUEE_CONSENT_FIRST names what it does not take"""


@cache
def first() -> frozenset[str]:
    """Of which channels and purposes silence is a no, in this process; the app asks for it at its start.

    Raises UnknownPurpose.
    """
    named = frozenset(name for one in Consent().consent_first.split(",") if (name := one.strip()))
    if unknown := named - set(consents.FIRST):
        raise UnknownPurpose(f"{', '.join(sorted(unknown))}: it takes {', '.join(consents.FIRST)}")
    return named


async def contacts(session: AsyncSession, asked: ContactsAsked) -> ContactsAnswered:
    """Addresses of those who have one for the channel and have not withdrawn; for each other id the reason.

    Who said nothing about consent may be reached, unless MARQUEE_CONSENT_FIRST says that he is to be asked (decision
    10); `rules.consents` says how he withdraws. The traits for rendering hold no contact data. Raises Invalid for more
    than 500 ids.
    """
    if len(asked.profile_ids) > MOST:
        raise Invalid(f"at most {MOST} profiles at a time", field="profile_ids")
    found: list[Contact] = []
    refused: dict[int, str] = {}
    # Who became part of another viewer since he was planned for is reached as that one.
    homes = {one: one for one in asked.profile_ids} | await merges.redirected(session, asked.profile_ids)
    everybody = await keys.opened(session, await identities.of(session, set(homes.values())))
    laid = await registry.registry(session)
    tagged = await store_tags.held(session, set(homes.values()), clock.now())
    for profile_id, home in homes.items():
        held = everybody[home]
        said = [trait_rules.read(one.traits) for one in held]
        whole = trait_rules.whole(said, laid)
        values = {name: trait.value for name, trait in trait_rules.view(said, laid).items()}
        address = rules.address(values, asked.channel)
        if not held:
            refused[profile_id] = "unknown_profile"
        elif address is None:
            refused[profile_id] = "no_address"
        elif not consents.allowed(whole.consent, asked.channel, asked.purpose, first=first()) or (
            asked.targeted and whole.consent.get(consents.PERSONALISATION) is False
        ):
            refused[profile_id] = "no_consent"
        else:
            tags, zone = list(tagged.get(home, ())), _zone(values.get(ZONE))
            found.append(Contact(profile_id=profile_id, address=address, traits=whole.traits, tags=tags, zone=zone))
    return ContactsAnswered(contacts=await _with_zones(session, found, homes), refused=refused)


async def _with_zones(session: AsyncSession, found: list[Contact], homes: Mapping[int, int]) -> list[Contact]:
    """The same, with the zone their last events named for those who have no trait that does."""
    lacking = {homes[one.profile_id] for one in found if one.zone is None}
    said = await zones.last(session, lacking, clock.now() - LATELY) if lacking else {}
    return [
        one if one.zone else msgspec.structs.replace(one, zone=_zone(said.get(homes[one.profile_id]))) for one in found
    ]


def _zone(said: Any) -> str | None:
    """A zone's name, if it is one."""
    return said if isinstance(said, str) and days.zone(said) is not None else None
