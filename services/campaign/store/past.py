"""SQL of messages that another system sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store.messages import STEP
from shared.tables import TIME


@dataclass(frozen=True)
class Past:
    """What became of one viewer's message; `at` is when it was sent, or would have been."""

    profile_id: int
    state: str
    at: datetime
    opened_at: datetime | None
    clicked_at: datetime | None


_ADD = text(
    """
    INSERT INTO messages (
      campaign_id, version, step, profile_id, occasion, state, reason, attempts, due_at, planned_at, called_at,
      finished_at, planned_for, variant, opened_at, clicked_at
    )
    SELECT :campaign, :version, :step, n.profile_id, 'once', n.state,
           CASE n.state WHEN 'held' THEN 'hold_out' WHEN 'failed' THEN 'refused' END,
           CASE n.state WHEN 'held' THEN 0 ELSE 1 END, n.at, n.at, CASE WHEN n.state <> 'held' THEN n.at END, n.at,
           n.profile_id, 'default', n.opened_at, n.clicked_at
    FROM unnest(:profiles, :states, :ats, :opened, :clicked) AS n (profile_id, state, at, opened_at, clicked_at)
    ORDER BY n.profile_id
    ON CONFLICT (campaign_id, step, profile_id, occasion) DO NOTHING RETURNING id
    """
).bindparams(
    bindparam("profiles", type_=ARRAY(BigInteger)),
    bindparam("states", type_=ARRAY(Text)),
    bindparam("step", type_=Text),
    bindparam("campaign", type_=BigInteger),
    *(bindparam(name, type_=ARRAY(TIME)) for name in ("ats", "opened", "clicked")),
)


async def add(session: AsyncSession, campaign_id: int, version: int, rows: Sequence[Past]) -> int:
    """Add a message for each viewer who has none in this campaign; how many."""
    done = await session.scalars(
        _ADD,
        {
            "campaign": campaign_id,
            "version": version,
            "step": STEP,
            "profiles": [one.profile_id for one in rows],
            "states": [one.state for one in rows],
            "ats": [one.at for one in rows],
            "opened": [one.opened_at for one in rows],
            "clicked": [one.clicked_at for one in rows],
        },
    )
    return len(done.all())
