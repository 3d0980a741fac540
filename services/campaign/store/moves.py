"""SQL of merges and splits: where ids and profiles are, and the messages that follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.rules.moves import Row
from services.campaign.store import Record
from services.campaign.store.messages import TOLD, told
from services.campaign.tables import inbox, messages, parcels

_WAY = """
  way AS (
    SELECT profile_id AS start, into_id FROM redirects WHERE profile_id = ANY(:ids) AND into_id IS NOT NULL
    UNION ALL
    SELECT way.start, r.into_id FROM way JOIN redirects r ON r.profile_id = way.into_id AND r.into_id IS NOT NULL
  ), ends AS (
    SELECT start, into_id FROM way
    WHERE NOT EXISTS (SELECT FROM redirects r WHERE r.profile_id = way.into_id AND r.into_id IS NOT NULL)
  )
"""

_HOMES = text(f"WITH RECURSIVE {_WAY} SELECT start, into_id FROM ends").bindparams(  # noqa: S608 - our own text
    bindparam("ids", type_=ARRAY(BigInteger))
)

_PARTS = text(
    """
    WITH RECURSIVE inside AS (
      SELECT unnest(:ids) AS profile_id
      UNION
      SELECT r.profile_id FROM redirects r JOIN inside ON r.into_id = inside.profile_id
    )
    SELECT profile_id FROM inside
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))

_SETTLE = text(
    """
    INSERT INTO homes (origin, profile_id, move) SELECT * FROM unnest(:origins, :into, :moves)
    ON CONFLICT (origin) DO UPDATE SET profile_id = excluded.profile_id, move = excluded.move
    WHERE homes.move < excluded.move
    """
).bindparams(
    bindparam("origins", type_=ARRAY(Text)),
    bindparam("into", type_=ARRAY(BigInteger)),
    bindparam("moves", type_=ARRAY(BigInteger)),
)

_REDIRECT = text(
    """
    INSERT INTO redirects (profile_id, into_id, move) SELECT * FROM unnest(:gone, :into, :moves)
    ON CONFLICT (profile_id) DO UPDATE SET into_id = excluded.into_id, move = excluded.move
    WHERE redirects.move < excluded.move
    """
).bindparams(
    bindparam("gone", type_=ARRAY(BigInteger)),
    bindparam("into", type_=ARRAY(BigInteger)),
    bindparam("moves", type_=ARRAY(BigInteger)),
)

# Messages that stand at the homes of those affected come along: two of one occasion may meet there.
_AFFECTED = text(
    f"""
    WITH RECURSIVE {_WAY}, affected AS (
      SELECT m.id, m.campaign_id, m.step, m.occasion, m.state, m.profile_id,
             coalesce(h.profile_id, e.into_id, m.planned_for) AS home
      FROM messages m LEFT JOIN homes h ON h.origin = m.origin LEFT JOIN ends e ON e.start = m.planned_for
      WHERE m.planned_for = ANY(:ids) OR m.origin = ANY(:origins)
    ), others AS (
      SELECT m.id, m.campaign_id, m.step, m.occasion, m.state, m.profile_id, m.profile_id AS home
      FROM messages m JOIN affected a USING (campaign_id, step, occasion)
      WHERE m.profile_id = a.home AND m.id NOT IN (SELECT id FROM affected)
    )
    SELECT * FROM affected UNION SELECT * FROM others ORDER BY id
    """  # noqa: S608 - our own text
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("origins", type_=ARRAY(Text)))


async def settle(session: AsyncSession, origins: Mapping[str, tuple[int, int]]) -> None:
    """Each of these origins is at (profile, by move), unless a later move is known."""
    ordered = sorted(origins)
    values = {"into": [origins[one][0] for one in ordered], "moves": [origins[one][1] for one in ordered]}
    await session.execute(_SETTLE, {"origins": ordered, **values})


async def redirect(session: AsyncSession, profiles: Mapping[int, tuple[int | None, int]]) -> None:
    """Each of these profiles became part of (another, by move) or came back (None), unless a later move is known."""
    ordered = sorted(profiles)
    values = {"into": [profiles[one][0] for one in ordered], "moves": [profiles[one][1] for one in ordered]}
    await session.execute(_REDIRECT, {"gone": ordered, **values})


async def present(session: AsyncSession, profile_ids: Iterable[int]) -> dict[int, int]:
    """Where these profiles are today, of those that became part of another."""
    rows = await session.execute(_HOMES, {"ids": sorted(set(profile_ids))})
    return {row.start: row.into_id for row in rows}


async def parts(session: AsyncSession, profile_ids: Iterable[int]) -> list[int]:
    """These profiles and those that became part of them."""
    return sorted(await session.scalars(_PARTS, {"ids": sorted(set(profile_ids))}))


async def affected(session: AsyncSession, profile_ids: Sequence[int], origins: Sequence[str]) -> list[Row]:
    """Messages planned for these profiles or because of these origins, and those of the same occasions they meet."""
    rows = await session.execute(_AFFECTED, {"ids": list(profile_ids), "origins": list(origins)})
    return [Row(*row) for row in rows]


async def repoint(session: AsyncSession, viewers: dict[int, int]) -> None:
    """These messages belong to these viewers."""
    given = text("SELECT * FROM unnest(:ids, :viewers) AS n (id, profile_id)").bindparams(
        bindparam("ids", sorted(viewers), type_=ARRAY(BigInteger)),
        bindparam("viewers", [viewers[one] for one in sorted(viewers)], type_=ARRAY(BigInteger)),
    )
    moved = given.columns(messages.c.id, messages.c.profile_id).subquery("moved")
    await session.execute(update(messages).where(messages.c.id == moved.c.id).values(profile_id=moved.c.profile_id))
    for kept in (inbox, parcels):
        there = update(kept).where(kept.c.message_id == moved.c.id)
        await session.execute(there.values(profile_id=moved.c.profile_id))


async def skip(session: AsyncSession, ids: Sequence[int], *, now: datetime, reason: str) -> Sequence[Record]:
    """Call off those of these messages whose sending has not begun; the answer is which."""
    statement = (
        told(update(messages))
        .where(messages.c.id.in_(ids), messages.c.state.in_(("planned", "claimed")))
        .values(state="skipped", reason=reason, detail=None, claim=None, lease_until=None, finished_at=now)
    )
    return (await session.execute(statement.returning(*TOLD))).all()
