"""Identities and the profiles they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import identities, profiles
from shared import together
from shared.tables import TIME
from shared.together import Write


class Held(NamedTuple):
    """An identity with what it said, as stored."""

    origin: str
    profile_id: int
    traits: dict[str, Any]
    events: int
    first_seen: datetime
    last_seen: datetime
    bots: int


class Seen(NamedTuple):
    """How a batch moves the counters of an identity."""

    origin: str
    events: int
    bots: int
    first: datetime
    last: datetime


_LOCK = text(
    """
    SELECT origin, profile_id FROM identities WHERE origin = ANY(:origins)
    ORDER BY origin FOR NO KEY UPDATE
    """
).bindparams(bindparam("origins", type_=ARRAY(Text)))

_LINK = text(
    """
    INSERT INTO identities (origin, profile_id, first_seen, last_seen)
    SELECT origin, profile_id, seen, seen
    FROM unnest(:origins, :profile_ids, :seen) AS fresh (origin, profile_id, seen)
    ON CONFLICT (origin) DO NOTHING
    RETURNING origin
    """
).bindparams(
    bindparam("origins", type_=ARRAY(Text)),
    bindparam("profile_ids", type_=ARRAY(BigInteger)),
    bindparam("seen", type_=ARRAY(TIME)),
)

_COUNT = Write(
    """
    UPDATE identities AS i SET events = i.events + d.events, bots = i.bots + d.bots,
      first_seen = least(i.first_seen, d.first), last_seen = greatest(i.last_seen, d.last)
    FROM unnest(:origins, :events, :bots, :first, :last) AS d (origin, events, bots, first, last)
    WHERE i.origin = d.origin
    """,
    origins=ARRAY(Text),
    events=ARRAY(BigInteger),
    bots=ARRAY(BigInteger),
    first=ARRAY(TIME),
    last=ARRAY(TIME),
)

_SAY = text(
    """
    UPDATE identities AS i SET traits = d.traits::jsonb
    FROM unnest(:origins, :traits) AS d (origin, traits) WHERE i.origin = d.origin
    """
).bindparams(bindparam("origins", type_=ARRAY(Text)), bindparam("traits", type_=ARRAY(Text)))

_CREATE = text(
    """
    INSERT INTO profiles (version, created_at) SELECT 1, :at FROM generate_series(1, :count) RETURNING profile_id
    """
).bindparams(bindparam("at", type_=TIME))


def _pairs(rows: Iterable[Any]) -> dict[Any, Any]:
    return {row[0]: row[1] for row in rows}


async def lock(session: AsyncSession, origins: Sequence[str]) -> dict[str, int]:
    """Profile of each of these origins that is known; their rows are locked in order until the commit."""
    rows = await session.execute(_LOCK, {"origins": origins})
    return _pairs(rows)


async def owners(session: AsyncSession, origins: Sequence[str]) -> dict[str, int]:
    """Profile of each of these origins that is known."""
    rows = await session.execute(select(identities.c.origin, identities.c.profile_id).where(_is_any(origins)))
    return _pairs(rows)


def _is_any(origins: Sequence[str]) -> Any:
    return identities.c.origin == func.any(bindparam(None, list(origins), type_=ARRAY(Text)))


def _belongs_to(profile_ids: Iterable[int]) -> Any:
    return identities.c.profile_id == func.any(bindparam(None, sorted(profile_ids), type_=ARRAY(BigInteger)))


async def create(session: AsyncSession, count: int, at: datetime) -> list[int]:
    """Make this many profiles; their ids, rising."""
    return sorted(await session.scalars(_CREATE, {"count": count, "at": at}))


async def link(session: AsyncSession, fresh: Mapping[str, int], seen: Mapping[str, datetime]) -> int:
    """Give new origins their profiles, in sorted order; the number that nobody else had linked meanwhile."""
    origins = sorted(fresh)
    rows = await session.execute(
        _LINK,
        {
            "origins": origins,
            "profile_ids": [fresh[origin] for origin in origins],
            "seen": [seen[origin] for origin in origins],
        },
    )
    return len(rows.all())


async def lock_profiles(session: AsyncSession, profile_ids: Iterable[int]) -> None:
    """Lock these profiles in order until the commit."""
    any_of = func.any(bindparam(None, sorted(profile_ids), type_=ARRAY(BigInteger)))
    await session.execute(
        select(profiles.c.profile_id)
        .where(profiles.c.profile_id == any_of)
        .order_by(profiles.c.profile_id)
        .with_for_update(key_share=True)
    )


async def count(session: AsyncSession, seen: Sequence[Seen]) -> None:
    """Move the counters of these origins."""
    await together.write(
        session,
        _COUNT,
        {
            "origins": [one.origin for one in seen],
            "events": [one.events for one in seen],
            "bots": [one.bots for one in seen],
            "first": [one.first for one in seen],
            "last": [one.last for one in seen],
        },
    )


async def say(session: AsyncSession, said: Mapping[str, str]) -> None:
    """Replace the traits (JSON) of these origins."""
    await session.execute(_SAY, {"origins": list(said), "traits": list(said.values())})


async def bump(session: AsyncSession, profile_ids: Iterable[int]) -> dict[int, int]:
    """Raise the versions of these profiles by one; the new versions."""
    any_of = func.any(bindparam(None, sorted(profile_ids), type_=ARRAY(BigInteger)))
    rows = await session.execute(
        update(profiles)
        .where(profiles.c.profile_id == any_of)
        .values(version=profiles.c.version + 1)
        .returning(profiles.c.profile_id, profiles.c.version)
    )
    return _pairs(rows)


async def of(session: AsyncSession, profile_ids: Iterable[int]) -> dict[int, list[Held]]:
    """Identities of these profiles with all they said, the user's first (at equal times his trait wins)."""
    wanted = sorted(profile_ids)
    columns = (identities.c[name] for name in Held._fields)
    rows = await session.execute(select(*columns).where(_belongs_to(wanted)).order_by(identities.c.origin.desc()))
    found: dict[int, list[Held]] = {profile_id: [] for profile_id in wanted}
    for row in rows:
        found[row.profile_id].append(Held(*row))
    return found


