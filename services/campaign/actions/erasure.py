"""Forgetting a viewer: what was sent stays counted, and nobody can say to whom."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import erasure
from services.campaign.tables import homes, listed, metadata, redirects
from shared import clock
from shared.erasure import ORIGIN, PROFILE, Keeps, words


async def _anonymous(session: AsyncSession, ids: Sequence[int], origins: Sequence[str]) -> dict[str, int]:
    return {
        "triggers": await erasure.empty_triggers(session, ids, words(origins)),
        "messages": await erasure.make_nobodys(session, ids, clock.now()),
    }


KEEPS = Keeps(
    tables=metadata,
    also={PROFILE: (redirects.c.into_id,), ORIGIN: (homes.c.origin, listed.c.origin)},
    spared=frozenset({"messages"}),
    before=_anonymous,
)
