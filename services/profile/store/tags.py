"""What tags mean, and who has them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Double,
    Row,
    Text,
    bindparam,
    delete,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables.identities import identities
from services.profile.tables.tags import followers, tagged, tags
from shared.tables import TIME

IN_USE = "in_use"


class Assignment(NamedTuple):
    """A tag given to an identity."""

    origin: str
    key: str
    weight: float
    source: str
    since: datetime
    expires_at: datetime | None


class Has(NamedTuple):
    """How much a viewer has a tag, the highest of his identities, and since when, the earliest."""

    weight: float
    since: datetime


_TYPES: dict[str, Any] = {"weight": Double, "since": TIME, "expires_at": TIME}
_COLUMNS = ", ".join(Assignment._fields)

_ASSIGN = text(
    f"""
    INSERT INTO tagged ({_COLUMNS})
    SELECT {_COLUMNS} FROM unnest({", ".join(f":{name}" for name in Assignment._fields)}) AS n ({_COLUMNS})
    ORDER BY origin, key
    ON CONFLICT (origin, key) DO UPDATE
    SET weight = excluded.weight, source = excluded.source, expires_at = excluded.expires_at,
      since = CASE WHEN tagged.expires_at <= excluded.since THEN excluded.since ELSE tagged.since END
    """  # noqa: S608 - built of the names of our own columns
).bindparams(*(bindparam(name, type_=ARRAY(_TYPES.get(name, Text))) for name in Assignment._fields))

_HELD = text(
    """
    SELECT profile_id, key, max(weight), min(since) FROM (
      SELECT i.profile_id, g.key, g.weight, g.since
      FROM identities i JOIN tagged g ON g.origin = i.origin JOIN tags t ON t.key = g.key
      WHERE i.profile_id = ANY(:ids) AND t.state = ANY(:states) AND (g.expires_at IS NULL OR g.expires_at > :at)
      UNION ALL
      SELECT f.profile_id, f.key, t.weight, f.since FROM followers f JOIN tags t ON t.key = f.key
      WHERE f.profile_id = ANY(:ids) AND t.state = ANY(:states) AND NOT (f.gone AND f.told)
    ) AS held GROUP BY profile_id, key ORDER BY profile_id, key
    """
).bindparams(
    bindparam("ids", type_=ARRAY(BigInteger)), bindparam("states", type_=ARRAY(Text)), bindparam("at", type_=TIME)
)

_OF = text(
    """
    SELECT i.profile_id, g.key, t.name, t.kind, t.state, g.weight, g.source, g.since, g.expires_at, g.origin
    FROM identities i JOIN tagged g ON g.origin = i.origin JOIN tags t ON t.key = g.key
    WHERE i.profile_id = :id AND (g.expires_at IS NULL OR g.expires_at > :at)
    UNION ALL
    SELECT f.profile_id, f.key, t.name, t.kind, t.state, t.weight, 'rule:' || t.segment, f.since, NULL, NULL
    FROM followers f JOIN tags t ON t.key = f.key WHERE f.profile_id = :id AND NOT (f.gone AND f.told)
    ORDER BY key, since
    """
).bindparams(bindparam("at", type_=TIME))

# Who has a tag by each way, and since when, as a relation; `at` says which assignments have expired.
HOLDINGS = """
    SELECT i.profile_id, g.since FROM tagged g JOIN identities i ON i.origin = g.origin
    WHERE g.key = :key AND (g.expires_at IS NULL OR g.expires_at > :at)
    UNION ALL
    SELECT f.profile_id, f.since FROM followers f WHERE f.key = :key AND NOT (f.gone AND f.told)
