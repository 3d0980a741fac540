"""One viewer on one page, out of sums: no event is read."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import profiles, tags, touches
from services.profile.actions.aggregates import terms
from services.profile.rules import aggregates as rules
from services.profile.rules import consents, portraits
from services.profile.schemas.portraits import Portrait
from services.profile.store import aggregates
from shared import clock


async def portrait(session: AsyncSession, ref: str, *, unmasked: bool) -> Portrait:
    """The portrait of a viewer: everything known of all his identities, added up. Raises UnknownProfile."""
    profile, origins = await profiles.with_origins(session, ref, unmasked=unmasked)
    rows = await aggregates.of(session, origins)
    options = terms()
    profiled = profile.consent.get(consents.PROFILING, True)
    known = [(row.month, rules.read(row.data)) for row in rows]
    # Sums are kept for who is not profiled (counted together they are statistics), but nobody looks at his.
    whole = rules.whole(known if profiled else (), clock.now(), options.half_life)
    liked, others = portraits.liked(whole)
    touched = await touches.shown(session, origins)
    return Portrait(
        profile_id=profile.profile_id,
        traits=profile.traits,
        since=profile.since,
        has=profile.has,
        consent=profile.consent,
        first_seen=profile.first_seen,
        last_seen=profile.last_seen,
        first_touch=touched.first,
        last_touch=touched.last,
        profiled=profiled,
        interests=liked,
        other_interests=others,
        habits=portraits.habitual(whole, options.zone),
        tags=await tags.of_profile(session, profile.profile_id),
        interactions=dict(sorted(whole.events.items(), key=lambda one: (-one[1], one[0]))),
        bots=whole.bots,
        spending=portraits.spending(whole.spent),
        sources=portraits.shares(rules.sources(part for _, part in known)),
    )
