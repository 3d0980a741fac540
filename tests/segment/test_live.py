"""Segments stay true: through the real reader and by the clock; newcomers are given what there is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import structs
from sqlalchemy import func, select

from services.segment.actions import timed
from services.segment.app import SERVICE
from services.segment.tables import blocks, deadlines, events
from services.segment.tables import viewers as table
from shared import clock, roaring
from shared.contracts import ResolveAnswered, ResolveAsked, SegmentChanged, SegmentDefined, partition_of
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.segment.acts import equals, make, members, moves, viewers_are
from tests.segment.words import event, profile

LIKED = {"did": "Content Liked", "where": [{"property": "category", "eq": "anime"}], "within": "3d"}


async def test_who_did_nothing_at_all_for_two_weeks_is_silent_until_any_event_comes(home: Running) -> None:
    """The rule of the people page: silent since two weeks, whatever the event is called."""
    start = clock.now() - timedelta(days=20)
    await home.tell(profile(1, 1), profile(2, 1), event(2, "Signed In", start))

    async def known() -> None:
        async with home.db.transaction() as session:
            assert await session.scalar(select(func.count()).select_from(events)) == 1
            assert await session.scalar(select(func.count()).select_from(table)) == 2

    await eventually(known)
    silent = {"not": {"did": "*", "within": "14d"}}
    assert (await make(home, "silent", silent))["rule"] == silent
    await make(home, "seen", {"last": "*", "within": "14d"})
    await make(home, "gone", {"stopped": "*", "quiet": "14d", "before": "30d"})
    assert set(await members(home, "silent")) == {1, 2}
    assert set(await members(home, "gone")) == {2}
    await home.tell(event(1, "Content Shown", clock.now() - timedelta(hours=1)), event(2, "x", start))
    await eventually(lambda: equals(members(home, "silent"), {2: "fill"}))
    assert set(await members(home, "seen")) == {1}
    await home.answer(ResolveAsked, lambda asked: ResolveAnswered(profile_ids={ref: int(ref) for ref in asked.refs}))
    explained = (await home.client.get("/v1/segments/silent/explain/1")).json()["rule"]["parts"][0]
    assert (explained["actual"], explained["text"]) == (1, "did any event in the last 14d: how often is at least 1")
    async with home.db.transaction() as session:
        due = (await session.execute(select(deadlines.c.at).where(deadlines.c.profile_id == 1))).scalars().all()
    with clock.at(max(due)):
        async with home.db.transaction() as session:
            await timed.transitions(session)
        await eventually(lambda: equals(members(home, "silent"), {1: "time", 2: "fill"}))


async def test_an_event_makes_a_viewer_enter_and_the_fact_says_so(home: Running) -> None:
    await make(home, "likers", LIKED)
    now = clock.now()
    await home.tell(
        event(1, "Content Liked", now, category="anime"),
        event(2, "Content Liked", now, category="sport"),
        event(3, "Content Shown", now, category="anime"),
        structs.replace(event(4, "Content Liked", now, category="anime"), bot="agent"),
    )
    await eventually(lambda: equals(moves(home, "likers"), [("rule", "in", 1)]))
    assert await members(home, "likers") == {1: "rule"}
    assert (await home.client.get("/v1/segments/likers")).json()["size"] == 1


async def test_history_counts_and_says_that_it_is_history(home: Running) -> None:
    await make(home, "likers", LIKED)
    now = clock.now()
    await home.tell(
        event(1, "Content Liked", now - timedelta(days=2), history=True, category="anime"),
        event(2, "Content Liked", now - timedelta(days=2), history=True, category="anime"),
        event(2, "Content Liked", now, category="anime"),
        event(3, "Content Liked", now - timedelta(days=4), history=True, category="anime"),
    )
    await eventually(lambda: equals(members(home, "likers"), {1: "history", 2: "rule"}))


async def test_traits_move_viewers_and_an_old_version_does_not(home: Running) -> None:
    await make(home, "adults", {"trait": "age", "gte": 18})
    await home.tell(profile(1, 2, age=20), profile(2, 1, age=17))
    await eventually(lambda: equals(members(home, "adults"), {1: "rule"}))
    await home.tell(profile(1, 1, age=5), profile(2, 2, age=18), profile(1, 3, age=20, city="x"))
    await eventually(lambda: equals(members(home, "adults"), {1: "rule", 2: "rule"}))
    await home.tell(profile(1, 4))
    await eventually(lambda: equals(members(home, "adults"), {2: "rule"}))
    assert await moves(home, "adults") == [("rule", "in", 1), ("rule", "in", 2), ("rule", "out", 1)]


async def test_who_appears_belongs_at_once_to_segments_of_what_was_not_done(home: Running) -> None:
    await make(home, "silent", {"not": {"did": "Content Liked"}})
    now = clock.now()
    await home.tell(event(1, "Content Shown", now), profile(2, 1), event(3, "Content Liked", now))
    await eventually(lambda: equals(members(home, "silent"), {1: "rule", 2: "rule"}))
    await home.tell(event(2, "Content Liked", now))
    await eventually(lambda: equals(members(home, "silent"), {1: "rule"}))


async def test_the_same_event_again_changes_nothing(home: Running) -> None:
    await make(home, "twice", {"did": "Content Liked", "times": {"gte": 2}})
    once = event(1, "Content Liked", clock.now())
    await home.tell(once, once)
    await home.tell(once, event(2, "Content Liked", clock.now()), event(2, "Content Liked", clock.now()))
    await eventually(lambda: equals(members(home, "twice"), {2: "rule"}))
    async with home.db.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(events)) == 3


async def test_a_number_beyond_a_double_harms_nobody(home: Running) -> None:
    await make(home, "rich", {"did": "Order Completed", "where": [{"property": "revenue", "gt": 5}]})
    now = clock.now()
    await home.tell(
        event(1, "Order Completed", now, revenue=10**400),
        event(2, "Order Completed", now, revenue=6),
        profile(1, 1, age=10**400),
    )
    await eventually(lambda: equals(members(home, "rich"), {2: "rule"}))


async def test_time_alone_ends_a_membership_at_the_edge_of_the_window(home: Running) -> None:
    await make(home, "likers", LIKED)
    await make(home, "quiet", {"not": LIKED})
    began = clock.now()
    await home.tell(event(1, "Content Liked", began, category="anime"))
    await eventually(lambda: equals(members(home, "likers"), {1: "rule"}))
    async with home.db.transaction() as session:
        assert set(await session.scalars(select(deadlines.c.at))) == {began + timedelta(days=3)}
    with clock.at(began + timedelta(days=3, milliseconds=-1)):
        async with home.db.transaction() as session:
            await timed.transitions(session)
    assert await members(home, "likers") == {1: "rule"}
    with clock.at(began + timedelta(days=3)):
        await eventually(lambda: equals(members(home, "likers"), {}))
        await eventually(lambda: equals(members(home, "quiet"), {1: "time"}))
    assert await moves(home, "likers") == [("rule", "in", 1), ("time", "out", 1)]
    async with home.db.transaction() as session:
        assert (await session.execute(select(deadlines))).all() == []


async def test_an_event_ahead_counts_when_its_time_has_come(home: Running) -> None:
    await make(home, "ever", {"did": "Content Liked"})
    ahead = clock.now() + timedelta(hours=1)
    await home.tell(event(1, "Content Liked", ahead))
    await eventually(lambda: equals(_deadlines(home), {ahead}))
    assert await members(home, "ever") == {}
    with clock.at(ahead):
        await eventually(lambda: equals(members(home, "ever"), {1: "time"}))


async def _deadlines(home: Running) -> set[datetime]:
    async with home.db.transaction() as session:
        return set(await session.scalars(select(deadlines.c.at)))


async def test_an_archived_segment_is_emptied_and_no_longer_judged(home: Running) -> None:
    await make(home, "ever", {"did": "Content Liked", "within": "1d"})
    await home.tell(event(1, "Content Liked", clock.now()))
    await eventually(lambda: equals(members(home, "ever"), {1: "rule"}))
    gone = (await home.client.delete("/v1/segments/ever")).json()
    assert (gone["archived"], gone["version"]) == (True, 2)
    await home.tell(event(2, "Content Liked", clock.now()))
    await eventually(lambda: viewers_are(home, 2))

    async def empty() -> None:
        async with home.db.transaction() as session:
            assert await session.scalar(select(func.count()).select_from(blocks)) == 0
            assert await session.scalar(select(func.count()).select_from(deadlines)) == 0

    await eventually(empty)
    assert (await home.client.get("/v1/segments/ever")).json()["size"] == 0
    assert (await home.told(SegmentDefined))[-1].archived
    assert await moves(home, "ever") == [("rule", "in", 1), ("definition", "out", 1)]


async def test_a_newcomers_snapshot_fills_and_is_no_news(open_house: Callable[..., Opening]) -> None:
    now = clock.now()
    known = event(1, "Content Liked", now)
    async with open_house(SERVICE, present=[known, profile(1, 1, age=30)]) as home:
        await make(home, "ever", {"all": [{"did": "Content Liked"}, {"trait": "age", "exists": True}]})
        await eventually(lambda: equals(members(home, "ever"), {1: "fill"}))
        await home.tell(known, profile(1, 1, age=30), event(2, "Content Liked", now), profile(2, 1, age=1))
        await eventually(lambda: equals(members(home, "ever"), {1: "fill", 2: "rule"}))


async def test_newcomers_are_given_definitions_and_members(home: Running) -> None:
    await make(home, "ever", {"did": "Content Liked"})
    await make(home, "gone", {"did": "Content Liked"})
    await home.client.delete("/v1/segments/gone")
    await home.tell(*(event(key, "Content Liked", clock.now()) for key in range(1, 60)))
    await eventually(lambda: _size(home, "ever", 59))
    entered: set[int] = set()
    keys: list[tuple[str, bool]] = []
    for offer in SERVICE.snapshots:
        after: str | None = None
        turns = 0
        while turns == 0 or after is not None:
            async with home.db.transaction() as session:
                facts, after = await offer.page(session, after, 1)
            turns += 1
            for fact in facts:
                if isinstance(fact, SegmentChanged):
                    assert (fact.key, fact.cause, fact.left) == ("ever", "fill", [])
                    inside = set(roaring.entered(fact))
                    assert not entered & inside
                    assert {partition_of(one) for one in inside} == {fact.part}
                    entered |= inside
                elif isinstance(fact, SegmentDefined):
                    keys.append((fact.key, fact.archived))
        assert turns > 1
    assert entered == set(range(1, 60))
    assert keys == [("ever", False), ("gone", True)]


async def _size(home: Running, key: str, number: int) -> None:
    assert (await home.client.get(f"/v1/segments/{key}")).json()["size"] == number
