"""Fills: everybody is judged by a new rule, while the live work goes on."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from services.segment.actions import filling, live, timed
from services.segment.store import definitions, viewers
from services.segment.store import members as members_of
from services.segment.tables import tallies
from shared import clock
from shared.contracts import SegmentDefined
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.segment import naive
from tests.segment.acts import equals, filled, make, members, moves, viewers_are
from tests.segment.naive import Happening, Person
from tests.segment.words import event, profile


async def test_a_fill_judges_everybody_and_says_fill_then_definition(
    home: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "CHUNK", 7)
    await home.tell(*(profile(key, 1, age=key) for key in range(1, 41)))
    await eventually(lambda: viewers_are(home, 40))
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


async def test_the_live_work_does_not_take_an_old_member_of_an_unfilled_segment_for_news(
    home: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.tell(event(1, "Content Liked", clock.now()), profile(2, 1))
    await eventually(lambda: viewers_are(home, 2))

    async def never(*_: Any) -> None:
        return None

    monkeypatch.setattr(definitions, "to_fill", never)  # the fill comes again and again, and does nothing
    await home.client.post("/v1/segments", json={"key": "ever", "name": "e", "rule": {"did": "Content Liked"}})
    now = clock.now()
    await home.tell(event(1, "Content Liked", now), event(2, "Content Liked", now), event(3, "Content Liked", now))
    await eventually(lambda: equals(members(home, "ever"), {1: "fill", 2: "rule", 3: "rule"}))
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
    await eventually(lambda: viewers_are(home, 3))
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
    await eventually(lambda: viewers_are(home, len(history)))
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
