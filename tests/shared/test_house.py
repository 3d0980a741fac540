"""A house opens only on its schema, keeps its clock on one replica at a time, and leaves nothing open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import MetaData, insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus import BusDown
from shared.clock import Every
from shared.house import House, NotMigrated, Service, open_house
from shared.loops import Step
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.harness.houses import Opening
from tests.shared import toy


def service(**rooms: Any) -> Service:
    return Service(name="profile", title="Toy", tables=MetaData(), **rooms)


async def _connections(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return int(await connection.fetchval(query))
    finally:
        await connection.close()


async def _open(made: Service, url: str, bus: TestBus, **changes: Any) -> None:
    async with open_house(made, toy.settings(url, bus).model_copy(update=changes)):
        raise AssertionError("it must not open")


async def test_an_old_schema_is_refused_with_the_command_that_helps(
    database: Callable[[str], Any], bus: TestBus
) -> None:
    url = await database("profile")
    connection = await asyncpg.connect(url)
    await connection.execute("DELETE FROM alembic_version WHERE version_num LIKE 'profile%'")
    await connection.close()
    with pytest.raises(NotMigrated, match=r"python -m shared.migrations upgrade profile"):
        await _open(service(), url, bus)
    assert await _connections(url) == 0


async def test_a_house_that_cannot_open_leaves_no_connection(database: Callable[[str], Any], bus: TestBus) -> None:
    url = await database("profile")
    with pytest.raises(BusDown, match="NATS_MONITOR_URL"):
        await _open(service(), url, bus, nats_monitor_url="http://127.0.0.1:9")

    async def nothing(house: House) -> bool:
        return False

    with pytest.raises(ValueError, match="two steps are named 'relay'"):
        await _open(service(steps=(Step("relay", nothing),)), url, bus)
    await eventually(lambda: _none(url))


async def _none(url: str) -> bool:
    return await _connections(url) == 0


async def test_a_timer_ticks_on_one_replica_at_a_time(
    database: Callable[[str], Any], open_house: Callable[..., Opening]
) -> None:
    now, most, ticks = 0, 0, 0

    async def tick(session: AsyncSession) -> None:
        nonlocal now, most, ticks
        now += 1
        most = max(most, now)
        await session.execute(insert(toy.noted).values(what="tick", who=ticks))
        await session.execute(text("SELECT pg_sleep(0.02)"))
        ticks += 1
        now -= 1

    url = await toy.add_table(await database("profile"))
    made = service(timers=(Every(0.01, tick, "tick"),))
    running = [await open_house(made, database_url=url) for _ in range(3)]
    await eventually(lambda: ticks > 15)
    assert most == 1
    async with running[0].db.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM noted")) >= 15


async def test_a_tick_with_more_to_do_is_called_again_at_once(
    database: Callable[[str], Any], open_house: Callable[..., Opening]
) -> None:
    calls: dict[str, int] = {"more": 0, "once": 0}

    async def more(session: AsyncSession) -> bool:
        calls["more"] += 1
        return calls["more"] < 5

    async def once(session: AsyncSession) -> bool:
        calls["once"] += 1
        return True

    url = await toy.add_table(await database("profile"))
    timers = (Every(3600, more, "more", again=True), Every(3600, once, "once"))
    await open_house(service(timers=timers), database_url=url)

    async def worked_off() -> None:
        assert calls == {"more": 5, "once": 1}

    await eventually(worked_off)


async def test_a_tick_that_fails_leaves_nothing_and_comes_again(
    database: Callable[[str], Any], open_house: Callable[..., Opening]
) -> None:
    ticks: list[int] = []

    async def tick(session: AsyncSession) -> None:
        ticks.append(1)
        await session.execute(insert(toy.noted).values(what=str(len(ticks)), who=0))
        if len(ticks) < 3:
            raise ValueError("not yet")

    url = await toy.add_table(await database("profile"))
    running = await open_house(service(timers=(Every(60, tick, "tick"),)), database_url=url)

    async def noted() -> None:
        async with running.db.transaction() as session:
            assert (await session.scalars(text("SELECT what FROM noted"))).all() == ["3"]

    await eventually(noted)


async def test_what_a_house_holds_in_memory_is_opened_before_and_closed_after_its_doors(
    open_house: Callable[..., Opening],
) -> None:
    story: list[str] = []

    @contextlib.asynccontextmanager
    async def memory(house: House) -> AsyncIterator[dict[str, int]]:
        story.append("opened")
        async with house.db.transaction() as session:
            await session.execute(text("SELECT 1"))
        yield {"answer": 42}
        async with house.db.transaction() as session:
            await session.execute(text("SELECT 1"))
        story.append("closed")

    async def step(house: House) -> bool:
        if "closed" in story or house.memory != {"answer": 42}:
            story.append("a step without memory")
        return False

    async def changed(house: House, payload: bytes) -> None:
        story.append(payload.decode())

    made = service(memory=memory, changed=changed, steps=(Step("look", step, pause=0.001),))
    async with open_house(made) as running:
        await running.house.bus.client.flush()
        await running.house.bus.broadcast(b"something changed")
        await eventually(lambda: "something changed" in story)
    assert story == ["opened", "something changed", "closed"]


async def test_closing_a_busy_house_is_quick(
    database: Callable[[str], Any], open_house: Callable[..., Opening]
) -> None:
    entered = asyncio.Event()

    async def busy(house: House) -> bool:
        async with house.db.transaction() as session:
            await session.execute(text("SELECT pg_sleep(30)"), {})
            entered.set()
        return True

    url = await database("profile")
    loop = asyncio.get_running_loop()
    async with open_house(service(steps=(Step("busy", busy),)), database_url=url) as running:
        assert (await running.client.get("/readyz")).status_code == 200
        began = loop.time()
    assert loop.time() - began < 8
    assert not entered.is_set()
    await eventually(lambda: _none(url))


async def test_what_could_not_be_taken_in_is_kept_for_its_time_and_no_longer(
    database: Callable[[str], Any], bus: TestBus
) -> None:
    url = await database("profile")
    connection = await asyncpg.connect(url)
    for days in (29, 31):
        await connection.execute(
            "INSERT INTO dead_letters (stream, part, sequence, kind, payload, error, trace, at)"
            f" VALUES ('INTAKE', 0, {days}, 'events.received.v1', '', '', '', now() - interval '{days} days')"
        )
    async with open_house(service(), toy.settings(url, bus)):

        async def the_old_one_went() -> None:
            assert [row["sequence"] for row in await connection.fetch("SELECT sequence FROM dead_letters")] == [29]

        await eventually(the_old_one_went)
    await connection.close()
