"""The clock's turn: small transactions, one after the other, that never judge by an instant that is past."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import live, retention, segments, timed
from services.segment.rules.blocks import ids, unpack
from services.segment.schemas.segments import SegmentInput
from services.segment.store import deadlines as store
from services.segment.store import definitions
from services.segment.store import members as members_store
from services.segment.store import retention as retention_store
from services.segment.tables import blocks, deadlines, retentions, transitions
from shared import clock
from shared.database import Database
from shared.settings import Settings
from tests.harness.databases import Databases
from tests.segment.words import event

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LIKED = {"did": "Content Liked", "within": "1h"}


@pytest.fixture
async def db(databases: Databases) -> AsyncIterator[Database]:
    """A database on which no clock turns but the test's."""
    url = await databases.clone("segment")
    made = Database("segment", Settings(database_url=url, nats_url="n://", nats_monitor_url="h://", secret="s" * 64))
    yield made
    await made.close()
    await databases.drop(url)


async def define(db: Database, key: str, rule: dict[str, Any]) -> None:
    """Make a segment that nobody has to be judged by."""
    async with db.transaction() as session:
        row = await segments.create(session, SegmentInput.model_validate({"key": key, "name": key, "rule": rule}))
        of = await definitions.by_key(session, row.key)
        assert of is not None
        await definitions.filled(session, of.id, clock.now())


async def liked(db: Database, at: datetime, *viewers: int) -> None:
    with clock.at(at):
        async with db.transaction() as session:
            await live.absorb_events(session, [event(one, "Content Liked", at) for one in viewers])


async def log(db: Database) -> list[tuple[str, datetime, list[int], list[int]]]:
    """What was told, in order: cause, instant, who entered, who left."""
    async with db.transaction() as session:
        rows = (await session.execute(select(transitions).order_by(transitions.c.id))).all()
    return [(row.cause, row.at, ids(row.block, unpack(row.entered)), ids(row.block, unpack(row.left))) for row in rows]


async def test_who_is_judged_between_the_look_and_the_lock_does_not_leave_and_come_back(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    due_ = store.due
    with clock.at(NOON):
        await define(db, "likers", LIKED)
    await liked(db, NOON, 1)
    end = NOON + timedelta(hours=1)
    with clock.at(end), ExitStack() as later:

        async def due(session: AsyncSession, at: datetime, limit: int) -> Sequence[Any]:
            """He does it again just after the clock has seen that his hour is over."""
            found = await due_(session, at, limit)
            await liked(db, end + timedelta(milliseconds=60), 1)
            later.enter_context(clock.at(end + timedelta(milliseconds=80)))
            return found

        monkeypatch.setattr(store, "due", due)
        async with db.transaction() as session:
            await timed.transitions(session)
    assert await log(db) == [("rule", NOON, [1], [])]


async def test_the_end_of_retention_judges_by_the_time_after_the_lock(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_ = members_store.lock_free
    with clock.at(NOON):
        await define(db, "likers", {"did": "Content Liked"})
    await liked(db, NOON, 1)
    async with db.transaction() as session:
        await session.execute(insert(retentions).values(event="Content Liked", days=1))
        assert await retention_store.every(session) == {"Content Liked": 1}
    end = NOON + timedelta(days=1, seconds=1)
    with clock.at(end), ExitStack() as later:

        async def free(session: AsyncSession, those: Any) -> set[int]:
            await liked(db, end + timedelta(milliseconds=60), 1)
            later.enter_context(clock.at(end + timedelta(milliseconds=80)))
            return await free_(session, those)

        monkeypatch.setattr(members_store, "lock_free", free)
        async with db.transaction() as session:
            assert await retention.expire(session) is False
    assert await log(db) == [("rule", NOON, [1], [])], "he liked again before the old one went"


async def _waiting(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(deadlines)) or 0


async def test_a_herd_is_worked_off_in_small_transactions_each_told_once(db: Database) -> None:
    """A midnight for everybody: twelve hundred answers change in one instant."""
    herd = range(1, 1201)
    with clock.at(NOON):
        await define(db, "likers", LIKED)
        await define(db, "quiet", {"not": LIKED})
    await liked(db, NOON, *herd)
    turns = 0
    with clock.at(NOON + timedelta(hours=1)):
        more = True
        while more:
            async with db.transaction() as session:
                before = await _waiting(session)
                more = await timed.transitions(session)
                assert 0 <= before - await _waiting(session) <= timed.DUE
            turns += 1
        async with db.transaction() as session:
            assert await _waiting(session) == 0
            assert {row.segment_id for row in await session.execute(select(blocks))} == {2}
    assert turns == 2 * len(herd) // timed.DUE + 1
    told = Counter(one for cause, _, came, _ in await log(db) if cause == "time" for one in came)
    gone = Counter(one for cause, _, _, left in await log(db) if cause == "time" for one in left)
    assert told == gone == Counter(herd)


async def test_the_clock_rests_when_all_that_is_due_is_being_judged_by_somebody_else(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timed, "DUE", 2)
    with clock.at(NOON):
        await define(db, "likers", LIKED)
    await liked(db, NOON, 1, 2, 3)
    with clock.at(NOON + timedelta(hours=1)):
        async with db.transaction() as other:
            await members_store.lock(other, [1, 2, 3])
            async with db.transaction() as session:
                assert await timed.transitions(session) is False
        async with db.transaction() as session:
            assert await timed.transitions(session) is True
        async with db.transaction() as session:
            assert await timed.transitions(session) is False
