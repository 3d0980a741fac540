"""Segments that ask segments, and what else uses them: what is shown, what is forbidden, what moves along."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from services.segment.app import SERVICE
from shared import clock
from shared.contracts import Use
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.segment.acts import VIP, ask, equals, filled, make, members
from tests.segment.conftest import used
from tests.segment.words import event, profile


async def test_who_asks_whom_and_what_that_forbids(home: Running) -> None:
    await make(home, "a", VIP)
    await make(home, "b", {"not": {"in_segment": "a"}})
    await make(home, "c", {"all": [{"in_segment": "b"}, {"has_been": {"in_segment": "a"}, "for": "1d"}]})
    found = await ask(home, "GET", "/b/dependencies")
    assert (found["asks"], found["asked_by"]) == (["a"], ["c"])
    found = await ask(home, "GET", "/a/dependencies")
    assert (found["asked_by"], found["asked_by_in_all"], found["asks_in_all"]) == (["b", "c"], ["b", "c"], [])
    graph = await ask(home, "GET", "/graph")
    assert [one["key"] for one in graph["segments"]] == ["a", "b", "c"]
    assert [(one["key"], one["asks"]) for one in graph["edges"]] == [("b", "a"), ("c", "a"), ("c", "b")]
    problem = await ask(home, "PATCH", "/a", {"rule": {"any": [VIP, {"in_segment": "c"}]}}, status=409)
    assert "a → c → a" in problem["detail"]
    problem = await ask(home, "PATCH", "/a", {"rule": {"in_segment": "a"}}, status=409)
    assert "a → a" in problem["detail"]
    problem = await ask(home, "DELETE", "/a", status=409)
    assert "segment 'b', segment 'c'" in problem["detail"]
    body = {"key": "d", "name": "d", "rule": {"all": [VIP, {"in_segment": "nothing"}]}}
    problem = await ask(home, "POST", "", body, status=422)
    assert problem["errors"][0]["field"] == "rule.all.1.in_segment"
    for key in ("c", "b", "a"):
        await ask(home, "DELETE", f"/{key}")
    await ask(home, "POST", "", {"key": "e", "name": "e", "rule": {"in_segment": "a"}}, status=422)


async def test_what_campaigns_creatives_and_tags_use_is_shown_and_not_archived(
    open_house: Callable[..., Opening],
) -> None:
    home: Running = await open_house(SERVICE)
    await make(home, "vip", VIP)
    await make(home, "others", {"not": {"in_segment": "vip"}})
    await make(home, "free", VIP)
    away = await home.client.delete("/v1/segments/free")
    assert (away.status_code, away.headers["Retry-After"]) == (503, "5")
    assert "campaign and profile and recommend may use 'free'" in away.json()["detail"]
    assert (await ask(home, "GET", "/graph"))["unasked"] == ["campaign", "profile", "recommend"]
    sale = Use(segment="others", kind="campaign", key="sale", name="Sale")
    tag = Use(segment="vip", kind="tag", key="gold", name="Gold")
    hero = Use(segment="vip", kind="creative", key="home/hero", name="Home")
    await used(home, {"campaign": [sale], "profile": [tag], "recommend": [hero]})
    found = await ask(home, "GET", "/vip/dependencies")
    assert ([one["key"] for one in found["used_by"]], found["unasked"]) == (["sale", "gold", "home/hero"], [])
    assert [one["key"] for one in (await ask(home, "GET", "/others/dependencies"))["used_by"]] == ["sale"]
    graph = await ask(home, "GET", "/graph")
    assert [(one["segment"], one["kind"]) for one in graph["uses"]] == [
        ("others", "campaign"),
        ("vip", "tag"),
        ("vip", "creative"),
    ]
    problem = await ask(home, "DELETE", "/vip", status=409)
    assert "segment 'others', tag 'gold', creative 'home/hero'" in problem["detail"]
    assert "campaign 'sale'" in (await ask(home, "DELETE", "/others", status=409))["detail"]
    assert (await ask(home, "DELETE", "/free"))["archived"]


async def test_segments_of_segments_move_with_them(home: Running) -> None:
    await make(home, "likers", {"did": "Content Liked"})
    await make(home, "others", {"not": {"in_segment": "likers"}})
    await home.tell(profile(1, 1), profile(2, 1))
    await eventually(lambda: equals(members(home, "others"), {1: "rule", 2: "rule"}))
    await home.tell(event(1, "Content Liked", clock.now()))
    await eventually(lambda: equals(members(home, "others"), {2: "rule"}))


async def test_another_rule_is_another_one_for_whoever_asks_it(home: Running) -> None:
    await make(home, "adults", {"trait": "age", "gte": 18})
    await make(home, "others", {"not": {"in_segment": "adults"}})
    await make(home, "none", {"all": [{"in_segment": "others"}, {"in_segment": "adults"}]})
    await home.tell(profile(1, 1, age=20), profile(2, 1, age=10))
    await eventually(lambda: equals(members(home, "others"), {2: "rule"}))
    await ask(home, "PATCH", "/adults", {"rule": {"trait": "age", "gte": 30}})
    await filled(home, "others")
    await filled(home, "none")
    assert await members(home, "others") == {1: "definition", 2: "rule"}
    assert (await ask(home, "GET", "/others"))["version"] == 1


async def test_having_been_in_a_segment_begins_when_it_was_told(home: Running) -> None:
    await make(home, "vip", VIP)
    await make(home, "loyal", {"has_been": {"in_segment": "vip"}, "for": "30d"})
    await make(home, "long-out", {"has_been": {"not": {"in_segment": "vip"}}, "for": "30d"})
    await home.tell(profile(1, 1, vip=True), profile(2, 1))
    await eventually(lambda: equals(members(home, "vip"), {1: "rule"}))
    # Of viewer 2 nothing was ever told: he has always been out.
    await eventually(lambda: equals(members(home, "long-out"), {2: "rule"}))
    began = clock.now()
    with clock.at(began + timedelta(days=29)):
        assert await members(home, "loyal") == {}
    with clock.at(began + timedelta(days=30, seconds=1)):
        await eventually(lambda: equals(members(home, "loyal"), {1: "time"}))
        await home.tell(profile(1, 2))
        await eventually(lambda: equals(members(home, "loyal"), {}))
        assert set(await members(home, "long-out")) == {2}, "he left just now"
    with clock.at(began + timedelta(days=61)):
        await eventually(lambda: equals(members(home, "long-out"), {1: "time", 2: "rule"}))
