"""Up to when a service has taken in what there is: by the streams and the database, whoever reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import MetaData, insert, text

from shared.bus import Bus
from shared.contracts import EventReceived, ProfileUpdated, TakenInAnswered, TakenInAsked
from shared.database import Database
from shared.freshness import CatchingUp, Freshness
from shared.house import Service
from shared.reader import On
from shared.tables import catch_ups, outbox
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.shared import toy
from tests.shared.toy import received

LISTENERS = (On(EventReceived, toy.note), On(ProfileUpdated, toy.note, catch_up=True))


@pytest.fixture
async def parts(database: Callable[[str], Any], bus: TestBus) -> AsyncIterator[tuple[Database, Bus]]:
    """A database and a connection, and nobody who reads."""
    db = Database("segment", toy.settings(await database("segment"), bus))
    yield db, await bus.connection("segment")
    await db.close()


async def test_what_nobody_has_read_counts_from_when_it_came(parts: tuple[Database, Bus], bus: TestBus) -> None:
    db, connection = parts
    fresh = Freshness(db, connection, LISTENERS[:1])
    before = datetime.now(UTC)
    assert await fresh.measure() >= before, "there is nothing yet"
    await bus.tell(received("a"), received("b"))
    came = await fresh.measure()
    assert before <= came <= datetime.now(UTC)
    assert await fresh.measure() == came, "and stays so while nobody reads"
    created = (await connection.state("INTAKE")).created
    async with db.transaction() as session:
        await session.execute(
            text("INSERT INTO positions SELECT 'INTAKE', part, :created, 2 FROM generate_series(0, 15) part"),
            {"created": created},
        )
    read = datetime.now(UTC)
    assert await fresh.measure() >= read
    assert await fresh.measure() >= read, "nothing is asked again while the stream stands still"
    await bus.tell(received("c"))
    assert read <= await fresh.measure() <= datetime.now(UTC)
    async with db.transaction() as session:
        await session.execute(text("UPDATE positions SET created = 'an earlier stream'"))
    assert await Freshness(db, connection, LISTENERS[:1]).measure() == came


async def test_a_newcomer_knows_nothing_and_what_is_not_told_is_not_known(
    parts: tuple[Database, Bus],
) -> None:
    db, connection = parts
    fresh = Freshness(db, connection, LISTENERS)
    with pytest.raises(CatchingUp, match=r"profile\.updated"):
        await fresh.measure()
    async with db.transaction() as session:
        await session.execute(insert(catch_ups).values(kind=ProfileUpdated.kind, finished=True))
    assert await fresh.measure() <= datetime.now(UTC)
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    waits = {"stream": "FACTS", "part": 0, "n": 1, "message_id": "m", "subject": "s", "payload": b"", "at": long_ago}
    async with db.transaction() as session:
        await session.execute(insert(outbox).values(waits))
    assert await fresh.measure() == long_ago


async def test_a_service_tells_how_far_it_is(
    open_house: Callable[..., Opening], database: Callable[[str], Any], bus: TestBus
) -> None:
    service = Service(name="profile", title="Toy", tables=MetaData(), listeners=LISTENERS[:1])
    running: Running = await open_house(service, database_url=await toy.add_table(await database("profile")))
    asker = await bus.connection("segment")
    before = datetime.now(UTC)
    await bus.tell(*(received(f"a{number}") for number in range(40)))

    async def taken() -> None:
        assert (await asker.ask(TakenInAsked(), TakenInAnswered, to="profile")).at >= before
        state = await asker.state("INTAKE")
        assert sum(running.house.readers[0].positions.values()) >= state.last

    await eventually(taken)
