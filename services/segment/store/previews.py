"""SQL of previews: whom a rule holds for, without saving it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.store.rows import AnyRow

SAMPLE = 20
CANCELLED = "57014"
"""SQLSTATE of a statement that was ended, see limit_time."""


async def preview(session: AsyncSession, query: str, as_of: datetime) -> tuple[int, list[int]]:
    """How many viewers a rule holds for at an instant, and a few of them; `query` is its compiled expression."""
    statement = f"""
WITH candidates AS (SELECT profile_id, $1::timestamptz AS as_of FROM viewers),
hits AS MATERIALIZED (SELECT profile_id FROM ({query}) AS a WHERE in_0)
SELECT (SELECT count(*) FROM hits), ARRAY(SELECT profile_id FROM hits ORDER BY profile_id LIMIT {SAMPLE})
"""  # noqa: S608 - the query is ours, see rules.compile
    connection = await session.connection()
    row: AnyRow = (await connection.exec_driver_sql(statement, (as_of,))).one()
    return row[0], row[1]


async def limit_time(session: AsyncSession, seconds: int) -> None:
    """End any statement of this transaction that takes longer."""
    await session.execute(text(f"SET LOCAL statement_timeout = {seconds * 1000:d}"))