"""

HOLDERS = f"SELECT DISTINCT profile_id FROM ({HOLDINGS}) AS holdings"  # noqa: S608 - our own words
"""Who has a tag (profile_id)."""


async def by_key(session: AsyncSession, key: str, *, lock: bool = False) -> Row[Any] | None:
    """One tag."""
    statement = select(tags).where(tags.c.key == key)
    return (await session.execute(statement.with_for_update() if lock else statement)).one_or_none()


async def by_kind(
    session: AsyncSession, kinds: Collection[str], keys: Collection[str] | None = None
) -> Sequence[Row[Any]]:
    """Tags of these kinds that are not being deleted, of these keys or all, by key."""
    statement = select(tags).where(tags.c.kind.in_(kinds), tags.c.state != "deleted").order_by(tags.c.key)
    return (await session.execute(statement if keys is None else statement.where(tags.c.key.in_(keys)))).all()


async def by_keys(session: AsyncSession, keys: Collection[str]) -> Sequence[Row[Any]]:
    """Tags of these keys that are not being deleted."""
    statement = select(tags).where(tags.c.key.in_(keys), tags.c.state != "deleted")
    return (await session.execute(statement)).all()


async def using(session: AsyncSession, segments: Collection[str] | None) -> Sequence[Row[*tuple[Any, ...]]]:
    """Tags that follow one of these segments (None: any): key, name, segment."""
    query = select(tags.c.key, tags.c.name, tags.c.segment).where(
        tags.c.segment.is_not(None), tags.c.state != "deleted"
    )
    if segments is not None:
        query = query.where(tags.c.segment.in_(segments))
    return (await session.execute(query.order_by(tags.c.segment, tags.c.key))).all()


async def page(session: AsyncSession, *, after: str, limit: int, state: str | None = None) -> Sequence[Row[Any]]:
    """Tags by key."""
    statement = select(tags).where(tags.c.key > after).order_by(tags.c.key).limit(limit)
    if state is not None:
        statement = statement.where(tags.c.state == state)
    return (await session.execute(statement)).all()


async def define(session: AsyncSession, key: str, at: datetime, values: Mapping[str, Any]) -> Row[Any]:
    """Make a tag, or give it other values; the row after that."""
    statement = upsert(tags).values(key=key, created_at=at, updated_at=at, **values)
    changed = {name: statement.excluded[name] for name in values} | {"updated_at": at}
    statement = statement.on_conflict_do_update(index_elements=["key"], set_=changed)
    row: Row[Any] = (await session.execute(statement.returning(tags))).one()
    return row


async def change(session: AsyncSession, key: str, values: Mapping[str, Any]) -> None:
    """Give a tag other values."""
    await session.execute(update(tags).where(tags.c.key == key).values(**values))


async def forget(session: AsyncSession, key: str, limit: int) -> list[int]:
    """Take a tag from some who have it; their profiles. Empty when nobody has it any more."""
    some = select(tagged.c.origin).where(tagged.c.key == key).limit(limit).scalar_subquery()
    origins = await session.scalars(
        delete(tagged).where(tagged.c.key == key, tagged.c.origin.in_(some)).returning(tagged.c.origin)
    )
    found = set(await profiles_of(session, origins.all()))
    few = select(followers.c.profile_id).where(followers.c.key == key).limit(limit).scalar_subquery()
    found |= set(
        await session.scalars(
            delete(followers)
            .where(followers.c.key == key, followers.c.profile_id.in_(few))
            .returning(followers.c.profile_id)
        )
    )
    return sorted(found)


async def profiles_of(session: AsyncSession, origins: Iterable[str]) -> list[int]:
    """Profiles of these origins, each once."""
    among = identities.c.origin == func.any(bindparam(None, list(origins), type_=ARRAY(Text)))
    return list(await session.scalars(select(identities.c.profile_id).where(among).distinct()))


async def remove(session: AsyncSession, key: str) -> None:
    """Forget what a tag means."""
    await session.execute(delete(tags).where(tags.c.key == key))


async def assign(session: AsyncSession, given: Iterable[Assignment]) -> None:
    """Give tags, each (origin, key) at most once. Who has it already keeps its `since`."""
    columns = zip(*given, strict=True)
    await session.execute(_ASSIGN, dict(zip(Assignment._fields, map(list, columns), strict=True)))


async def from_source(session: AsyncSession, source: str, profile_ids: Iterable[int]) -> dict[int, list[Assignment]]:
    """What these profiles were given by this source."""
    its = identities.c.profile_id == func.any(bindparam(None, sorted(profile_ids), type_=ARRAY(BigInteger)))
    statement = (
        select(identities.c.profile_id, *(tagged.c[name] for name in Assignment._fields))
        .join_from(identities, tagged, tagged.c.origin == identities.c.origin)
        .where(its, tagged.c.source == source)
    )
    found: dict[int, list[Assignment]] = {}
    for profile_id, *assignment in await session.execute(statement):
        found.setdefault(profile_id, []).append(Assignment(*assignment))
    return found


async def take_back(session: AsyncSession, given: Sequence[tuple[str, str]]) -> None:
    """Take tags away, each by (origin, key)."""
    await session.execute(delete(tagged).where(tuple_(tagged.c.origin, tagged.c.key).in_(given)))


async def take_away(session: AsyncSession, profile_id: int, key: str) -> bool:
    """Take a tag from every identity of a profile; False where none had it."""
    its = select(identities.c.origin).where(identities.c.profile_id == profile_id).scalar_subquery()
    gone = await session.execute(
        delete(tagged).where(tagged.c.key == key, tagged.c.origin.in_(its)).returning(tagged.c.origin)
    )
    return bool(gone.all())


async def held(
    session: AsyncSession, profile_ids: Iterable[int], at: datetime, *, trial: bool = False
) -> dict[int, dict[str, Has]]:
    """Tags in use, or on `trial` too, that each of these profiles has, by key; who has none is left out."""
    found: dict[int, dict[str, Has]] = {}
    asked = {"ids": sorted(profile_ids), "states": [IN_USE, *(["trial"] if trial else [])], "at": at}
    for profile_id, key, weight, since in await session.execute(_HELD, asked):
        found.setdefault(profile_id, {})[key] = Has(weight, since)
    return found


async def of(session: AsyncSession, profile_id: int, at: datetime) -> Sequence[Row[Any]]:
    """Every tag of a profile with what it means, once per identity it was given to."""
    return (await session.execute(_OF, {"id": profile_id, "at": at})).all()


async def expiring(session: AsyncSession, at: datetime, limit: int) -> list[str]:
    """Identities with a tag whose time is over, the longest ago first."""
    statement = select(tagged.c.origin).where(tagged.c.expires_at <= at).order_by(tagged.c.expires_at).limit(limit)
    return list(await session.scalars(statement))


async def expire(session: AsyncSession, origins: Sequence[str], at: datetime) -> list[str]:
    """Take tags whose time is over from these identities; the keys."""
    among = tagged.c.origin == func.any(bindparam(None, list(origins), type_=ARRAY(Text)))
    gone = delete(tagged).where(among, tagged.c.expires_at <= at)
    return list(await session.scalars(gone.returning(tagged.c.key)))


async def holders(session: AsyncSession, key: str, at: datetime, *, after: int, limit: int) -> list[int]:
    """Profiles that have a tag, by id."""
    statement = text(
        f"SELECT profile_id FROM ({HOLDERS}) AS h WHERE profile_id > :after ORDER BY profile_id LIMIT :limit"  # noqa: S608
    ).bindparams(bindparam("at", type_=TIME))
    return list(await session.scalars(statement, {"key": key, "at": at, "after": after, "limit": limit}))


async def sizes(session: AsyncSession, keys: Collection[str], at: datetime) -> dict[str, int]:
    """Profiles that have each of these tags."""
    statement = text(
        """
        SELECT key, count(DISTINCT profile_id) FROM (
          SELECT g.key, i.profile_id FROM tagged g JOIN identities i ON i.origin = g.origin
          WHERE g.key = ANY(:keys) AND (g.expires_at IS NULL OR g.expires_at > :at)
          UNION ALL SELECT f.key, f.profile_id FROM followers f WHERE f.key = ANY(:keys) AND NOT (f.gone AND f.told)
        ) AS held GROUP BY key
        """
    ).bindparams(bindparam("keys", type_=ARRAY(Text)), bindparam("at", type_=TIME))
    rows = await session.execute(statement, {"keys": sorted(keys), "at": at})
    return {row[0]: row[1] for row in rows}
