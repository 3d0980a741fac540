"""Every SQL statement of the gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Text, and_, bindparam, cast, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.rules.audit import BEGINNING
from gateway.tables import audit, keys, readers

_KEY_COLUMNS = tuple(column for column in keys.c if column.name != "digest")


async def live_keys(session: AsyncSession, now: datetime) -> Sequence[RowMapping]:
    """Every key that works now, with its digest."""
    query = select(keys).where(keys.c.revoked_at.is_(None), or_(keys.c.expires_at.is_(None), keys.c.expires_at > now))
    return (await session.execute(query)).mappings().all()


async def key_page(session: AsyncSession, *, before: tuple[datetime, str] | None, limit: int) -> Sequence[RowMapping]:
    """Keys without their digests, newest first, after the one made at `before` with that id."""
    query = select(*_KEY_COLUMNS).order_by(keys.c.created_at.desc(), keys.c.id.desc()).limit(limit)
    if before is not None:
        made, key_id = before
        query = query.where(
            or_(keys.c.created_at < made, and_(keys.c.created_at == made, keys.c.id < key_id)),
        )
    return (await session.execute(query)).mappings().all()


async def add_key(session: AsyncSession, values: Mapping[str, Any]) -> RowMapping:
    """Insert a key; the answer has no digest."""
    return (await session.execute(insert(keys).values(**values).returning(*_KEY_COLUMNS))).mappings().one()


async def add_first_key(session: AsyncSession, values: Mapping[str, Any]) -> bool:
    """Insert a key unless its id is taken, also by a revoked one; whether it was inserted."""
    statement = upsert(keys).values(**values).on_conflict_do_nothing().returning(keys.c.id)
    return (await session.execute(statement)).first() is not None


async def revoke_key(session: AsyncSession, key_id: str, now: datetime) -> bool:
    """Mark a key as revoked from now on, or from when it was first; False when there is none."""
    statement = (
        update(keys)
        .where(keys.c.id == key_id)
        .values(revoked_at=func.coalesce(keys.c.revoked_at, now))
        .returning(keys.c.id)
    )
    return (await session.execute(statement)).first() is not None


async def note_used(session: AsyncSession, used: Mapping[str, datetime]) -> None:
    """Move `last_used_at` of these keys forward."""
    ids = sorted(used)
    told = (
        func.unnest(
            cast(bindparam("ids", ids), ARRAY(Text)),
            cast(bindparam("times", [used[key_id] for key_id in ids]), ARRAY(TIMESTAMP(timezone=True))),
        )
        .table_valued("id", "at")
        .render_derived()
    )
    statement = (
        update(keys)
        .where(keys.c.id == told.c.id)
        .values(last_used_at=func.greatest(func.coalesce(keys.c.last_used_at, told.c.at), told.c.at))
    )
    await session.execute(statement)


async def put_readers(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write how far readers are. A position never goes back within one incarnation of its stream."""
    statement = upsert(readers).values(list(rows))
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["service", "stream", "part"],
        set_={"created": new.created, "sequence": new.sequence, "at": new.at},
        where=or_(readers.c.created != new.created, readers.c.sequence < new.sequence),
    )
    await session.execute(statement)


async def reader_positions(session: AsyncSession) -> Sequence[RowMapping]:
    """How far every reader is."""
    return (await session.execute(select(readers))).mappings().all()


async def end_of_audit(session: AsyncSession) -> tuple[int, bytes]:
    """Number and proof of the last line of the audit log; nobody else adds one until the commit."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("gateway.audit", 0))))
    row = (await session.execute(select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).limit(1))).first()
    return (row.id, row.hash) if row is not None else (0, BEGINNING)


async def add_audit(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Add a line to the audit log."""
    await session.execute(insert(audit).values(**values))


async def audit_after(session: AsyncSession, after: int, *, limit: int) -> Sequence[RowMapping]:
    """Lines of the audit log in order."""
    query = select(audit).where(audit.c.id > after).order_by(audit.c.id).limit(limit)
    return (await session.execute(query)).mappings().all()


async def audit_page(
    session: AsyncSession, *, before: int | None, limit: int, action: str | None, actor: str | None, about: str | None
) -> Sequence[RowMapping]:
    """Lines of the audit log, the last first."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.id < before)
    if action is not None:
        query = query.where(audit.c.action == action)
    if actor is not None:
        query = query.where(audit.c.actor == actor)
    if about is not None:
        query = query.where(audit.c.objects.op("@>")(cast([about], ARRAY(Text))))
    return (await session.execute(query)).mappings().all()
