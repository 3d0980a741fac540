"""The copy of events keeps to profile's retention, and segments stay true by what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from services.segment.actions import retention
from services.segment.store import retention as store
from services.segment.tables import deadlines, events, retentions
from shared import clock
from shared.contracts import RetentionDefined
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.segment.acts import make, members, moves
from tests.segment.words import event


async def left(home: Running) -> Counter[str]:
    """Events of the copy, by name."""
    async with home.db.transaction() as session:
        return Counter(await session.scalars(select(events.c.event)))


async def equals(coming: Callable[[], Awaitable[Any]], expected: Any) -> None:
    assert await coming() == expected


async def test_old_events_go_and_who_was_in_by_them_leaves_without_being_news(home: Running) -> None:
    await make(home, "likers", {"did": "Content Liked"})
    await make(home, "often", {"did": "Content Liked", "times": {"gte": 2}})
    await make(home, "never", {"not": {"did": "Content Liked"}})
    now = clock.now()
    old, young = now - timedelta(days=40), now - timedelta(days=1)
    await home.tell(
        event(1, "Content Liked", old, history=True),
        event(2, "Content Liked", old, history=True),
        event(2, "Content Liked", young),
        event(1, "Video Watched", old, history=True),
    )
    await eventually(lambda: equals(lambda: members(home, "likers"), {1: "history", 2: "rule"}))
    await home.tell(RetentionDefined(event="Content Liked", days=30))
    await eventually(lambda: equals(lambda: left(home), {"Content Liked": 1, "Video Watched": 1}), timeout=20)
    assert await members(home, "likers") == {2: "rule"}
    assert await members(home, "often") == {}
    assert await members(home, "never") == {1: "erase"}
    # The one who leaves has done nothing: no campaign may write to him for it.
    assert (await moves(home, "likers"))[-1] == ("erase", "out", 1)
    assert (await moves(home, "often"))[-1] == ("erase", "out", 2)
    assert (await home.client.get("/v1/segments/likers")).json()["size"] == 1


async def test_a_star_is_for_all_others_and_a_line_can_be_taken_back(home: Running) -> None:
    old = clock.now() - timedelta(days=40)
    await home.tell(
        RetentionDefined(event="*", days=30),
        RetentionDefined(event="Order Completed", days=365),
        RetentionDefined(event="Video Watched", days=3),
        RetentionDefined(event="Video Watched"),
    )

    async def heard() -> None:
        async with home.db.transaction() as session:
            rows = {row.event: row.days for row in await session.execute(select(retentions))}
        assert rows == {"*": 30, "Order Completed": 365}

    await eventually(heard)
    await home.tell(*(event(1, name, old, history=True) for name in ("Order Completed", "Video Watched", "Other")))
    await eventually(lambda: equals(lambda: left(home), {"Order Completed": 1}), timeout=20)


async def test_a_window_that_runs_on_keeps_its_deadline(home: Running) -> None:
    await make(home, "likers", {"did": "Content Liked", "within": "3d"})
    now = clock.now()
    await home.tell(event(1, "Content Liked", now - timedelta(days=2)), event(1, "Content Liked", now))
    await eventually(lambda: equals(lambda: members(home, "likers"), {1: "rule"}))
    async with home.db.transaction() as session:
        await retention.heed(session, [RetentionDefined(event="Content Liked", days=1)])
    await eventually(lambda: equals(lambda: left(home), {"Content Liked": 1}), timeout=20)
    async with home.db.transaction() as session:
        assert list(await session.scalars(select(deadlines.c.at))) == [now + timedelta(days=3)]


async def test_pieces_end_and_the_index_finds_them(home: Running) -> None:
    old = clock.now() - timedelta(days=40)
    await home.tell(*(event(n % 7 + 1, "Content Shown", old, history=True) for n in range(50)))
    await eventually(lambda: equals(lambda: left(home), {"Content Shown": 50}))
    async with home.db.transaction() as session:
        ends = {"Content Shown": old + timedelta(days=1)}
        assert len(await store.old(session, ends, None, limit=20)) == 20
        assert await store.old(session, {"Content Shown": old}, None, limit=20) == []
