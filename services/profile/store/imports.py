"""Files of viewers, their lines and errors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import import_errors, import_lines, imports


async def create(session: AsyncSession, **values: Any) -> int:
    """Add an import; its id."""
    statement = insert(imports).values(**values).returning(imports.c.id)
    return int((await session.execute(statement)).scalar_one())


async def change(session: AsyncSession, import_id: int, **values: Any) -> None:
    """Set these columns."""
    await session.execute(update(imports).where(imports.c.id == import_id).values(**values))


async def by_id(session: AsyncSession, import_id: int, *, lock: bool = False) -> Row[Any] | None:
    """One import."""
    statement = select(imports).where(imports.c.id == import_id)
    return (await session.execute(statement.with_for_update() if lock else statement)).one_or_none()


async def page(session: AsyncSession, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """Imports, the newest first."""
    statement = select(imports).order_by(imports.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(imports.c.id < before)
    return (await session.execute(statement)).all()


async def add_lines(session: AsyncSession, import_id: int, first: int, lines: str) -> None:
    """Keep these lines, sealed; `first` is the number of the first."""
    await session.execute(insert(import_lines).values(import_id=import_id, first=first, lines=lines))


async def lines(session: AsyncSession, import_id: int, *, after: int) -> tuple[int, str] | None:
    """The next lines after that line: the number of the first, and them, sealed."""
    statement = (
        select(import_lines.c.first, import_lines.c.lines)
        .where(import_lines.c.import_id == import_id, import_lines.c.first > after)
        .order_by(import_lines.c.first)
        .limit(1)
    )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else (row.first, row.lines)


async def waiting(session: AsyncSession) -> Sequence[Row[Any]]:
    """Imports whose lines are here, locked: nobody takes them in meanwhile."""
    here = select(import_lines.c.import_id).where(import_lines.c.import_id == imports.c.id).exists()
    return (await session.execute(select(imports).where(here).order_by(imports.c.id).with_for_update())).all()


async def replace_lines(session: AsyncSession, import_id: int, first: int, lines: str) -> None:
    """Put these lines, sealed, in the place of others."""
    its = update(import_lines).where(import_lines.c.import_id == import_id, import_lines.c.first == first)
    await session.execute(its.values(lines=lines))


async def drop_lines(session: AsyncSession, import_id: int) -> None:
    """Forget the lines of a file."""
    await session.execute(delete(import_lines).where(import_lines.c.import_id == import_id))


async def add_errors(session: AsyncSession, import_id: int, found: Sequence[tuple[int, str, str]]) -> None:
    """Keep what is wrong: line, column, message."""
    if found:
        values = [
            {"import_id": import_id, "line": line, "column": column, "message": message}
            for line, column, message in found
        ]
        await session.execute(insert(import_errors), values)


async def errors(session: AsyncSession, import_id: int, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """What is wrong, in order, after that error."""
    statement = (
        select(import_errors)
        .where(import_errors.c.import_id == import_id, import_errors.c.id > after)
        .order_by(import_errors.c.id)
        .limit(limit)
    )
    return (await session.execute(statement)).all()


async def drop_errors(session: AsyncSession, import_id: int, lines: Sequence[int] | None = None) -> None:
    """Forget what was wrong, or only what was wrong with these lines."""
    statement = delete(import_errors).where(import_errors.c.import_id == import_id)
    await session.execute(statement if lines is None else statement.where(import_errors.c.line.in_(lines)))


async def remove(session: AsyncSession, import_id: int) -> None:
    """Forget an import with all its lines."""
    await session.execute(delete(imports).where(imports.c.id == import_id))


async def forget(session: AsyncSession, *, lines_before: datetime, before: datetime) -> None:
    """Forget the lines and errors of files brought before one time, and imports brought before another."""
    old = select(imports.c.id).where(imports.c.created_at < lines_before)
    await session.execute(delete(import_lines).where(import_lines.c.import_id.in_(old)))
    await session.execute(delete(import_errors).where(import_errors.c.import_id.in_(old)))
    await session.execute(delete(imports).where(imports.c.created_at < before))
