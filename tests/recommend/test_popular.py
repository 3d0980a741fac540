"""Popular items: events add up once, old days fade, and only what the catalogue offers is recommended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.recommend import memory
from services.recommend.actions import events, recommendations
from services.recommend.app import SERVICE
from services.recommend.tables import item_days
from shared.contracts import RecommendAnswered, RecommendAsked
from tests.harness.bus import TestBus
from tests.harness.databases import Databases
from tests.harness.houses import Opening, Running
from tests.recommend.words import NOON, did

Eventually = Callable[..., Awaitable[Any]]
Best = Callable[..., Awaitable[list[str]]]


@pytest.fixture
async def best(bus: TestBus) -> Best:
    """`await best(kind="video")`: ids of recommended items as the gateway gets them over the bus."""
    gateway = await bus.connection("gateway")

    async def ask(**asked: Any) -> list[str]:
        answer = await gateway.ask(RecommendAsked(**asked), RecommendAnswered)
        return [item.item_id for item in answer.items]

    return ask


async def offer(running: Running, **kinds: str) -> None:
    """Put items of these kinds into the catalogue."""
    items = [{"id": item_id, "kind": kind, "title": item_id.upper()} for item_id, kind in kinds.items()]
    answer = await running.client.post("/v1/items/bulk", json={"items": items})
    assert answer.json()["errors"] == []


async def test_what_is_liked_comes_first_within_a_second_or_so(
    running: Running, best: Best, bus: TestBus, eventually: Eventually
) -> None:
    await offer(running, v1="video", v2="video", l1="live", quiet="video")
    await running.tell(
        did("Content Liked", content_id="v2"),
        did("Content Opened", content_id="v1"),
        did("Live Room Entered", content_id="l1", time=NOON - timedelta(days=7)),
        did("Content Shared", content_id="unknown"),
        *(did("Content Liked", content_id="quiet", bot="pace") for _ in range(9)),
    )

    async def is_(expected: list[str], **asked: Any) -> None:
        assert await best(**asked) == expected

    await eventually(lambda: is_(["v2", "v1", "l1"]))
    await is_(["v2", "v1"], kind="video")
    await is_(["v1", "l1"], item="v2", limit=2)
    await is_([], kind="product")
    await is_([], limit=-1)
    gateway = await bus.connection("gateway")
    first, second, third = (await gateway.ask(RecommendAsked(), RecommendAnswered)).items
    assert (first.title, first.kind, first.reason, first.score) == ("V2", "video", "popular", 4.0)
    assert (second.score, third.score) == (1.0, 0.5)
    # More likes, and it moves; an item that is switched off goes at once.
    await running.tell(*(did("Content Liked", content_id="v1") for _ in range(2)))
    await eventually(lambda: is_(["v1", "v2", "l1"]))
    await running.client.put("/v1/items/v1", json={"kind": "video", "title": "V1", "active": False})
    await eventually(lambda: is_(["v2", "l1"]))
    # What was popular before the catalogue knew it counts when it does.
    await offer(running, unknown="article")
    await eventually(lambda: is_(["unknown", "v2", "l1"]))


async def test_imported_history_ranks_as_seen_from_its_newest_day(running: Running, best: Best) -> None:
    await offer(running, old="video", new="video", ancient="video", hated="video")
    then = NOON.replace(year=2022)
    async with running.db.transaction() as session:
        await events.absorb(
            session,
            [
                did("Content Liked", content_id="new", time=then),
                did("Content Liked", content_id="old", time=then - timedelta(days=14)),
                did("Content Liked", content_id="old", time=then - timedelta(days=14)),
                did("Content Liked", content_id="ancient", time=then - timedelta(days=400)),
                did("Content Disliked", content_id="hated", time=then),
            ],
        )
    held = memory.held(running.house)
    await recommendations.rank(running.db, held)
    found = held.popular.best(kind=None, limit=10, without=None)
    scores = [(item.item_id, round(item.score, 9)) for item in found]
    assert scores == [("new", 4.0), ("old", 2.0), ("ancient", 0.0)], "ten half-lives ago fills up the end of the list"


async def test_each_event_counts_once_however_often_the_service_restarts(
    open_house: Callable[..., Opening], databases: Databases, eventually: Eventually
) -> None:
    url = await databases.clone("recommend")

    async def weights(running: Running) -> dict[str, float]:
        async with running.db.transaction() as session:
            return {row.item_id: row.weight for row in await session.execute(select(item_days))}

    async def are(running: Running, expected: dict[str, float]) -> None:
        assert await weights(running) == expected

    async with open_house(SERVICE, database_url=url) as running:
        await running.tell(*(did("Content Opened", profile_id=n, content_id="v1") for n in range(40)))
        await eventually(lambda: are(running, {"v1": 40.0}))
    async with open_house(SERVICE, database_url=url) as running:
        await running.tell(*(did("Content Opened", profile_id=n, content_id="v2") for n in range(40)))
        await eventually(lambda: are(running, {"v1": 40.0, "v2": 40.0}))


async def test_ranking_rests_while_nothing_changes(running: Running) -> None:
    held = memory.held(running.house)
    await running.house.loops.stop()
    held.popular.changed = False
    held.popular.rest(until=0)
    assert not held.popular.due(1)
    await offer(running, v1="video")
    assert held.popular.due(1)
    held.popular.rest(until=5)
    assert not held.popular.due(4.9)
    assert held.popular.due(5)


async def test_old_days_fill_up_what_happened_lately(running: Running, best: Best, eventually: Eventually) -> None:
    """After an import of old days something that happens today comes first, and is not all there is."""
    await offer(running, new="video", old="video", older="video")
    await running.tell(
        did("Content Opened", content_id="old", time=NOON - timedelta(days=1500)),
        did("Content Opened", content_id="older", time=NOON - timedelta(days=1510)),
        did("Content Opened", content_id="new"),
    )

    async def filled() -> None:
        assert await best() == ["new", "old", "older"]

    await eventually(filled)
