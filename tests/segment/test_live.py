"""Segments stay true: through the real reader, by the clock, and while a fill goes on."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import func, select, text

from services.segment.actions import filling, live, timed
from services.segment.app import SERVICE
from services.segment.store import definitions, viewers
from services.segment.store import members as members_of
from services.segment.tables import blocks, deadlines, events, tallies
from services.segment.tables import viewers as table
from shared import clock, roaring
from shared.contracts import ResolveAnswered, ResolveAsked, SegmentChanged, SegmentDefined, partition_of
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.segment import naive
from tests.segment.naive import Happening, Person
from tests.segment.words import event, profile

LIKED = {"did": "Content Liked", "where": [{"property": "category", "eq": "anime"}], "within": "3d"}


async def make(home: Running, key: str, rule: dict[str, Any]) -> dict[str, Any]:
    """Make a segment and wait until it is filled."""
    answer = await home.client.post("/v1/segments", json={"key": key, "name": key, "rule": rule})
    assert answer.status_code == 201, answer.text
    return await filled(home, key)


async def filled(home: Running, key: str) -> dict[str, Any]:
    async def check() -> dict[str, Any]:
        found: dict[str, Any] = (await home.client.get(f"/v1/segments/{key}")).json()
        assert found["filling"] is None, found
        return found

    # the first fill starts the warehouse, which takes its time on a busy machine
    return await eventually(check, timeout=60)


async def members(home: Running, key: str) -> dict[int, str]:
    """Members and the causes of their entries."""
    found: dict[int, str] = {}
    cursor: str | None = ""
    while cursor is not None:
        answer = await home.client.get(f"/v1/segments/{key}/members", params={"cursor": cursor} if cursor else {})
        page = answer.json()
        found |= {item["profile_id"]: item["cause"] for item in page["items"]}
        cursor = page["next"]
    return found


async def moves(home: Running, key: str) -> list[tuple[str, str, int]]:
    """What was told of a segment, in order: cause, whether in or out, viewer."""
    found: list[tuple[str, str, int]] = []
    for fact in await home.told(SegmentChanged):
        if fact.key == key:
            entered, left = roaring.entered(fact), roaring.left(fact)
            assert all(partition_of(one) == fact.part for one in (*entered, *left))
            found += [(fact.cause, "in", one) for one in entered] + [(fact.cause, "out", one) for one in left]
    return found


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
    await eventually(lambda: _is(members(home, "silent"), {2: "fill"}))
    assert set(await members(home, "seen")) == {1}
    await home.answer(ResolveAsked, lambda asked: ResolveAnswered(profile_ids={ref: int(ref) for ref in asked.refs}))
    explained = (await home.client.get("/v1/segments/silent/explain/1")).json()["rule"]["parts"][0]
    assert (explained["actual"], explained["text"]) == (1, "did any event in the last 14d: how often is at least 1")
    async with home.db.transaction() as session:
        due = (await session.execute(select(deadlines.c.at).where(deadlines.c.profile_id == 1))).scalars().all()
    with clock.at(max(due)):
        async with home.db.transaction() as session:
            await timed.transitions(session)
        await eventually(lambda: _is(members(home, "silent"), {1: "time", 2: "fill"}))


async def test_an_event_makes_a_viewer_enter_and_the_fact_says_so(home: Running) -> None:
    await make(home, "likers", LIKED)
    now = clock.now()
    await home.tell(
        event(1, "Content Liked", now, category="anime"),
        event(2, "Content Liked", now, category="sport"),
        event(3, "Content Shown", now, category="anime"),
        structs.replace(event(4, "Content Liked", now, category="anime"), bot="agent"),
    )
    await eventually(lambda: _is(moves(home, "likers"), [("rule", "in", 1)]))
    assert await members(home, "likers") == {1: "rule"}
    assert (await home.client.get("/v1/segments/likers")).json()["size"] == 1


async def _is(coming: Any, expected: Any) -> None:
    assert await coming == expected


async def test_history_counts_and_says_that_it_is_history(home: Running) -> None:
    await make(home, "likers", LIKED)
    now = clock.now()
    await home.tell(
        event(1, "Content Liked", now - timedelta(days=2), history=True, category="anime"),
        event(2, "Content Liked", now - timedelta(days=2), history=True, category="anime"),
        event(2, "Content Liked", now, category="anime"),
        event(3, "Content Liked", now - timedelta(days=4), history=True, category="anime"),
    )
    await eventually(lambda: _is(members(home, "likers"), {1: "history", 2: "rule"}))


async def test_traits_move_viewers_and_an_old_version_does_not(home: Running) -> None:
    await make(home, "adults", {"trait": "age", "gte": 18})
    await home.tell(profile(1, 2, age=20), profile(2, 1, age=17))
    await eventually(lambda: _is(members(home, "adults"), {1: "rule"}))
    await home.tell(profile(1, 1, age=5), profile(2, 2, age=18), profile(1, 3, age=20, city="x"))
    await eventually(lambda: _is(members(home, "adults"), {1: "rule", 2: "rule"}))
    await home.tell(profile(1, 4))
    await eventually(lambda: _is(members(home, "adults"), {2: "rule"}))
    assert await moves(home, "adults") == [("rule", "in", 1), ("rule", "in", 2), ("rule", "out", 1)]


async def test_who_appears_belongs_at_once_to_segments_of_what_was_not_done(home: Running) -> None:
    await make(home, "silent", {"not": {"did": "Content Liked"}})
    now = clock.now()
    await home.tell(event(1, "Content Shown", now), profile(2, 1), event(3, "Content Liked", now))
    await eventually(lambda: _is(members(home, "silent"), {1: "rule", 2: "rule"}))
    await home.tell(event(2, "Content Liked", now))
    await eventually(lambda: _is(members(home, "silent"), {1: "rule"}))


async def test_the_same_event_again_changes_nothing(home: Running) -> None:
    await make(home, "twice", {"did": "Content Liked", "times": {"gte": 2}})
    once = event(1, "Content Liked", clock.now())
    await home.tell(once, once)
    await home.tell(once, event(2, "Content Liked", clock.now()), event(2, "Content Liked", clock.now()))
    await eventually(lambda: _is(members(home, "twice"), {2: "rule"}))
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
    await eventually(lambda: _is(members(home, "rich"), {2: "rule"}))


async def test_time_alone_ends_a_membership_at_the_edge_of_the_window(home: Running) -> None:
    await make(home, "likers", LIKED)
    await make(home, "quiet", {"not": LIKED})
    began = clock.now()
    await home.tell(event(1, "Content Liked", began, category="anime"))
    await eventually(lambda: _is(members(home, "likers"), {1: "rule"}))
    async with home.db.transaction() as session:
        assert set(await session.scalars(select(deadlines.c.at))) == {began + timedelta(days=3)}
    with clock.at(began + timedelta(days=3, milliseconds=-1)):
        async with home.db.transaction() as session:
            await timed.transitions(session)
    assert await members(home, "likers") == {1: "rule"}
    with clock.at(began + timedelta(days=3)):
        await eventually(lambda: _is(members(home, "likers"), {}))
        await eventually(lambda: _is(members(home, "quiet"), {1: "time"}))
    assert await moves(home, "likers") == [("rule", "in", 1), ("time", "out", 1)]
    async with home.db.transaction() as session:
        assert (await session.execute(select(deadlines))).all() == []


async def test_an_event_ahead_counts_when_its_time_has_come(home: Running) -> None:
    await make(home, "ever", {"did": "Content Liked"})
    ahead = clock.now() + timedelta(hours=1)
    await home.tell(event(1, "Content Liked", ahead))
    await eventually(lambda: _is(_deadlines(home), {ahead}))
    assert await members(home, "ever") == {}
    with clock.at(ahead):
        await eventually(lambda: _is(members(home, "ever"), {1: "time"}))


async def _deadlines(home: Running) -> set[datetime]:
    async with home.db.transaction() as session:
        return set(await session.scalars(select(deadlines.c.at)))


async def test_a_fill_judges_everybody_and_says_fill_then_definition(
    home: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "CHUNK", 7)
    await home.tell(*(profile(key, 1, age=key) for key in range(1, 41)))
    await eventually(lambda: _viewers(home, 40))
    made = await make(home, "adults", {"trait": "age", "gte": 18})
    assert made["true_as_of"] is not None
    assert made["size"] == 23
    assert await members(home, "adults") == dict.fromkeys(range(18, 41), "fill")
    changed = await home.client.patch("/v1/segments/adults", json={"rule": {"trait": "age", "gte": 20}})
    assert (changed.json()["version"], changed.json()["filling"]["cause"]) == (2, "definition")
    assert made["true_as_of"] < changed.json()["true_as_of"] == changed.json()["updated_at"], "it was true until then"
    await filled(home, "adults")
    assert await members(home, "adults") == dict.fromkeys(range(20, 41), "fill")
    await eventually(lambda: _ends(home, "adults", [("definition", "out", 18), ("definition", "out", 19)]))
    told = await home.told(SegmentDefined)
    assert [(fact.key, fact.version, fact.archived) for fact in told] == [("adults", 1, False), ("adults", 2, False)]


async def _ends(home: Running, key: str, expected: Any) -> None:
    assert sorted((await moves(home, key))[-len(expected) :]) == expected


async def _viewers(home: Running, number: int) -> None:
    assert (await home.client.post("/v1/segments/preview", json={"rule": {"not": {"did": "x"}}})).json()[
        "count"
    ] == number


async def test_the_live_work_does_not_take_an_old_member_of_an_unfilled_segment_for_news(
    home: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.tell(event(1, "Content Liked", clock.now()), profile(2, 1))
    await eventually(lambda: _viewers(home, 2))

    async def never(*_: Any) -> None:
        return None

    monkeypatch.setattr(definitions, "to_fill", never)  # the fill comes again and again, and does nothing
    await home.client.post("/v1/segments", json={"key": "ever", "name": "e", "rule": {"did": "Content Liked"}})
    now = clock.now()
    await home.tell(event(1, "Content Liked", now), event(2, "Content Liked", now), event(3, "Content Liked", now))
    await eventually(lambda: _is(members(home, "ever"), {1: "fill", 2: "rule", 3: "rule"}))
    shown = (await home.client.get("/v1/segments/ever")).json()
    assert (shown["filling"]["state"], shown["filling"]["cause"]) == ("running", "fill")
    monkeypatch.undo()
    await filled(home, "ever")
    assert await members(home, "ever") == {1: "fill", 2: "rule", 3: "rule"}


async def test_a_fill_goes_round_a_viewer_who_is_being_judged(home: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def open_(_: Any) -> None:
        """Whoever judges here has begun after the definition was known."""

    monkeypatch.setattr(members_of, "close_gate", open_)
    await home.tell(*(profile(key, 1, age=20) for key in (1, 2, 3)))
    await eventually(lambda: _viewers(home, 3))
    async with home.db.transaction() as session:
        await members_of.lock(session, [2])
        await home.client.post("/v1/segments", json={"key": "adults", "name": "a", "rule": {"trait": "age", "gt": 9}})
        await eventually(lambda: _progress(home, 1))
        await viewers.update(session, [profile(2, 2, age=5)])
    await filled(home, "adults")
    assert await members(home, "adults") == {1: "fill", 3: "fill"}


async def test_a_fill_waits_for_who_began_before_the_definition_was_known(home: Running) -> None:
    async with home.db.transaction() as session:
        await live.absorb_profiles(session, [profile(1, 1, age=20)])  # the fill cannot see this viewer yet
        await home.client.post("/v1/segments", json={"key": "adults", "name": "a", "rule": {"trait": "age", "gt": 9}})

        async def waiting() -> None:
            query = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            assert await session.scalar(query) == 1

        await eventually(waiting)
    await filled(home, "adults")
    assert await members(home, "adults") == {1: "fill"}


async def _progress(home: Running, done: int) -> None:
    shown = (await home.client.get("/v1/segments/adults")).json()
    assert shown["filling"]["done"] == done


async def test_everything_agrees_after_fills_among_events(home: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments are made and changed while events stream in; in the end every member is who plain Python says."""
    monkeypatch.setattr(filling, "CHUNK", 5)
    choose = random.Random(7)
    rules: list[dict[str, Any]] = [
        {"did": "a", "times": {"gte": 2}},
        {"not": {"did": "b"}},
        {"all": [{"did": "a", "within": "1h"}, {"trait": "age", "gte": 3}]},
        {"any": [{"did": "c", "where": [{"property": "n", "gt": 2}]}, {"trait": "age", "lt": 2}]},
        {"did": "b", "within": "2h", "times": {"eq": 1}},
    ]
    history: dict[int, list[Happening]] = {}
    traits: dict[int, dict[str, Any]] = {}
    current: dict[str, dict[str, Any]] = {}
    for turn in range(30):
        now = clock.now()
        facts: list[Any] = []
        for _ in range(12):
            viewer = choose.randint(1, 40)
            history.setdefault(viewer, [])
            traits.setdefault(viewer, {})
            if choose.random() < 0.7:
                time = now - timedelta(minutes=choose.choice([0, 30, 90, 150]))
                fact = event(viewer, choose.choice("abc"), time, n=choose.randint(0, 4))
                history[viewer].append(Happening(fact.event, fact.time, fact.properties))
                facts.append(fact)
            else:
                traits[viewer] = {"age": choose.randint(0, 5)}
                facts.append(profile(viewer, turn * 100 + len(facts) + 1, **traits[viewer]))
        await home.tell(*facts)
        rule = choose.choice(rules)
        key = f"s{turn % 6}"
        if key in current:
            answer = await home.client.patch(f"/v1/segments/{key}", json={"rule": rule})
        else:
            answer = await home.client.post("/v1/segments", json={"key": key, "name": key, "rule": rule})
        assert answer.is_success, answer.text
        current[key] = rule
    await eventually(lambda: _viewers(home, len(history)))
    for key in current:
        await filled(home, key)

    async def agree() -> None:
        for key, rule in current.items():
            expected = {
                viewer for viewer in history if naive.holds(rule, Person(traits[viewer], history[viewer]), clock.now())
            }
            assert set(await members(home, key)) == expected, (key, rule)
            told: set[int] = set()
            for _, way, viewer in await moves(home, key):
                assert (way == "in") is (viewer not in told), "entered twice, or left without having entered"
                told ^= {viewer}
            assert told == expected
            assert (await home.client.get(f"/v1/segments/{key}")).json()["size"] == len(expected)

    await eventually(agree, timeout=20)
    async with home.db.transaction() as session:
        await timed.tidy(session)
    async with home.db.transaction() as session:
        assert len((await session.execute(select(tallies))).all()) <= len(current)
    await agree()


async def test_an_archived_segment_is_emptied_and_no_longer_judged(home: Running) -> None:
    await make(home, "ever", {"did": "Content Liked", "within": "1d"})
    await home.tell(event(1, "Content Liked", clock.now()))
    await eventually(lambda: _is(members(home, "ever"), {1: "rule"}))
    gone = (await home.client.delete("/v1/segments/ever")).json()
    assert (gone["archived"], gone["version"]) == (True, 2)
    await home.tell(event(2, "Content Liked", clock.now()))
    await eventually(lambda: _viewers(home, 2))

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
        await eventually(lambda: _is(members(home, "ever"), {1: "fill"}))
        await home.tell(known, profile(1, 1, age=30), event(2, "Content Liked", now), profile(2, 1, age=1))
        await eventually(lambda: _is(members(home, "ever"), {1: "fill", 2: "rule"}))


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
