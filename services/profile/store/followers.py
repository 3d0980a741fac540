"""Who has a tag by rule, as segment tells who comes and goes, and what segments ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, Row, Text, bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables.tags import followers, heard_segments, tags
from shared.tables import TIME

_FOLLOW = text(
    """
    INSERT INTO followers (key, profile_id, since, gone, told)
    SELECT key, profile_id, since, gone, true
    FROM unnest(:keys, :ids, :since, :gone) AS n (key, profile_id, since, gone)
    ORDER BY key, profile_id
    ON CONFLICT (key, profile_id) DO UPDATE SET gone = excluded.gone, told = true,
      since = CASE WHEN followers.gone THEN excluded.since ELSE followers.since END
    """
).bindparams(
    bindparam("keys", type_=ARRAY(Text)),
    bindparam("ids", type_=ARRAY(BigInteger)),
    bindparam("since", type_=ARRAY(TIME)),
    bindparam("gone", type_=ARRAY(Boolean)),
)


async def following(session: AsyncSession, segments: Iterable[str]) -> dict[str, list[Row[Any]]]:
    """Tags that follow each of these segments."""
    among = tags.c.segment == func.any(bindparam(None, sorted(set(segments)), type_=ARRAY(Text)))
    found: dict[str, list[Row[Any]]] = {}
    for row in await session.execute(select(tags).where(among, tags.c.problem.is_(None))):
        found.setdefault(row.segment, []).append(row)
    return found


async def follow(session: AsyncSession, moves: Sequence[tuple[str, int, datetime, bool]]) -> None:
    """What the stream told: (key, profile id, instant, whether he left), each pair once."""
    columns = zip(*moves, strict=True)
    await session.execute(_FOLLOW, dict(zip(("keys", "ids", "since", "gone"), map(list, columns), strict=True)))


async def found_following(session: AsyncSession, key: str, profile_ids: Sequence[int], at: datetime) -> set[int]:
    """Members a segment answered with: they have the tag, unless the stream has told otherwise; who is new.

    The stream is right whichever is read first: what it told is as new as the answer, or will be followed by it.
    """
    statement = upsert(followers).values([{"key": key, "profile_id": one, "since": at} for one in profile_ids])
    statement = statement.on_conflict_do_update(
        index_elements=["key", "profile_id"], set_={"gone": False}, where=followers.c.gone & ~followers.c.told
    )
    return set(await session.scalars(statement.returning(followers.c.profile_id)))


async def sweep(session: AsyncSession, key: str, limit: int) -> list[int]:
    """Forget some of those who have left; their profiles."""
    some = select(followers.c.profile_id).where(followers.c.key == key, followers.c.gone).limit(limit).scalar_subquery()
    gone = delete(followers).where(followers.c.key == key, followers.c.profile_id.in_(some))
    return sorted(await session.scalars(gone.returning(followers.c.profile_id)))


async def to_fill(session: AsyncSession, *, lock: bool = False) -> Row[Any] | None:
    """A tag by rule whose members are not all taken over yet."""
    statement = select(tags).where(tags.c.filling.is_not(None), tags.c.problem.is_(None)).order_by(tags.c.key).limit(1)
    return (await session.execute(statement.with_for_update() if lock else statement)).one_or_none()


async def fill_again(session: AsyncSession, key: str | None = None) -> None:
    """Fill a tag by rule anew, or all of them: who has it stays until it is known that he should not."""
    followed, ruled = update(followers).values(gone=True, told=False), update(tags).where(tags.c.segment.is_not(None))
    if key is not None:
        followed, ruled = followed.where(followers.c.key == key), ruled.where(tags.c.key == key)
    await session.execute(followed)
    await session.execute(ruled.values(filling="0"))


async def hear(session: AsyncSession, known: Sequence[Mapping[str, Any]]) -> None:
    """Keep what segments were told to be (key, version, archived, tags), each once, where it is newer."""
    statement = upsert(heard_segments).values(list(known))
    changed = {name: statement.excluded[name] for name in ("version", "archived", "tags")}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["key"], set_=changed, where=heard_segments.c.version <= statement.excluded.version
        )
    )


async def segments(session: AsyncSession) -> dict[str, Row[Any]]:
    """Segments as they were last told, by key."""
    return {row.key: row for row in await session.execute(select(heard_segments))}


async def rules(session: AsyncSession) -> dict[str, str]:
    """Segment of each tag by rule that is followed."""
    rows = await session.execute(
        select(tags.c.key, tags.c.segment).where(tags.c.segment.is_not(None), tags.c.problem.is_(None))
    )
    return {row[0]: row[1] for row in rows}


async def by_rule(session: AsyncSession) -> Sequence[Row[Any]]:
    """Every tag by rule that is not being deleted, locked, by key."""
    statement = select(tags).where(tags.c.segment.is_not(None), tags.c.state != "deleted").order_by(tags.c.key)
    return (await session.execute(statement.with_for_update())).all()
