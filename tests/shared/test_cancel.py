"""Requests that are given up in the middle of a query leave no connection behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
from fastapi import APIRouter
from sqlalchemy import MetaData, insert, text

from shared.app import Session, allow
from shared.house import Service
from tests.harness.eventually import eventually
from tests.harness.houses import Opening
from tests.shared import toy

router = APIRouter(prefix="/v1/toys")
REQUESTS = 300


@router.post("", dependencies=[allow("profile:write")])
async def slow(session: Session, seconds: float) -> dict[str, int]:
    """Write, then dawdle inside the database."""
    await session.execute(insert(toy.noted).values(what="x", who=1))
    await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})
    return {"one": 1}


BUSY = """SELECT count(*) FILTER (WHERE state <> 'idle') AS busy, count(*) AS all FROM pg_stat_activity
          WHERE application_name = 'marquee-profile' AND datname = current_database()"""


async def test_cancelled_requests_leave_the_pool_as_it_was(
    database: Callable[[str], Any], open_house: Callable[..., Opening]
) -> None:
    url = await toy.add_table(await database("profile"))
    service = Service(name="profile", title="Toy", tables=MetaData(), routes=(router,))
    running = await open_house(service, database_url=url)
    pool: Any = running.db.engine.pool
    watching = await asyncpg.connect(url)
    try:
        for batch in range(REQUESTS // 15):
            key = {"Idempotency-Key": f"k{batch}"} if batch % 3 == 0 else {}
            requests = [
                asyncio.create_task(
                    running.client.post("/v1/toys", params={"seconds": 5}, headers=key | {"x-number": str(number)})
                )
                for number in range(15)
            ]
            # At every depth of a request: before the connection, in the insert, in the sleep, in the pool's queue.
            for number, request in enumerate(requests):
                await asyncio.sleep(0.0007 * (number % 4))
                if number % 2:
                    request.cancel()
            await asyncio.sleep(0.01)
            for request in requests:
                request.cancel()
            ended = await asyncio.gather(*requests, return_exceptions=True)
            assert all(isinstance(one, BaseException) for one in ended)

        async def as_before() -> None:
            row = await watching.fetchrow(BUSY)
            assert row is not None
            assert row["busy"] == 0
            assert row["all"] <= pool.size() + 2
            assert pool.checkedout() == 0

        await eventually(as_before, timeout=10)
        assert await watching.fetchval("SELECT count(*) FROM noted") == 0
        assert await watching.fetchval("SELECT count(*) FROM idempotency") == 0
        # All twenty connections can be had, and each is sound.
        answers = await asyncio.gather(*(running.client.post("/v1/toys", params={"seconds": 0.05}) for _ in range(40)))
        assert {answer.status_code for answer in answers} == {200}
        assert await watching.fetchval("SELECT count(*) FROM noted") == 40
    finally:
        await watching.close()