async def versions(session: AsyncSession, profile_ids: Iterable[int]) -> dict[int, int]:
    """Versions of these profiles, where they exist."""
    any_of = func.any(bindparam(None, sorted(profile_ids), type_=ARRAY(BigInteger)))
    rows = await session.execute(
        select(profiles.c.profile_id, profiles.c.version).where(profiles.c.profile_id == any_of)
    )
    return _pairs(rows)


async def newest(session: AsyncSession, *, before: int | None, limit: int) -> dict[int, int]:
    """Versions of profiles by id, the newest first."""
    statement = select(profiles.c.profile_id, profiles.c.version).order_by(profiles.c.profile_id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(profiles.c.profile_id < before)
    return _pairs(await session.execute(statement))


async def oldest(session: AsyncSession, *, after: int, limit: int) -> dict[int, int]:
    """Versions of profiles by id, the oldest first."""
    rows = await session.execute(
        select(profiles.c.profile_id, profiles.c.version)
        .where(profiles.c.profile_id > after)
        .order_by(profiles.c.profile_id)
        .limit(limit)
    )
    return _pairs(rows)


async def page(session: AsyncSession, *, after: str, limit: int) -> list[tuple[str, int, int]]:
    """Origins, their profiles and the move that brought them there, by origin."""
    rows = await session.execute(
        select(identities.c.origin, identities.c.profile_id, identities.c.move)
        .where(identities.c.origin > after)
        .order_by(identities.c.origin)
        .limit(limit)
    )
    return [(row.origin, row.profile_id, row.move) for row in rows]
