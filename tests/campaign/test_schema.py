"""The schema: tables in code and migrations are the same, and the statements use their indexes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared import migrations

Database = Callable[[str], Awaitable[str]]


async def test_tables_and_migrations_agree(database: Database) -> None:
    url = (await database("campaign")).replace("postgresql://", "postgresql+asyncpg://")
    await asyncio.to_thread(migrations.check, "campaign", url)
