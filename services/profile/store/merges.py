"""SQL of merges and splits: origins and events go from one profile to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Row, Text, bindparam, delete, func, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import events, identities, moves, profiles, redirects

Found = Row[*tuple[Any, ...]]


class Move(NamedTuple):
    """One merge or split, with what caused it."""

    kind: str
    from_id: int
    into_id: int
    origins: Sequence[str]
    one: str | None
    other: str | None
    message_id: str | None
    type: str
    source: str
    reason: str | None
    at: datetime


_REPOINT = text(
    """
    UPDATE identities AS i SET profile_id = d.profile_id, move = d.move
    FROM unnest(:origins, :profile_ids, :moves) AS d (origin, profile_id, move) WHERE i.origin = d.origin
    """
).bindparams(
    bindparam("origins", type_=ARRAY(Text)),
    bindparam("profile_ids", type_=ARRAY(BigInteger)),
    bindparam("moves", type_=ARRAY(BigInteger)),
)

_FOLLOW = text(
    """
    UPDATE events AS e SET profile_id = d.into_id
    FROM unnest(:gone, :into) AS d (gone, into_id) WHERE e.profile_id = d.gone
    """
).bindparams(bindparam("gone", type_=ARRAY(BigInteger)), bindparam("into", type_=ARRAY(BigInteger)))

_REVIVE = text(
    """
    WITH back AS (DELETE FROM redirects WHERE profile_id = :profile_id RETURNING version, created_at)
    INSERT INTO profiles (profile_id, version, created_at) OVERRIDING SYSTEM VALUE
    SELECT :profile_id, version, created_at FROM back RETURNING profile_id
    """
).bindparams(bindparam("profile_id", type_=BigInteger))


def _any(values: Iterable[Any], kind: Any) -> Any:
    return func.any(bindparam(None, sorted(values), type_=ARRAY(kind)))


async def number(session: AsyncSession, count: int) -> list[int]:
    """The next numbers of moves, rising."""
    rows = await session.scalars(
        text("SELECT nextval(pg_get_serial_sequence('moves', 'move')) FROM generate_series(1, :n)"), {"n": count}
    )
    return sorted(rows)


async def record(session: AsyncSession, numbered: Mapping[int, Move]) -> None:
    """Write moves down under their numbers."""
    rows = [{"move": n, **move._asdict(), "origins": list(move.origins)} for n, move in numbered.items()]
    statement = text(
        """
        INSERT INTO moves (move, kind, from_id, into_id, origins, one, other, message_id, type, source, reason, at)
        OVERRIDING SYSTEM VALUE VALUES
        (:move, :kind, :from_id, :into_id, :origins, :one, :other, :message_id, :type, :source, :reason, :at)
        """
    ).bindparams(bindparam("origins", type_=ARRAY(Text)))
    await session.execute(statement, rows)


async def repoint(session: AsyncSession, moved: Mapping[str, tuple[int, int]]) -> None:
    """These origins belong to (profile, by move) from now on."""
    origins = sorted(moved)
    await session.execute(
        _REPOINT,
        {
            "origins": origins,
            "profile_ids": [moved[origin][0] for origin in origins],
            "moves": [moved[origin][1] for origin in origins],
        },
    )


async def retire(session: AsyncSession, gone: Mapping[int, int]) -> None:
    """These profiles are part of those they are mapped to: redirects stay in their place."""
    rows = await session.execute(
        delete(profiles).where(profiles.c.profile_id == _any(gone, BigInteger)).returning(profiles)
    )
    values = [
        {
            "profile_id": row.profile_id,
            "into_id": gone[row.profile_id],
            "version": row.version,
            "created_at": row.created_at,
        }
        for row in rows
    ]
    await session.execute(insert(redirects), values)


async def follow(session: AsyncSession, gone: Mapping[int, int]) -> None:
    """Events of these profiles belong to those they are mapped to."""
    ordered = sorted(gone)
    await session.execute(_FOLLOW, {"gone": ordered, "into": [gone[one] for one in ordered]})


async def follow_origins(session: AsyncSession, from_id: int, into_id: int, origins: Iterable[str]) -> None:
    """Events of a profile that came with these origins belong to another profile."""
    statement = events.update().where(events.c.profile_id == from_id, events.c.origin == _any(origins, Text))
    await session.execute(statement.values(profile_id=into_id))


async def revive(session: AsyncSession, profile_id: int) -> bool:
    """A profile that was merged is itself again; False when it is not merged."""
    return await session.scalar(_REVIVE, {"profile_id": profile_id}) is not None


async def last_home(session: AsyncSession, profile_id: int, origins: Iterable[str]) -> int | None:
    """The one profile that all these origins were part of before they last came here, if it may come back."""
    wanted = sorted(origins)
    query = (
        select(moves.c.from_id)
        .join(redirects, (redirects.c.profile_id == moves.c.from_id) & (redirects.c.into_id == profile_id))
        .where(
            moves.c.kind == "merge",
            moves.c.into_id == profile_id,
            moves.c.origins.contains(bindparam(None, wanted, type_=ARRAY(Text))),
        )
        .order_by(moves.c.move.desc())
        .limit(1)
    )
    found: int | None = await session.scalar(query)
    return found


async def redirected(session: AsyncSession, profile_ids: Iterable[int]) -> dict[int, int]:
    """Where these profiles are today, of those that became part of another that is still here."""
    query = text(
        """
        WITH RECURSIVE way AS (
          SELECT profile_id, into_id FROM redirects WHERE profile_id = ANY(:ids)
          UNION ALL
          SELECT way.profile_id, r.into_id FROM way JOIN redirects r ON r.profile_id = way.into_id
        )
        SELECT way.profile_id, way.into_id FROM way JOIN profiles p ON p.profile_id = way.into_id
        """
    ).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))
    rows = await session.execute(query, {"ids": sorted(set(profile_ids))})
    return {row.profile_id: row.into_id for row in rows}


async def parts(session: AsyncSession, profile_id: int) -> list[int]:
    """Profiles that became part of this one, directly or through others."""
    query = text(
        """
        WITH RECURSIVE inside AS (
          SELECT profile_id FROM redirects WHERE into_id = :id
          UNION ALL
          SELECT r.profile_id FROM redirects r JOIN inside ON r.into_id = inside.profile_id
        )
        SELECT profile_id FROM inside ORDER BY profile_id
        """
    ).bindparams(bindparam("id", type_=BigInteger))
    return list(await session.scalars(query, {"id": profile_id}))


async def of(session: AsyncSession, profile_ids: Iterable[int], *, limit: int) -> Sequence[Found]:
    """The last merges and splits of these profiles, in order."""
    wanted = set(profile_ids)
    either = or_(moves.c.from_id == _any(wanted, BigInteger), moves.c.into_id == _any(wanted, BigInteger))
    return (await session.execute(select(moves).where(either).order_by(moves.c.move.desc()).limit(limit))).all()[::-1]


async def lock_origins(session: AsyncSession, profile_ids: Iterable[int]) -> list[str]:
    """Lock every identity of these profiles in order; their origins."""
    query = (
        select(identities.c.origin)
        .where(identities.c.profile_id == _any(profile_ids, BigInteger))
        .order_by(identities.c.origin)
        .with_for_update(key_share=True)
    )
    return list(await session.scalars(query))
