"""After an erasure: the space of deleted rows is given back at once, instead of whenever the database comes to it.

A deleted row stays in its table's file, readable for whoever has the file, until VACUUM. VACUUM lets the space be used
again and does not overwrite it; docs/decisions/0010-privacy.md says what that leaves, and for how long.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import telemetry
from shared.database import Database, after_commit

log = telemetry.logger(__name__)

_WAITING: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
"""Of each database this process works on, tables that lost rows of erased viewers."""


def soon(session: AsyncSession, tables: Iterable[str]) -> None:
    """These tables have lost rows: once the transaction has committed they wait for `step`."""
    engine, named = session.get_bind().engine, set(tables)
    after_commit(session, lambda: _WAITING.setdefault(engine, set()).update(named))


async def step(database: Database) -> bool:
    """VACUUM one table that waits; True when there are more. What a crash forgets, autovacuum does later."""
    waiting = _WAITING.setdefault(database.engine.sync_engine, set())
    if not waiting:
        return False
    table = min(waiting)
    async with database.engine.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        quoted = alone.dialect.identifier_preparer.quote(table)
        await alone.execute(text(f"VACUUM {quoted}"))
    waiting.discard(table)
    log.info("space of erased viewers given back", table=table)
    return bool(waiting)
