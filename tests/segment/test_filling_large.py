"""Fills of large audiences: the warehouse answers, the live work goes on, and everybody is where plain Python says."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from services.segment import memory
from services.segment.actions import filling
from services.segment.outside.warehouse.client import WarehouseDown
from services.segment.rules.blocks import GROUP
from services.segment.store import members as members_of
from services.segment.store import viewers
from shared import clock, roaring
from shared.contracts import SegmentChanged
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.segment.acts import equals, filled, make, members
from tests.segment.words import event, profile

RULE = {"all": [{"did": "Content Liked", "within": "3d"}, {"not": {"trait": "age", "lt": 18}}]}
IDS = [*range(1, 40), *range(GROUP - 20, GROUP + 20), *range(5 * GROUP, 5 * GROUP + 20)]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every audience is large, and a question is about two groups."""
    monkeypatch.setattr(filling, "LARGE", 0)
    monkeypatch.setattr(filling, "GROUPS", 2)


async def _told(home: Running, key: str) -> dict[int, str]:
    """Who is in by what was told, and the causes."""
    found: dict[int, str] = {}
    for fact in await home.told(SegmentChanged):
        if fact.key == key:
            for one in roaring.left(fact):
                del found[one]
            for one in roaring.entered(fact):
                assert one not in found
                found[one] = fact.cause
    return found


async def _here(home: Running, count: int) -> None:
    async with home.db.transaction() as session:
        assert len(await viewers.after(session, 0, 100_000)) == count


@pytest.mark.usefixtures("large")
async def test_the_warehouse_fills_and_what_it_says_is_told_as_bitmaps(home: Running) -> None:
    now = clock.now()
    facts: list[Any] = []
    expected: set[int] = set()
    for one in IDS:
        facts.append(profile(one, 1, age=one % 30))
        if one % 3:
            ago = timedelta(days=one % 5)
            facts.append(event(one, "Content Liked", now - ago, history=True))
            if one % 30 >= 18 and ago < timedelta(days=3):
                expected.add(one)
    await home.tell(*facts)
    await eventually(lambda: _here(home, len(IDS)))
    made = await make(home, "likers", RULE)
    assert made["size"] == len(expected)
    assert await members(home, "likers") == dict.fromkeys(expected, "fill")
    await eventually(lambda: equals(_told(home, "likers"), dict.fromkeys(expected, "fill")))
    assert all(not fact.entered for fact in await home.told(SegmentChanged)), "a fill is told as bitmaps"
    assert memory_of(home).warehouse.running
    with clock.at(now + timedelta(days=1, seconds=1)):
        stay = {one for one in expected if one % 5 < 2}
        await eventually(lambda: equals(members(home, "likers"), dict.fromkeys(stay, "fill")))
    changed = await home.client.patch("/v1/segments/likers", json={"rule": {"trait": "age", "lt": 3}})
    assert changed.is_success
    await filled(home, "likers")
    young = {one for one in IDS if one % 30 < 3}
    assert set(await members(home, "likers")) == young
    await eventually(lambda: equals(_told(home, "likers"), dict.fromkeys(young, "definition")))


def memory_of(home: Running) -> memory.Memory:
    held: memory.Memory = home.house.memory
    return held


