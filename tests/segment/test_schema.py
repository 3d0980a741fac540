"""The tables in the code are the tables that the migrations make, and what is deleted leaves a tombstone."""

from __future__ import annotations

import asyncio

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.segment.store import viewers as store
from services.segment.tables import tombstones, viewers
from shared import migrations
from shared.contracts import ProfileUpdated
from tests.harness.databases import Databases
from tests.segment.conftest import undone


async def test_the_migrations_make_the_tables(databases: Databases) -> None:
    url = (await databases.clone("segment")).replace("postgresql://", "postgresql+asyncpg://")
    await asyncio.to_thread(migrations.check, "segment", url)


async def test_rows_are_stamped_again_when_changed_and_leave_a_tombstone(engine: AsyncEngine) -> None:
    async with undone(engine) as session:
        await session.execute(insert(viewers).values(profile_id=7, stamp=1))
        told = ProfileUpdated(profile_id=7, version=1, weights={"a": 0.5}, scores={"s": 1.5}, has=["email"])
        await store.update(session, [told])
        row = (await session.execute(select(viewers))).one()
        assert row.stamp > 1
        assert (row.weights, row.scores, row.has) == ({"a": 0.5}, {"s": 1.5}, ["email"])
        await session.execute(delete(viewers))
        stone = (await session.execute(select(tombstones))).one()
        assert (stone.what, stone.key) == ("viewers", "7")
        assert stone.stamp == row.stamp
