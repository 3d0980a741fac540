"""Two houses on one database: one reads, the other takes over, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import MetaData, text

from shared.contracts import EventReceived
from shared.house import Service
from shared.reader import On
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.shared import toy
from tests.shared.toy import received

SERVICE = Service(name="profile", title="Toy", tables=MetaData(), listeners=(On(EventReceived, toy.note),))
KILL = "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = $2"


@pytest.fixture
async def url(database: Callable[[str], Any]) -> str:
    return await toy.add_table(await database("profile"))


async def names(running: Running) -> list[str]:
    async with running.db.transaction() as session:
        return list((await session.scalars(text("SELECT what FROM noted ORDER BY id"))).all())


def owns(running: Running) -> bool:
    return len(running.house.readers[0]._owned) == 16


async def _has(running: Running, number: int) -> bool:
    return len(await names(running)) == number


async def test_the_second_takes_over_when_the_first_closes(
    open_house: Callable[..., Opening], url: str, bus: TestBus
) -> None:
    async with open_house(SERVICE, database_url=url) as first:
        await eventually(lambda: owns(first))
        second = await open_house(SERVICE, database_url=url)
        await bus.tell(*(received(f"a{number:02}") for number in range(20)))
        await eventually(lambda: _has(first, 20))
        assert not second.house.readers[0]._owned
        await bus.tell(*(received(f"b{number:02}") for number in range(20)))
    await bus.tell(*(received(f"c{number:02}") for number in range(20)))
    await eventually(lambda: owns(second))
    await eventually(lambda: _has(second, 60))
    assert await names(second) == sorted(set(await names(second)))


async def test_a_lost_lock_connection_doubles_nothing(
    open_house: Callable[..., Opening], url: str, bus: TestBus
) -> None:
    """The killed connection may be taken again by either house; the compare-and-set keeps the effects single."""
    houses = [await open_house(SERVICE, database_url=url) for _ in range(2)]
    await eventually(lambda: any(owns(house) for house in houses))
    total = 0
    connection = await asyncpg.connect(url)
    for turn in range(4):
        for number in range(40):
            await bus.tell(received(f"{turn}-{number:02}", f"v{number % 8}"))
            if number == 20:
                killed = await connection.fetch(KILL, "marquee-profile-locks", url.rsplit("/", 1)[1])
                assert killed
        total += 40
        await eventually(lambda expected=total: _has(houses[0], expected), timeout=20)  # type: ignore[misc]
    await connection.close()
    found = await names(houses[0])
    assert len(found) == len(set(found)) == 160
    for lane in range(8):
        mine = [what for what in found if int(what.split("-")[1]) % 8 == lane]
        assert mine == sorted(mine)
    await eventually(lambda: sum(len(house.house.readers[0]._owned) for house in houses) == 16)
