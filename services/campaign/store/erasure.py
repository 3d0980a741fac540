"""SQL of forgetting: messages become nobody's, triggers lose what they carried."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.tables import TIME

_MESSAGES = text(
    """
    WITH his AS (
      UPDATE messages SET
        state = CASE WHEN state IN ('planned', 'claimed') THEN 'skipped' ELSE state END,
        reason = CASE WHEN state IN ('planned', 'claimed') THEN 'erased' ELSE reason END,
        profile_id = -id, planned_for = -id, occasion = 'erased:' || id, event = NULL, detail = NULL, origin = NULL,
        address = NULL,
        -- Its sender alone knows what becomes of a message that is on its way, and finds it by its claim.
        claim = CASE WHEN state IN ('calling', 'unknown') THEN claim END,
        lease_until = CASE WHEN state = 'calling' THEN lease_until END,
        finished_at = CASE WHEN state IN ('planned', 'claimed') THEN :now ELSE finished_at END
      WHERE profile_id = ANY(:ids)
      RETURNING id
    )
    SELECT array_agg(id) FROM his
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("now", type_=TIME))

# Their clicks go with them.
_LINKS = text("DELETE FROM links WHERE message_id = ANY(:ids)").bindparams(bindparam("ids", type_=ARRAY(BigInteger)))

_TRIGGERS = text(
    """
    WITH his AS (
      UPDATE triggers SET data = '{}', unresolved = '[]', trigger_id = 'erased:' || id
      WHERE EXISTS (SELECT FROM unnest(:words) AS w WHERE position(w in data::text) > 0)
      RETURNING id
    )
    SELECT count(*) FROM his
    """
).bindparams(bindparam("words", type_=ARRAY(Text)))


async def make_nobodys(session: AsyncSession, profile_ids: Sequence[int], now: datetime) -> int:
    """Messages of these viewers count on, without anything that leads to them; the number of messages.

    Links that were written for one of them are gone.
    """
    ids: list[int] = (await session.execute(_MESSAGES, {"ids": list(profile_ids), "now": now})).scalar_one() or []
    if ids:
        await session.execute(_LINKS, {"ids": ids})
    return len(ids)


async def empty_triggers(session: AsyncSession, profile_ids: Sequence[int], words: Sequence[str]) -> int:
    """Triggers whose data holds one of these words forget it; their number."""
    return int((await session.execute(_TRIGGERS, {"words": list(words)})).scalar_one())
