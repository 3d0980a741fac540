"""The storage of profile: its schema, its months, and how many statements a batch costs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import event, text

from services.profile.actions.events import absorb
from services.profile.store import events
from shared import migrations
from shared.contracts import Fact
from shared.database import Database
from tests.profile.samples import call

Take = Callable[..., Awaitable[list[Fact]]]


async def test_the_migrations_make_what_the_code_says_also_with_months(take: Take, db: Database) -> None:
    await take(call(user_id="u1"))
    await asyncio.to_thread(migrations.check, "profile", db.url)


async def test_a_month_is_made_once_by_two_at_once(db: Database) -> None:
    async def open_() -> None:
        async with db.transaction() as session:
            await events.open_months(session, {(2026, 12), events.OLDER})

    await asyncio.gather(*(open_() for _ in range(4)))
    async with db.transaction() as session:
        assert await events.months(session) == [events.OLDER, (2026, 12)]


async def test_messages_are_unique_within_a_month(take: Take, db: Database) -> None:
    await take(call(user_id="u1"))
    async with db.transaction() as session:
        indexes = await session.scalars(text("SELECT indexdef FROM pg_indexes WHERE tablename = 'events_2026_05'"))
        assert any("UNIQUE" in one and "(message_id)" in one for one in indexes)


async def test_a_batch_costs_a_handful_of_statements_however_large(take: Take, db: Database) -> None:
    def batch(start: int, size: int) -> list[Any]:
        return [call("identify", user_id=f"u{start + n}", anonymous_id=f"a{n}", traits={"n": n}) for n in range(size)]

    await take(*batch(0, 1))
    small = await _statements(db, batch(1000, 2))
    large = await _statements(db, batch(2000, 500))
    assert len(large) == len(small) <= 19, large
    known = await _statements(db, [call(user_id=f"u{2000 + n}", event="Signed In") for n in range(500)])
    assert len(known) <= 8, known


async def _statements(db: Database, batch: list[Any]) -> list[str]:
    seen: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    try:
        async with db.transaction() as session:
            await absorb(session, batch)
    finally:
        event.remove(db.engine.sync_engine, "before_cursor_execute", note)
    return seen
