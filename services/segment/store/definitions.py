"""SQL about definitions: segments, their versions, their sizes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.store.rows import AnyRow
from services.segment.tables import segment_versions, segments

_GRAPH = 0x5E62


@dataclass(frozen=True)
class Wording:
    """What an operator says a segment is."""

    name: str
    rule: dict[str, Any] | None
    """None for a static list."""


@dataclass(frozen=True)
class Stamp:
    """Names the state of all definitions: no committed change leaves it as it was."""

    newest: int
    versions: int
    filling: int


async def stamp(session: AsyncSession) -> Stamp:
    """The present stamp."""
    query = select(
        func.coalesce(func.max(segments.c.id), 0),
        func.coalesce(func.sum(segments.c.version), 0),
        func.count(segments.c.filling),
    )
    newest, versions, filling = (await session.execute(query)).one()
    return Stamp(newest, versions, filling)


async def active(session: AsyncSession) -> Sequence[AnyRow]:
    """Every segment that is not archived: id, key, name, kind, version, rule, filling, created_at, log_from."""
    columns = ("id", "key", "name", "kind", "version", "rule", "filling", "created_at", "log_from")
    query = select(*(segments.c[name] for name in columns)).where(~segments.c.archived)
    return (await session.execute(query.order_by(segments.c.id))).all()


async def versions(session: AsyncSession, segment_id: int) -> Sequence[AnyRow]:
    """Every version of a segment, the oldest first: version, name, rule, archived, at, by."""
    query = select(segment_versions).where(segment_versions.c.segment_id == segment_id)
    return (await session.execute(query.order_by(segment_versions.c.version))).all()


async def keys(session: AsyncSession) -> dict[int, str]:
    """The keys of all segments, archived ones too."""
    return {row.id: row.key for row in await session.execute(select(segments.c.id, segments.c.key))}


async def named(session: AsyncSession, segment_ids: Sequence[int]) -> Sequence[AnyRow]:
    """Those of these segments that live, by key."""
    query = select(segments).where(segments.c.id.in_(segment_ids), ~segments.c.archived)
    return (await session.execute(query.order_by(segments.c.key))).all()


async def lock_graph(session: AsyncSession) -> None:
    """Let nobody else change which segment asks which until this transaction ends."""
    await session.execute(select(func.pg_advisory_xact_lock(_GRAPH)))


async def add(
    session: AsyncSession, key: str, wording: Wording, at: datetime, *, by: str | None = None
) -> AnyRow | None:
    """A new segment, to be filled if it has a rule; None if the key is taken. `by`: the caller who says so."""
    statement = upsert(segments).values(
        key=key,
        name=wording.name,
        version=1,
        kind="static" if wording.rule is None else "rule",
        rule=wording.rule,
        filling=None if wording.rule is None else "fill",
        true_as_of=at if wording.rule is None else None,
        log_from=at,
        created_at=at,
        updated_at=at,
    )
    done = await session.execute(statement.on_conflict_do_nothing(index_elements=["key"]).returning(segments))
    row: AnyRow | None = done.one_or_none()
    if row is not None:
        await _remember(session, row, by)
    return row


async def change(
    session: AsyncSession, segment_id: int, at: datetime, values: dict[str, Any], *, by: str | None = None
) -> AnyRow:
    """The next version of a segment."""
    statement = update(segments).where(segments.c.id == segment_id)
    done = await session.execute(
        statement.values(version=segments.c.version + 1, updated_at=at, **values).returning(segments)
    )
    row: AnyRow = done.one()
    await _remember(session, row, by)
    return row


async def fill_again(session: AsyncSession, keys: Collection[str], at: datetime) -> Sequence[AnyRow]:
    """Segments that are to be filled again although their own rules stayed; they were true until now."""
    statement = (
        update(segments)
        .where(segments.c.key.in_(keys), segments.c.kind == "rule", ~segments.c.archived)
        .values(
            filling=func.coalesce(segments.c.filling, "definition"),
            true_as_of=case((segments.c.filling.is_(None), at), else_=segments.c.true_as_of),
        )
    )
    rows: Sequence[AnyRow] = (await session.execute(statement.returning(segments))).all()
    return rows


async def _remember(session: AsyncSession, row: AnyRow, by: str | None) -> None:
    await session.execute(
        insert(segment_versions).values(
            segment_id=row.id,
            version=row.version,
            name=row.name,
            rule=row.rule,
            archived=row.archived,
            at=row.updated_at,
            by=by,
        )
    )


async def filled(session: AsyncSession, segment_id: int, at: datetime) -> None:
    """Every viewer has been judged by the present rule; from now on it is true."""
    await session.execute(update(segments).where(segments.c.id == segment_id).values(filling=None, true_as_of=at))


async def by_key(session: AsyncSession, key: str) -> AnyRow | None:
    """One segment."""
    return (await session.execute(select(segments).where(segments.c.key == key))).one_or_none()


async def by_id(session: AsyncSession, segment_id: int) -> AnyRow | None:
    """One segment."""
    return (await session.execute(select(segments).where(segments.c.id == segment_id))).one_or_none()


async def to_change(session: AsyncSession, key: str) -> AnyRow | None:
    """One segment, locked until this transaction ends."""
    query = select(segments).where(segments.c.key == key).with_for_update(key_share=True)
    return (await session.execute(query)).one_or_none()


async def to_fill(session: AsyncSession, segment_id: int) -> AnyRow | None:
    """One segment, locked; None while somebody is changing it (a fill waits for nobody, so it can block nobody)."""
    query = select(segments).where(segments.c.id == segment_id).with_for_update(key_share=True, skip_locked=True)
    return (await session.execute(query)).one_or_none()


async def page(session: AsyncSession, after: int, limit: int, *, archived: bool | None = None) -> Sequence[AnyRow]:
    """Segments in the order of their creation, after this id."""
    query = select(segments).where(segments.c.id > after).order_by(segments.c.id).limit(limit)
    if archived is not None:
        query = query.where(segments.c.archived == archived)
    return (await session.execute(query)).all()
