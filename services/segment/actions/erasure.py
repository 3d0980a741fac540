"""Forgetting a viewer: he leaves every segment, and nothing of him stays."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.store import definitions, members
from services.segment.store.members import Change
from services.segment.tables import homes, metadata, redirects
from shared import clock
from shared.erasure import ORIGIN, PROFILE, Keeps


async def _leave(session: AsyncSession, ids: Sequence[int], _: Sequence[str]) -> dict[str, int]:
    """Tell the others that he left, so that sizes and copies are right."""
    await definitions.enter_gate(session)
    now = await judging.book(session)
    left = [
        Change(segment_id, profile_id, "erase", entered=False)
        for segment_id, profile_id in await members.of(session, ids)
        if segment_id in now.definitions
    ]
    await judging.tell_changes(session, now, left, clock.now())
    return {}


KEEPS = Keeps(tables=metadata, also={PROFILE: (redirects.c.into_id,), ORIGIN: (homes.c.origin,)}, before=_leave)
