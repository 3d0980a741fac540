"""The log of decisions: a row per request, none lost in a shutdown, none of who was erased; and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from prometheus_client import REGISTRY
from sqlalchemy import select, text

from services.recommend import memory
from services.recommend.actions import decisions as taken
from services.recommend.actions import viewers
from services.recommend.app import SERVICE
from services.recommend.memory.log import Answered, Slot
from services.recommend.tables import creative_days, decisions
from shared import clock, tokens
from shared.bus import Unanswered
from shared.contracts import ProfileErased
from tests.harness.bus import TestBus
from tests.harness.databases import Databases
from tests.harness.houses import Opening, Running
from tests.recommend.acts import banner, link_and_enter
from tests.recommend.conftest import Decide
from tests.recommend.words import did, linked

Eventually = Callable[..., Awaitable[Any]]


async def test_the_log_has_one_row_per_request_with_probabilities(
    home: Running, decide: Decide, eventually: Eventually
) -> None:
    await link_and_enter(home.db)
    await banner(home, "also-for-likers", audience="likers", priority=10)
    found = await decide("home", "nowhere", user_id="u1")
    await decide("nowhere", user_id="u1")

    async def logged() -> Any:
        async with home.db.transaction() as session:
            return (await session.execute(select(decisions))).all()

    (row,) = await eventually(logged)
    assert found[0].creative
    assert row.shown == [{"p": "home", "r": "segment:likers", "c": found[0].creative.key, "pr": 0.5}]
    assert (row.profile_id, row.user_id, row.anonymous_id) == (1, "u1", None)
    assert tokens.read(home.house.settings.key("track"), found[0].token or "")["d"] == row.id.hex


async def test_who_was_erased_is_never_logged_again(home: Running, decide: Decide, eventually: Eventually) -> None:
    await link_and_enter(home.db)
    async with home.db.transaction() as session:
        await viewers.link(session, [linked(2, "user_id", "u2")])
    await decide("home", user_id="u1")
    await home.tell(ProfileErased(erasure_id=1, profile_id=1, origins=["user_id:u1"]))

    async def forgotten() -> None:
        (decision,) = await decide("home", user_id="u1")
        assert decision.reason == "everyone"

    await eventually(forgotten)
    # One that was answered before the erasure and is written down after it.
    late = Answered(UUID(int=7), clock.now(), 1, "u1", None, [Slot(p="home", r="everyone")])
    memory.held(home.house).log.add(late)
    await decide("home", user_id="u2", anonymous_id="u1")

    async def written() -> set[tuple[int | None, str | None, str | None]]:
        async with home.db.transaction() as session:
            rows = (await session.execute(select(decisions))).all()
        who = {(row.profile_id, row.user_id, row.anonymous_id) for row in rows}
        assert UUID(int=7) in {row.id for row in rows}
        assert (2, "u2", None) in who
        return who

    assert await eventually(written) == {(None, None, None), (2, "u2", None)}


async def test_the_log_survives_a_shutdown(
    open_house: Callable[..., Opening], databases: Databases, decide: Decide, bus: TestBus
) -> None:
    url = await databases.clone("recommend")
    async with open_house(SERVICE, database_url=url) as running:
        await running.client.put("/v1/placements/home", json={"name": "Home"})
        for number in range(7):
            await decide("home", anonymous_id=f"a{number}")
    again = await open_house(SERVICE, database_url=url)
    async with again.db.transaction() as session:
        rows = (await session.execute(select(decisions.c.shown, decisions.c.anonymous_id))).all()
    # Nobody has heard of these visitors, so their ids are not written down.
    assert [(row.shown[0]["r"], row.anonymous_id) for row in rows] == [("no_match", None)] * 7


async def test_every_decision_answered_during_a_shutdown_is_logged(
    open_house: Callable[..., Opening], databases: Databases, decide: Decide
) -> None:
    url = await databases.clone("recommend")
    closed = asyncio.Event()

    async def ask_until_closed(who: str) -> int:
        answered = 0
        while not closed.is_set():
            try:
                await decide("home", anonymous_id=f"{who}-{answered}")
            except Unanswered:
                return answered
            answered += 1
        return answered

    async with open_house(SERVICE, database_url=url) as running:
        await running.client.put("/v1/placements/home", json={"name": "Home"})
        asking = [asyncio.create_task(ask_until_closed(f"a{number}")) for number in range(8)]
        await decide("home", anonymous_id="first")
    closed.set()
    answered = sum(await asyncio.gather(*asking)) + 1
    again = await open_house(SERVICE, database_url=url)
    async with again.db.transaction() as session:
        logged = len((await session.execute(select(decisions.c.id))).all())
    assert logged >= answered > 8


async def test_a_log_line_written_twice_stands_once(home: Running, decide: Decide) -> None:
    """A commit whose answer got lost is tried again with the same lines."""
    await home.house.loops.stop()
    await decide("home", user_id="u1")
    held = memory.held(home.house)
    (line,) = held.log.first(1)
    await taken.write_rest(home.db, held)
    held.log.add(line)
    await taken.write_rest(home.db, held)
    assert len(held.log) == 0
    async with home.db.transaction() as session:
        assert len((await session.execute(select(decisions))).all()) == 1


async def test_a_log_that_cannot_be_written_waits_and_decisions_go_on(
    home: Running, decide: Decide, eventually: Eventually
) -> None:
    async with home.db.transaction() as session:
        await session.execute(text("ALTER TABLE decisions RENAME TO away"))
    assert (await decide("home", user_id="u1"))[0].reason == "everyone"
    log = memory.held(home.house).log
    failures = "marquee_loop_failures_total", {"loop": "write decisions"}
    before = REGISTRY.get_sample_value(*failures) or 0
    await eventually(lambda: (REGISTRY.get_sample_value(*failures) or 0) > before)
    assert len(log) == 1
    async with home.db.transaction() as session:
        await session.execute(text("ALTER TABLE away RENAME TO decisions"))
    await eventually(lambda: len(log) == 0)


async def test_feedback_is_counted_by_creative_and_day(home: Running, eventually: Eventually) -> None:
    now = clock.now()
    shown: dict[str, Any] = {"placement": "home", "creative": "for-all", "decision": "d"}
    await home.tell(
        did("Banner Shown", time=now, **shown),
        did("Banner Shown", time=now, **shown),
        did("Banner Clicked", time=now, **shown),
        did("Banner Shown", time=now - timedelta(days=1), **shown),
        did("Banner Shown", time=now - timedelta(days=60), **shown),
        did("Banner Shown", time=now, placement="home", creative="made up"),
    )

    async def report() -> Any:
        answer = await home.client.get("/v1/placements/home/report")
        assert answer.status_code == 200
        return answer.json()["days"]

    days = await eventually(report)
    assert days == [
        {"creative": "for-all", "day": str(now.date()), "shown": 2, "clicked": 1},
        {"creative": "for-all", "day": str((now - timedelta(days=1)).date()), "shown": 1, "clicked": 0},
    ]
    wide = await home.client.get("/v1/placements/home/report?days=100")
    assert len(wide.json()["days"]) == 3
    async with home.db.transaction() as session:
        names = set((await session.execute(select(creative_days.c.creative))).scalars())
    assert names == {"for-all"}
