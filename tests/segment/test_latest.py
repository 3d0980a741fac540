"""Since when somebody is in is known without walking the whole log, and is the same as if it had been walked."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, func, insert, select, update

from services.segment.actions import lists, segments, timed
from services.segment.rules.book import Change
from services.segment.schemas.segments import SegmentInput
from services.segment.settings import Settings
from services.segment.store import crowds, definitions, latest, log, members
from services.segment.store.latest import Move
from services.segment.tables import latest_moves, transitions, viewers
from services.segment.tables import segments as segments_table
from shared import clock
from shared.database import Database
from shared.errors import Invalid
from tests.harness.databases import Databases

T = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def settings(url: str, log_days: int = 400) -> Settings:
    return Settings(database_url=url, nats_url="n://", nats_monitor_url="h://", secret="s" * 64, log_days=log_days)


@pytest.fixture
async def db(databases: Databases) -> AsyncIterator[Database]:
    """A database on which no clock turns but the test's."""
    url = await databases.clone("segment")
    made = Database("segment", settings(url))
    yield made
    await made.close()
    await databases.drop(url)


async def move(db: Database, at: datetime, cause: str, *changes: tuple[int, int, bool]) -> None:
    """(segment, viewer, whether he enters)."""
    async with db.transaction() as session:
        those = [Change(segment_id, one, cause, entered=entered) for segment_id, one, entered in changes]
        await members.lock(session, {one.profile_id for one in those})
        held = await members.of(session, {one.profile_id for one in those})
        await members.apply(session, held, those, at)


async def test_what_is_noted_says_the_same_as_the_log(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two segments, viewers of two blocks, notes taken now and then: every answer is that of plain Python."""
    monkeypatch.setattr(log, "NOTED", 3)
    monkeypatch.setattr(latest, "ROWS", 4)
    choose = random.Random(5)
    people = [1, 17, 33, 2, 18]
    story: list[tuple[datetime, int, int, Move]] = []
    inside: set[tuple[int, int]] = set()
    for turn in range(120):
        at = T + turn * HOUR
        pair = (choose.randint(1, 2), choose.choice(people))
        entered = pair not in inside
        inside ^= {pair}
        cause = choose.choice(["rule", "time"])
        await move(db, at, cause, (*pair, entered))
        story.append((at, *pair, Move(at, cause, entered)))
        if choose.random() < 0.1:
            async with db.transaction() as session:
                await latest.note(session, 20)
        if turn % 10 == 9:
            until = choose.choice([None, choose.choice(story)[0], T])
            expected = {
                (segment_id, one): told for when, segment_id, one, told in story if until is None or when <= until
            }
            async with db.transaction() as session:
                asked = [(segment_id, one) for segment_id in (1, 2) for one in [*people, 49]]
                assert await latest.of(session, asked, until) == expected, until
    async with db.transaction() as session:
        assert await session.scalar(select(func.count()).where(latest_moves.c.moves.is_not(None))) == 4


async def test_a_member_of_long_ago_is_found_without_the_log_behind_the_note(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "NOTED", 1)
    await move(db, T, "rule", (1, 1, True))
    for hour in range(1, 30):
        await move(db, T + hour * HOUR, "rule", (1, 17, hour % 2 == 1))
    async with db.transaction() as session:
        assert await timed.note(session) is False
        await session.execute(delete(transitions))
        found = await latest.of(session, [(1, 1), (1, 17), (1, 33)])
    assert found == {(1, 1): Move(T, "rule", entered=True), (1, 17): Move(T + 29 * HOUR, "rule", entered=True)}


async def test_who_is_erased_is_in_no_note(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "NOTED", 1)
    await move(db, T, "rule", (1, 1, True), (1, 17, True))
    async with db.transaction() as session:
        await latest.note(session, 20)
        assert await latest.naming(session, 1) == {1: Move(T, "rule", entered=True)}
    async with db.transaction() as session:
        await members.lock(session, [1])
        await latest.erase(session, [1])
        assert await latest.naming(session, 1) == {}
        assert await latest.naming(session, 17) == {1: Move(T, "rule", entered=True)}


async def a_list(db: Database, at: datetime, *viewer_ids: int) -> int:
    """An empty list, and viewers who can be put on it."""
    with clock.at(at):
        async with db.transaction() as session:
            await session.execute(insert(viewers), [{"profile_id": one} for one in viewer_ids])
            await segments.create(session, SegmentInput(key="panel", name="Panel", kind="static"))
            row = await definitions.by_key(session, "panel")
    assert row is not None
    return int(row.id)


async def put(db: Database, at: datetime, one: int, *, on: bool) -> None:
    with clock.at(at):
        async with db.transaction() as session:
            await lists.put(session, "panel", one, on=on)


async def test_what_was_told_up_to_an_instant_knows_nothing_of_what_came_later(db: Database) -> None:
    """`has_been` as of the past: who was put on a list since, or taken off it, is where he was then."""
    panel = await a_list(db, T, 1, 2, 3)
    await put(db, T + HOUR, 1, on=True)
    await put(db, T + HOUR, 3, on=True)
    await put(db, T + 3 * HOUR, 2, on=True)
    await put(db, T + 3 * HOUR, 3, on=False)

    async def told(since: datetime, until: datetime) -> list[tuple[int, bool, datetime | None]]:
        async with db.transaction() as session:
            rows = (await crowds.told(session, panel, since, until)).to_pylist()
        return sorted((row["profile_id"], row["inside"], row["at"]) for row in rows)

    assert await told(T, T + 2 * HOUR) == [(1, True, T + HOUR), (3, True, T + HOUR)]
    assert await told(T + 2 * HOUR, T + 2 * HOUR) == [(1, True, None), (3, True, None)]
    assert await told(T + 2 * HOUR, T + 4 * HOUR) == [
        (1, True, None),
        (2, True, T + 3 * HOUR),
        (3, False, T + 3 * HOUR),
    ]


async def test_the_log_is_kept_as_long_as_a_rule_asks_back(db: Database) -> None:
    """Nothing is asked beyond what is kept, nor of a time that is trimmed already."""
    panel = await a_list(db, T, 1)
    await put(db, T, 1, on=True)

    async def ask(key: str, length: str, at: datetime) -> None:
        rule = {"has_been": {"in_segment": "panel"}, "for": length}
        with clock.at(at):
            async with db.transaction() as session:
                body = {"key": key, "name": key, "rule": {"all": [{"tag": "x"}, rule]}}
                await segments.create(session, SegmentInput.model_validate(body))

    with pytest.raises(Invalid, match="kept 400 days") as refused:
        await ask("long", "401d", T)
    assert refused.value.field == "rule.all.1.for"
    await ask("kept", "300d", T)
    fewer = Database("segment", settings(db.url, log_days=10))
    with clock.at(T + timedelta(days=200)):
        async with fewer.transaction() as session:
            await timed.tidy(session)
    async with db.transaction() as session:
        assert (await latest.of(session, [(panel, 1)]))[panel, 1].at == T, "a rule asks 300 days back"
        # had it been trimmed before anybody asked so
        await session.execute(update(segments_table).values(log_from=T + timedelta(days=150)))
    with pytest.raises(Invalid, match="known since"):
        await ask("new", "100d", T + timedelta(days=200))
    await ask("new", "50d", T + timedelta(days=200))
    await fewer.close()
