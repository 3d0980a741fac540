"""SQL about uploaded lists: lines that wait to be resolved, and those of which nobody is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, ColumnElement, Integer, Text, bindparam, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.store.rows import AnyRow
from services.segment.tables import list_rows, segments
from shared.tables import jobs

_ADD = text(
    "INSERT INTO list_rows (job_id, place, origin) SELECT :job, place, origin FROM unnest(:places, :origins)"
    " AS n (place, origin)"
).bindparams(bindparam("places", type_=ARRAY(Integer)), bindparam("origins", type_=ARRAY(Text)))


async def add(session: AsyncSession, job_id: int, lines: Sequence[tuple[int, str]]) -> None:
    """Lines that wait: number and ref."""
    values = {"job": job_id, "places": [place for place, _ in lines], "origins": [origin for _, origin in lines]}
    await session.execute(_ADD, values)


async def size(session: AsyncSession, job_id: int, total: int) -> None:
    """How many lines there are in all."""
    await session.execute(update(jobs).where(jobs.c.id == job_id).values(total=total))


async def of(session: AsyncSession, segment_id: int) -> AnyRow | None:
    """The list itself, unless it was archived."""
    query = select(segments).where(segments.c.id == segment_id, ~segments.c.archived)
    return (await session.execute(query)).one_or_none()


async def waiting(session: AsyncSession, job_id: int, limit: int) -> Sequence[AnyRow]:
    """The next lines: place, origin."""
    query = select(list_rows.c.place, list_rows.c.origin).where(list_rows.c.job_id == job_id, ~list_rows.c.unmatched)
    return (await session.execute(query.order_by(list_rows.c.place).limit(limit))).all()


async def left(session: AsyncSession, job_id: int) -> int:
    """How many lines wait."""
    query = select(func.count()).select_from(list_rows)
    return int(await session.scalar(query.where(list_rows.c.job_id == job_id, ~list_rows.c.unmatched)) or 0)


async def miss(session: AsyncSession, job_id: int, places: Collection[int]) -> None:
    """Nobody is known of these lines."""
    await session.execute(update(list_rows).where(*_lines(job_id, places)).values(unmatched=True))


async def mask(session: AsyncSession, job_id: int, namespaces: Collection[str]) -> None:
    """Forget the values of unmatched refs of these namespaces."""
    for one in namespaces:
        these = (list_rows.c.job_id == job_id, list_rows.c.unmatched, list_rows.c.origin.startswith(f"{one}:"))
        await session.execute(update(list_rows).where(*these).values(origin=f"{one}:"))


async def drop(session: AsyncSession, job_id: int, places: Collection[int]) -> None:
    """These lines are done."""
    await session.execute(delete(list_rows).where(*_lines(job_id, places)))


def _lines(job_id: int, places: Collection[int]) -> tuple[ColumnElement[bool], ...]:
    among = func.any(bindparam(None, sorted(places), type_=ARRAY(Integer)))
    return list_rows.c.job_id == job_id, list_rows.c.place == among


async def missed(session: AsyncSession, job_id: int) -> int:
    """Of how many lines nobody is known."""
    query = select(func.count()).select_from(list_rows)
    return int(await session.scalar(query.where(list_rows.c.job_id == job_id, list_rows.c.unmatched)) or 0)


async def unmatched(session: AsyncSession, job_id: int, after: int, limit: int | None) -> Sequence[AnyRow]:
    """Lines of which nobody is known: place, origin."""
    query = select(list_rows.c.place, list_rows.c.origin).where(
        list_rows.c.job_id == job_id, list_rows.c.unmatched, list_rows.c.place > after
    )
    return (await session.execute(query.order_by(list_rows.c.place).limit(limit))).all()


async def forget(session: AsyncSession, before: datetime) -> None:
    """Drop the lines of uploads that ended, or were given up, before an instant."""
    old = select(jobs.c.id).where(jobs.c.kind == "list", jobs.c.state != "running", jobs.c.updated_at < before)
    await session.execute(delete(list_rows).where(list_rows.c.job_id.in_(old)))
