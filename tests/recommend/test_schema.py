"""The migrations of recommend make the tables that its code describes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared import migrations


async def test_migrations_and_tables_agree(database: Callable[[str], Awaitable[str]]) -> None:
    url = (await database("recommend")).replace("postgresql://", "postgresql+asyncpg://", 1)
    await asyncio.to_thread(migrations.check, "recommend", url)