@pytest.mark.usefixtures("large")
async def test_without_the_warehouse_a_fill_goes_on(home: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(*_: Any, **__: Any) -> Any:
        raise WarehouseDown("it is away")

    monkeypatch.setattr(memory_of(home).warehouse, "ask", down)
    await home.tell(*(profile(one, 1, age=one % 30) for one in IDS))
    await eventually(lambda: _here(home, len(IDS)))
    await make(home, "young", {"trait": "age", "lt": 3})
    assert set(await members(home, "young")) == {one for one in IDS if one % 30 < 3}


@pytest.mark.usefixtures("large")
async def test_what_is_news_since_the_question_is_judged_live(home: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """While viewer 2 is being judged by somebody, the warehouse has answered; then he does something."""

    async def open_(_: Any) -> None:
        """Whoever judges here has begun after the definition was known."""

    monkeypatch.setattr(members_of, "close_gate", open_)
    await home.tell(*(profile(one, 1, age=20) for one in (1, 2, 3)), event(1, "Content Liked", clock.now()))
    await eventually(lambda: _here(home, 3))
    async with home.db.transaction() as session:
        await members_of.lock(session, [2])
        body = {"key": "likers", "name": "l", "rule": RULE}
        assert (await home.client.post("/v1/segments", json=body)).is_success

        async def others() -> None:
            assert set(await members(home, "likers")) == {1}

        await eventually(others)
        assert (await home.client.get("/v1/segments/likers")).json()["filling"] is not None
    await home.tell(event(2, "Content Liked", clock.now()))
    await filled(home, "likers")
    await eventually(lambda: equals(_set(home), {1, 2}))


async def _set(home: Running) -> set[int]:
    return set(await members(home, "likers"))


@pytest.mark.usefixtures("large")
async def test_everything_agrees_after_large_fills_among_events(home: Running) -> None:
    choose = random.Random(11)
    liked: dict[int, int] = {}
    ages: dict[int, int] = {}
    current: dict[str, tuple[int, int]] = {}
    for turn in range(12):
        facts: list[Any] = []
        for _ in range(25):
            one = choose.choice(IDS)
            if choose.random() < 0.6:
                liked[one] = liked.get(one, 0) + 1
                ages.setdefault(one, 0)
                facts.append(event(one, "Content Liked", clock.now() - timedelta(minutes=choose.randint(0, 60))))
            else:
                ages[one] = choose.randint(1, 5)
                facts.append(profile(one, turn * 100 + len(facts) + 1, age=ages[one]))
        await home.tell(*facts)
        key, wanted = f"s{turn % 4}", (choose.randint(1, 4), choose.randint(1, 5))
        rule = {"any": [{"did": "Content Liked", "times": {"gte": wanted[0]}}, {"trait": "age", "eq": wanted[1]}]}
        if key in current:
            answer = await home.client.patch(f"/v1/segments/{key}", json={"rule": rule})
        else:
            answer = await home.client.post("/v1/segments", json={"key": key, "name": key, "rule": rule})
        assert answer.is_success, answer.text
        current[key] = wanted

    async def agree() -> None:
        for key, (times, age) in current.items():
            assert (await home.client.get(f"/v1/segments/{key}")).json()["filling"] is None
            expected = {one for one in ages if liked.get(one, 0) >= times or ages[one] == age}
            assert set(await members(home, key)) == expected, key
            assert set(await _told(home, key)) == expected

    await eventually(agree, timeout=60)


@pytest.mark.usefixtures("large")
async def test_a_segment_is_saved_while_the_warehouse_is_asked_for_it(
    home: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer about the rule that is past is never written down."""
    ask = memory_of(home).warehouse.ask
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **options: Any) -> Any:
        answer = await ask(*args, **options)
        asked.set()
        await go.wait()
        return answer

    await home.tell(*(profile(one, 1, age=one % 30) for one in IDS))
    await eventually(lambda: _here(home, len(IDS)))
    monkeypatch.setattr(memory_of(home).warehouse, "ask", slow)
    body = {"key": "young", "name": "y", "rule": {"trait": "age", "lt": 3}}
    assert (await home.client.post("/v1/segments", json=body)).is_success
    await asked.wait()
    async with asyncio.timeout(20):
        assert (await home.client.patch("/v1/segments/young", json={"rule": {"trait": "age", "gte": 20}})).is_success
        assert (await home.client.post("/v1/segments", json={**body, "key": "other"})).is_success
    go.set()
    await filled(home, "young")
    old = {one for one in IDS if one % 30 >= 20}
    assert set(await members(home, "young")) == old
    await eventually(lambda: equals(_told(home, "young"), dict.fromkeys(old, "fill")))
    await filled(home, "other")
    assert set(await members(home, "other")) == {one for one in IDS if one % 30 < 3}
