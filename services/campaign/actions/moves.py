"""Merges and splits: messages follow their viewers, and nobody is written to twice for one occasion.

Facts of two profiles come in any order, so of two moves the one with the higher number counts, and whose a message is
follows from what is known then: where the id is that caused it, else where the profile is it was planned for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.actions import messages
from services.campaign.rules import moves as rules
from services.campaign.store import manners, moves
from shared import clock
from shared.contracts import ProfileMerged, ProfileSplit

Moved = ProfileMerged | ProfileSplit


async def merge(session: AsyncSession, facts: list[ProfileMerged]) -> None:
    """Profiles became part of others."""
    for fact in sorted(facts, key=_order):
        await manners.merge(session, fact.from_id, fact.into_id)
    await _follow(session, facts, {fact.from_id: (fact.into_id, fact.move) for fact in sorted(facts, key=_order)})


async def split(session: AsyncSession, facts: list[ProfileSplit]) -> None:
    """Ids left a profile; the one they went to is itself again, if it had been part of another."""
    await _follow(session, facts, {fact.into_id: (None, fact.move) for fact in sorted(facts, key=_order)})


async def _follow(
    session: AsyncSession, facts: Sequence[Moved], redirects: Mapping[int, tuple[int | None, int]]
) -> None:
    await moves.redirect(session, redirects)
    homes = {origin: (fact.into_id, fact.move) for fact in sorted(facts, key=_order) for origin in fact.origins}
    await moves.settle(session, homes)
    profile_ids = await moves.parts(session, {one for fact in facts for one in (fact.from_id, fact.into_id)})
    settled = rules.settle(await moves.affected(session, profile_ids, sorted(homes)))
    if settled.skip:
        messages.tell(session, await moves.skip(session, settled.skip, now=clock.now(), reason=rules.SENT_ONCE))
    if settled.repoint:
        await moves.repoint(session, settled.repoint)


def _order(fact: Moved) -> int:
    return fact.move
