"""Merges and splits: messages follow their viewers, and nobody is written to twice for one occasion.

Facts of two profiles come in any order, so of two moves the one with the higher number counts, and whose a message is
follows from what is known then: where the id is that caused it, else where the profile is it was planned for.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.actions import messages
from services.campaign.rules import moves as rules
from services.campaign.store import moves
from shared import clock
from shared.contracts import ProfileMerged, ProfileSplit


async def merge(session: AsyncSession, facts: list[ProfileMerged]) -> None:
    """Profiles became part of others."""
    for fact in facts:
        await moves.redirect(session, fact.from_id, fact.into_id, fact.move)
        await _follow(session, fact)


async def split(session: AsyncSession, facts: list[ProfileSplit]) -> None:
    """Ids left a profile; the one they went to is itself again, if it had been part of another."""
    for fact in facts:
        await moves.redirect(session, fact.into_id, None, fact.move)
        await _follow(session, fact)


async def _follow(session: AsyncSession, fact: ProfileMerged | ProfileSplit) -> None:
    await moves.settle(session, fact.origins, fact.into_id, fact.move)
    profile_ids = await moves.parts(session, [fact.from_id, fact.into_id])
    rows: Sequence[rules.Row] = await moves.affected(session, profile_ids, fact.origins)
    settled = rules.settle(rows)
    if settled.skip:
        messages.tell(session, await moves.skip(session, settled.skip, now=clock.now(), reason=rules.SENT_ONCE))
    if settled.repoint:
        await moves.repoint(session, settled.repoint)
