"""The tables in the code are the tables that the migrations make, and what is deleted leaves a tombstone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from alembic import command
from sqlalchemy import Connection, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.segment.store import latest, log, members
from services.segment.store import viewers as store
from services.segment.store.latest import Move
from services.segment.tables import tombstones, viewers
from shared import clock, migrations
from shared.contracts import ProfileUpdated
from shared.database import Database
from shared.settings import Settings
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


async def test_members_of_before_are_carried_over(databases: Databases) -> None:
    """A database with members as rows becomes one with bitmaps: who is in, since when, why, and how many."""
    url = (await databases.clone("segment")).replace("postgresql://", "postgresql+asyncpg://")
    since = datetime(2026, 11, 1, 12, tzinfo=UTC)

    def to(revision: str) -> Callable[[Connection], None]:
        def within(connection: Connection) -> None:
            settings = migrations.config("segment")
            settings.attributes["connection"] = connection
            back = revision != "heads"
            (command.downgrade if back else command.upgrade)(settings, revision)

        return within

    opened = Database("segment", Settings(database_url=url, nats_url="n://", nats_monitor_url="h://", secret="s" * 64))
    async with opened.engine.begin() as connection:
        await connection.run_sync(to("segment@segment_0005"))
        await connection.execute(
            text(
                "INSERT INTO segments (key, name, version, rule, created_at, updated_at) VALUES ('a','a',1,'{}',:t,:t)"
            ),
            {"t": since},
        )
        await connection.execute(
            text(
                "INSERT INTO members (segment_id, profile_id, since, cause)"
                " SELECT 1, n, :t, CASE WHEN n < 40 THEN 'fill' ELSE 'rule' END FROM generate_series(1, 40000, 3) n"
            ),
            {"t": since},
        )
        await connection.execute(text("INSERT INTO tallies (segment_id, delta) VALUES (1, 13000), (1, 334)"))
    async with opened.engine.begin() as connection:
        await connection.run_sync(to("heads"))
    async with opened.transaction() as session:
        assert await members.after(session, 1, 0, 50_000) == list(range(1, 40_001, 3))
        entries = await latest.of(session, [(1, 37), (1, 40)])
        assert entries == {(1, 37): Move(since, "fill", entered=True), (1, 40): Move(since, "rule", entered=True)}
        assert (await log.sizes(session, [1], clock.now().date()))[1][0] == 13334
    async with opened.engine.begin() as connection:
        await connection.run_sync(to("segment@segment_0005"))
        assert await connection.scalar(text("SELECT count(*) FROM members")) == 13334
    await opened.close()
