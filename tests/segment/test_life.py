"""A segment's life: versions, dependencies, lists, frozen copies, members as of an instant, and days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from services.segment.actions import lists
from services.segment.app import SERVICE
from services.segment.settings import Settings, time_zone
from services.segment.store import definitions, log
from services.segment.tables import list_rows, transitions
from shared import clock, jobs, roaring
from shared.bus import BusDown
from shared.contracts import (
    PARTITIONS,
    ProfileMerged,
    ProfileUpdated,
    ResolveAnswered,
    ResolveAsked,
    SegmentChanged,
    SegmentDefined,
    Use,
)
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.segment.conftest import used
from tests.segment.test_live import _is, filled, make, members, moves
from tests.segment.words import event, profile

VIP = {"trait": "vip", "eq": True}


async def ask(home: Running, method: str, path: str, body: Any = None, *, status: int = 200, **params: Any) -> Any:
    answer = await home.client.request(method, f"/v1/segments{path}", json=body, params=params)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def known(home: Running, *refs: str) -> None:
    """Play profile: it knows these refs by the number they end with."""

    def reply(asked: ResolveAsked) -> ResolveAnswered:
        return ResolveAnswered(profile_ids={ref: int(ref.rpartition("u")[2]) for ref in asked.refs if ref in refs})

    await home.answer(ResolveAsked, reply)


async def test_versions_differ_and_an_old_one_comes_back(home: Running) -> None:
    await home.tell(profile(1, 1, age=20), profile(2, 1, age=30))
    await make(home, "adults", {"all": [{"trait": "age", "gte": 18}, {"not": VIP}]})
    await ask(home, "PATCH", "/adults", {"name": "Older", "rule": {"all": [{"trait": "age", "gte": 25}]}})
    await filled(home, "adults")
    assert set(await members(home, "adults")) == {2}
    told = await ask(home, "GET", "/adults/versions")
    assert [(one["version"], one["name"]) for one in told] == [(2, "Older"), (1, "adults")]
    found = await ask(home, "GET", "/adults/diff", before=1, after=2)
    assert found["differences"] == [
        {"path": ["name"], "before": "adults", "after": "Older"},
        {"path": ["rule", "all", 0, "gte"], "before": 18, "after": 25},
        {"path": ["rule", "all", 1], "before": {"not": VIP}, "after": None},
    ]
    again = await ask(home, "POST", "/adults/versions/1/rollback")
    assert (again["version"], again["name"], again["rule"]) == (3, "adults", told[1]["rule"])
    await filled(home, "adults")
    assert set(await members(home, "adults")) == {1, 2}
    assert (await ask(home, "POST", "/adults/versions/1/rollback"))["version"] == 3, "it says so already"
    await ask(home, "POST", "/adults/versions/9/rollback", status=404)
    await ask(home, "GET", "/adults/diff", before=0, after=1, status=422)


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


async def test_what_was_archived_can_be_restored(home: Running) -> None:
    await home.tell(profile(1, 1, vip=True), profile(2, 1), profile(3, 1, vip=True))
    await make(home, "vip", VIP)
    await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
    await known(home, "user_id:u1", "user_id:u2")
    for ref in ("user_id:u1", "user_id:u2"):
        await ask(home, "PUT", f"/panel/members/{ref}", status=204)
    await ask(home, "POST", "/vip/restore", status=409)
    for key in ("vip", "panel"):
        await ask(home, "DELETE", f"/{key}")
    for key in ("vip", "panel"):
        await eventually(partial(_emptied, home, key))
    for key, expected in (("vip", {1, 3}), ("panel", {1, 2})):
        found = await ask(home, "POST", f"/{key}/restore")
        assert (found["archived"], found["version"]) == (False, 3)
        await filled(home, key)
        assert set(await members(home, key)) == expected
    # it lives: events move its members again
    await home.tell(profile(2, 2, vip=True))
    await eventually(lambda: _is(members(home, "vip"), {1: "fill", 2: "rule", 3: "fill"}))
    await ask(home, "POST", "/nothing/restore", status=404)


async def _emptied(home: Running, key: str) -> None:
    async with home.db.transaction() as session:
        assert (await jobs.latest(session, "fill", [key]))[key].state != "running"


async def test_versions_have_an_author_and_nobody_undoes_what_another_said_meanwhile(home: Running) -> None:
    body = {"key": "vip", "name": "vip", "rule": VIP}
    made = await home.client.post("/v1/segments", json=body, headers=home.headers("operator", caller_id="ann"))
    assert made.headers["ETag"] == '"1"'
    seen = (await home.client.get("/v1/segments/vip")).headers["ETag"]
    bob = {**home.headers("operator", caller_id="bob"), "If-Match": seen}
    named = await home.client.patch("/v1/segments/vip", json={"name": "Very"}, headers=bob)
    assert (named.status_code, named.headers["ETag"]) == (200, '"2"')
    for method, path, wanted in (
        ("PATCH", "", {"name": "Other"}),
        ("PUT", "", {"name": "Other", "rule": VIP}),
        ("DELETE", "", None),
        ("POST", "/versions/1/rollback", None),
    ):
        late = await home.client.request(method, f"/v1/segments/vip{path}", json=wanted, headers={"If-Match": seen})
        assert (late.status_code, late.json()["type"]) == (412, "/problems/changed-meanwhile"), path
    assert (await home.client.delete("/v1/segments/vip", headers={"If-Match": '"7", "2"'})).status_code == 200
    told = await ask(home, "GET", "/vip/versions")
    assert [(one["version"], one["by"]) for one in told] == [(3, "test"), (2, "bob"), (1, "ann")]


async def test_rules_that_are_too_large_together_are_refused(home: Running) -> None:
    await make(home, "s0", {"any": [{"trait": f"t{number}", "eq": 1} for number in range(40)]})
    rule = {"any": [{"in_segment": "s0"}, {"in_segment": "s0"}, *({"trait": f"x{n}", "eq": 1} for n in range(30))]}
    await make(home, "s1", {"any": [rule, {"in_segment": "s0"}]})
    for number in range(1, 60):
        body = {"key": f"s{number + 1}", "name": "s", "rule": {"any": [{"in_segment": f"s{number}"}, VIP, rule]}}
        answer = await home.client.post("/v1/segments", json=body)
        if answer.status_code == 422:
            assert "parts" in answer.json()["detail"]
            return
    raise AssertionError("a thousand parts were taken")


async def test_segments_of_segments_move_with_them(home: Running) -> None:
    await make(home, "likers", {"did": "Content Liked"})
    await make(home, "others", {"not": {"in_segment": "likers"}})
    await home.tell(profile(1, 1), profile(2, 1))
    await eventually(lambda: _is(members(home, "others"), {1: "rule", 2: "rule"}))
    await home.tell(event(1, "Content Liked", clock.now()))
    await eventually(lambda: _is(members(home, "others"), {2: "rule"}))


async def test_another_rule_is_another_one_for_whoever_asks_it(home: Running) -> None:
    await make(home, "adults", {"trait": "age", "gte": 18})
    await make(home, "others", {"not": {"in_segment": "adults"}})
    await make(home, "none", {"all": [{"in_segment": "others"}, {"in_segment": "adults"}]})
    await home.tell(profile(1, 1, age=20), profile(2, 1, age=10))
    await eventually(lambda: _is(members(home, "others"), {2: "rule"}))
    await ask(home, "PATCH", "/adults", {"rule": {"trait": "age", "gte": 30}})
    await filled(home, "others")
    await filled(home, "none")
    assert await members(home, "others") == {1: "definition", 2: "rule"}
    assert (await ask(home, "GET", "/others"))["version"] == 1


async def test_who_becomes_part_of_another_leaves_him_his_place_on_a_list(home: Running) -> None:
    await known(home, "user_id:u1", "user_id:u3")
    await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
    await make(home, "asks", {"in_segment": "panel"})
    await home.tell(profile(1, 1), profile(2, 1), profile(3, 1))
    for ref in ("user_id:u1", "user_id:u3"):
        await ask(home, "PUT", f"/panel/members/{ref}", status=204)
    await eventually(lambda: _is(_set(home, "asks"), {1, 3}))
    merged = ProfileMerged(from_id=1, into_id=2, origins=["user_id:u1"], move=1, at=clock.now())
    await home.tell(merged, ProfileUpdated(profile_id=2, version=2, cause="merge"))
    await eventually(lambda: _is(members(home, "panel"), {2: "merge", 3: "definition"}))
    await eventually(lambda: _is(_set(home, "asks"), {2, 3}))
    # Whoever still means the old id means the viewer he is part of now.
    await ask(home, "DELETE", "/panel/members/user_id:u1", status=204)
    await eventually(lambda: _is(_set(home, "panel"), {3}))


async def test_having_been_in_a_segment_begins_when_it_was_told(home: Running) -> None:
    await make(home, "vip", VIP)
    await make(home, "loyal", {"has_been": {"in_segment": "vip"}, "for": "30d"})
    await make(home, "long-out", {"has_been": {"not": {"in_segment": "vip"}}, "for": "30d"})
    await home.tell(profile(1, 1, vip=True), profile(2, 1))
    await eventually(lambda: _is(members(home, "vip"), {1: "rule"}))
    # Of viewer 2 nothing was ever told: he has always been out.
    await eventually(lambda: _is(members(home, "long-out"), {2: "rule"}))
    began = clock.now()
    with clock.at(began + timedelta(days=29)):
        assert await members(home, "loyal") == {}
    with clock.at(began + timedelta(days=30, seconds=1)):
        await eventually(lambda: _is(members(home, "loyal"), {1: "time"}))
        await home.tell(profile(1, 2))
        await eventually(lambda: _is(members(home, "loyal"), {}))
        assert set(await members(home, "long-out")) == {2}, "he left just now"
    with clock.at(began + timedelta(days=61)):
        await eventually(lambda: _is(members(home, "long-out"), {1: "time", 2: "rule"}))


async def test_members_as_of_an_instant_and_days(home: Running) -> None:
    await make(home, "vip", VIP)
    began = clock.now()
    await home.tell(profile(1, 1, vip=True), profile(17, 1, vip=True), profile(40_000, 1, vip=True))
    await eventually(lambda: _is(members(home, "vip"), {1: "rule", 17: "rule", 40_000: "rule"}))
    middle = clock.now()
    await home.tell(profile(1, 2), profile(2, 1, vip=True))
    await eventually(lambda: _is(members(home, "vip"), {2: "rule", 17: "rule", 40_000: "rule"}))

    async def then(instant: Any) -> list[int]:
        page = await ask(home, "GET", "/vip/members", as_of=instant.isoformat(), limit=2)
        found = page["items"]
        while page["next"]:
            page = await ask(home, "GET", "/vip/members", as_of=instant.isoformat(), limit=2, cursor=page["next"])
            found += page["items"]
        assert all(one["since"] is not None for one in found)
        return [one["profile_id"] for one in found]

    assert await then(began) == []
    assert await then(middle) == [1, 17, 40_000]
    assert await then(clock.now()) == [2, 17, 40_000]
    problem = await ask(home, "GET", "/vip/members", as_of=(began - timedelta(days=1)).isoformat(), status=422)
    assert problem["errors"][0]["field"] == "as_of"
    await ask(home, "GET", "/vip/members", as_of=(clock.now() + timedelta(days=1)).isoformat(), status=422)
    exported = await home.client.get("/v1/segments/vip/members.csv", params={"as_of": middle.isoformat()})
    assert exported.text.split() == ["profile_id", "1", "17", "40000"]
    shown = await ask(home, "GET", "/vip")
    assert (shown["size"], shown["entered_today"], shown["left_today"], shown["behind"]) == (3, 4, 1, None)
    with clock.at(clock.now() + timedelta(days=2)):
        days = (await ask(home, "GET", "/vip/history", days=10))["days"]
        assert [(one["size"], one["entered"], one["left"]) for one in days] == [(3, 4, 1), (3, 0, 0), (3, 0, 0)]
        assert (await ask(home, "GET", "/vip"))["entered_today"] == 0
        assert [one["size"] for one in (await ask(home, "GET", "/vip/history", days=2))["days"]] == [3, 3]


@pytest.mark.parametrize(("zone", "entries"), [("", [1, 1]), ("UTC", [2]), ("America/New_York", [2])])
async def test_days_begin_where_the_installation_is(
    home: Running, monkeypatch: pytest.MonkeyPatch, zone: str, entries: list[int]
) -> None:
    if zone:
        monkeypatch.setenv("MARQUEE_TIME_ZONE", zone)
    time_zone.cache_clear()
    try:
        evening = datetime(2026, 3, 5, 15, 30, tzinfo=UTC)  # 23:30 in Shanghai
        await known(home, "user_id:u1", "user_id:u2")
        with clock.at(evening):
            await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
            await ask(home, "PUT", "/panel/members/user_id:u1", status=204)
        with clock.at(evening + timedelta(hours=1)):
            await ask(home, "PUT", "/panel/members/user_id:u2", status=204)
            history = await ask(home, "GET", "/panel/history")
            assert history["zone"] == (zone or "+08:00")
            assert [one["entered"] for one in history["days"]] == entries
            assert (await ask(home, "GET", "/panel"))["entered_today"] == entries[-1]
    finally:
        monkeypatch.undo()
        time_zone.cache_clear()


async def test_a_segment_says_when_it_is_behind(home: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    await make(home, "likers", {"did": "Content Liked", "within": "1h"})
    began = clock.now()
    await home.tell(event(1, "Content Liked", began))
    await eventually(lambda: _is(_set(home, "likers"), {1}))

    async def nobody(*_: Any) -> set[int]:
        return set()

    monkeypatch.setattr("services.segment.store.members.lock_free", nobody)  # the clock finds everybody busy
    with clock.at(began + timedelta(hours=1, seconds=30)):
        late = await ask(home, "GET", "/likers")
        assert late["behind"] == pytest.approx(30, abs=0.2)
        assert late["true_as_of"].startswith((began + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"))
        monkeypatch.undo()

        async def caught_up() -> None:
            found = await ask(home, "GET", "/likers")
            assert (found["size"], found["behind"]) == (0, None)

        await eventually(caught_up)


async def test_a_segment_says_when_its_reader_is_behind(home: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    await make(home, "vip", VIP)

    async def away(*_: Any) -> None:
        raise OSError("the database is away")

    for reader in home.house.readers:
        monkeypatch.setattr(reader, "_take", away)
    await home.tell(profile(1, 1, vip=True))

    async def late() -> None:
        assert ((await ask(home, "GET", "/vip"))["behind"] or 0) > 2

    await eventually(late)
    monkeypatch.undo()

    async def true_again() -> None:
        found = await ask(home, "GET", "/vip")
        assert (found["size"], found["behind"]) == (1, None)

    await eventually(true_again)


async def test_a_segment_says_when_profile_is_behind_or_nobody_can_tell(
    home: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(home, "vip", VIP)

    async def behind(low: float, high: float) -> None:
        shown = await ask(home, "GET", "/vip")
        assert low <= (shown["behind"] or 0) <= high
        assert (clock.now() - datetime.fromisoformat(shown["true_as_of"])).total_seconds() >= low

    await eventually(lambda: behind(0, 0))
    home.bus.taken_in = clock.now() - timedelta(minutes=5)
    await eventually(lambda: behind(300, 400))
    home.bus.taken_in = None
    await eventually(lambda: behind(0, 0))

    async def away(_: str) -> None:
        raise BusDown("it is away")

    monkeypatch.setattr(home.house.bus, "state", away)
    await eventually(lambda: behind(3.1, 400))
    monkeypatch.undo()
    await eventually(lambda: behind(0, 0), timeout=20)


async def test_a_replica_that_reads_nothing_says_when_the_other_one_is_behind(
    open_house: Callable[..., Opening], database: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await database("segment")
    home = await open_house(SERVICE, database_url=url)
    await make(home, "vip", VIP)
    await eventually(lambda: all(reader.reading for reader in home.house.readers))
    other = await open_house(SERVICE, database_url=url)

    async def stuck(*_: Any) -> None:
        raise OSError("the database is away")

    for reader in home.house.readers:
        monkeypatch.setattr(reader, "_take", stuck)
    await home.tell(profile(1, 1, vip=True))

    async def late() -> None:
        assert ((await ask(other, "GET", "/vip"))["behind"] or 0) > 3

    await eventually(late)
    assert not any(reader.reading for reader in other.house.readers)


async def test_the_log_is_trimmed_and_says_how_far_back_it_goes(home: Running) -> None:
    await make(home, "vip", VIP)
    await home.tell(profile(1, 1, vip=True))
    await eventually(lambda: _is(members(home, "vip"), {1: "rule"}))
    later = clock.now() + timedelta(days=500)
    async with home.db.transaction() as session:
        before = later - timedelta(days=Settings.model_fields["log_days"].default)
        assert await log.trim(session, {1: before}, 10) == 1
        assert (await session.execute(select(transitions))).all() == []
    (member,) = (await ask(home, "GET", "/vip/members"))["items"]
    assert member == {"profile_id": 1, "since": None, "cause": None}
    await ask(home, "GET", "/vip/members", as_of=clock.now().isoformat(), status=422)


async def test_a_fill_that_was_given_up_begins_again_when_the_same_is_saved_again(
    home: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise ValueError("out of order")

    monkeypatch.setattr(definitions, "filled", broken)
    await ask(home, "POST", "", {"key": "vip", "name": "V", "rule": VIP}, status=201)

    async def failed() -> None:
        assert (await ask(home, "GET", "/vip"))["filling"]["state"] == "failed"

    await eventually(failed)
    monkeypatch.undo()
    again = await ask(home, "PATCH", "/vip", {"rule": VIP})
    assert (again["version"], again["filling"]["state"]) == (1, "running")
    await filled(home, "vip")


async def test_who_is_out_is_told_since_when_and_why_and_what_is_too_old(home: Running) -> None:
    now = clock.now()
    await known(home, "user_id:u1", "user_id:u2")
    await make(home, "vip", VIP)
    await make(home, "fresh", {"last": "Content Liked", "within": "1d"})
    old = event(1, "Content Liked", now - timedelta(days=2), history=True)
    await home.tell(profile(1, 1, vip=True), old, profile(2, 1))
    await eventually(lambda: _is(members(home, "vip"), {1: "rule"}))
    await home.tell(profile(1, 2))
    await eventually(lambda: _is(members(home, "vip"), {}))
    told = await ask(home, "GET", "/vip/explain/user_id:u1")
    assert (told["inside"], told["cause"]) == (False, "rule")
    assert now <= datetime.fromisoformat(told["since"]) <= clock.now()
    never = await ask(home, "GET", "/vip/explain/user_id:u2")
    assert (never["inside"], never["since"], never["cause"]) == (False, None, None)
    part = (await ask(home, "GET", "/fresh/explain/user_id:u1"))["rule"]
    assert part["holds"] is False
    assert datetime.fromisoformat(part["actual"]["time"]) == old.time


async def test_a_list_is_kept_by_hand_and_segments_can_ask_for_it(home: Running) -> None:
    await known(home, "user_id:u1", "user_id:u2")
    listed = await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
    assert (listed["kind"], listed["rule"], listed["filling"]) == ("static", None, None)
    await make(home, "panel-vip", {"all": [{"in_segment": "panel"}, VIP]})
    await home.tell(profile(1, 1, vip=True), profile(2, 1, vip=True))
    for ref in ("user_id:u1", "user_id:u1", "user_id:u2"):
        await ask(home, "PUT", f"/panel/members/{ref}", status=204)
    assert await members(home, "panel") == {1: "definition", 2: "definition"}
    await eventually(lambda: _is(_set(home, "panel-vip"), {1, 2}))
    await ask(home, "DELETE", "/panel/members/user_id:u2", status=204)
    await eventually(lambda: _is(_set(home, "panel-vip"), {1}))
    await eventually(
        lambda: _is(moves(home, "panel"), [("definition", "in", 1), ("definition", "in", 2), ("definition", "out", 2)])
    )
    await ask(home, "PUT", "/panel/members/user_id:u9", status=404)
    await ask(home, "PUT", "/panel-vip/members/user_id:u1", status=409)
    await ask(home, "PATCH", "/panel", {"rule": VIP}, status=422)
    await ask(home, "DELETE", "/panel", status=409)
    await ask(home, "POST", "", {"key": "x", "name": "x"}, status=422)
    await ask(home, "POST", "", {"key": "x", "name": "x", "kind": "static", "rule": VIP}, status=422)
    await ask(home, "DELETE", "/panel-vip")
    await ask(home, "DELETE", "/panel")
    await eventually(lambda: _is(_set(home, "panel"), set()))
    assert [fact.rule for fact in await home.told(SegmentDefined) if fact.key == "panel"] == [None, None]


async def _set(home: Running, key: str) -> set[int]:
    return set(await members(home, key))


async def test_a_file_puts_its_viewers_on_a_list(home: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "AT_ONCE", 7)
    monkeypatch.setattr(lists, "ASKED", 3)
    await known(home, *(f"user_id:u{number}" for number in range(1, 31)))
    await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
    lines = ["\ufeffname,userId", *(f'"n, {number}",u{number}' for number in range(1, 26)), "x,u99", "", "y,"]
    path = "/v1/segments/panel/uploads"
    answer = await home.client.post(path, params={"column": "userId"}, content="\r\n".join(lines).encode())
    assert answer.status_code == 202, answer.text
    job = answer.json()["job_id"]

    async def over() -> None:
        found = await ask(home, "GET", f"/panel/uploads/{job}")
        assert found["state"] == "finished"
        assert (found["done"], found["total"], found["unmatched"]) == (26, 26, 1)
        assert found["first_unmatched"] == [{"line": 27, "ref": "user_id:u99"}]

    await eventually(over)
    assert set(await members(home, "panel")) == set(range(1, 26))
    unmatched = await home.client.get(f"{path}/{job}/unmatched.csv")
    assert unmatched.text.splitlines() == ["line,ref", "27,user_id:u99"]
    await ask(home, "GET", "/panel/uploads/999", status=404)
    gone = await home.client.post(path, params={"action": "remove"}, content=b"user_id\nu1\nu2\nu30\n")
    job = gone.json()["job_id"]
    await eventually(lambda: _is(_set(home, "panel"), set(range(3, 26))))
    for body in (b"", b"\xff\xfe", b"a\n" + b"x" * 501):
        assert (await home.client.post(path, content=body)).status_code == 422
    long = f'"{"x" * 200_000}"\nu1'.encode()
    refused = await home.client.post(path, content=long)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body")
    assert (await home.client.post(path, params={"column": "b"}, content=b"a\nu1")).status_code == 422
    with clock.at(clock.now() + timedelta(days=31)):
        async with home.db.transaction() as session:
            await lists.forget(session)
            assert (await session.execute(select(list_rows))).all() == []
    assert (await home.client.post(path, content=b"user_id\ru1\ru2\r")).json()["total"] == 2


async def test_contacts_of_a_file_are_not_kept(home: Running) -> None:
    await known(home, "email:a@x.org-u5")
    await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
    body = b"email\na@x.org-u5\nnobody@x.org\n"
    job = (await home.client.post("/v1/segments/panel/uploads", content=body)).json()["job_id"]

    async def over() -> None:
        found = await ask(home, "GET", f"/panel/uploads/{job}")
        assert (found["state"], found["first_unmatched"]) == ("finished", [{"line": 3, "ref": "email:"}])

    await eventually(over)
    assert set(await members(home, "panel")) == {5}
    async with home.db.transaction() as session:
        assert [row.origin for row in await session.execute(select(list_rows))] == ["email:"]
        assert (await jobs.by_id(session, job)) is not None


async def test_the_past_is_read_page_by_page_over_all_viewers(home: Running) -> None:
    ids = [3, 19, 16_384, 20_000, 20_001, 400_000, 2_000_000_000]
    await known(home, *(f"user_id:u{one}" for one in [*ids, 17, 30_000]))
    await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
    for one in ids:
        await ask(home, "PUT", f"/panel/members/user_id:u{one}", status=204)
    then = clock.now()
    for one in (17, 30_000):
        await ask(home, "PUT", f"/panel/members/user_id:u{one}", status=204)
    for one in (19, 20_000, 2_000_000_000):
        await ask(home, "DELETE", f"/panel/members/user_id:u{one}", status=204)
    for limit in (1, 2, 100):
        found: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            more: dict[str, Any] = {"cursor": cursor} if cursor else {}
            page = await ask(home, "GET", "/panel/members", as_of=then.isoformat(), limit=limit, **more)
            found += [one["profile_id"] for one in page["items"]]
            cursor = page["next"]
        assert found == ids
    told = await home.client.get("/v1/segments/panel/members.csv", params={"as_of": then.isoformat()})
    assert [int(line) for line in told.text.split()[1:]] == ids
    now = await home.client.get("/v1/segments/panel/members.csv")
    assert [int(line) for line in now.text.split()[1:]] == [3, 17, 16_384, 20_001, 30_000, 400_000]


async def test_a_frozen_copy_stays_as_it_was(home: Running) -> None:
    await make(home, "vip", VIP)
    ids = [*range(1, 400), 70_000]
    await home.tell(*(profile(one, 1, vip=True) for one in ids))
    await eventually(lambda: _is(_set(home, "vip"), set(ids)))
    then = clock.now()
    frozen = await ask(home, "POST", "/vip/snapshot", {"key": "vip-now", "name": "VIPs, frozen"}, status=201)
    assert (frozen["kind"], frozen["size"]) == ("static", 400)
    await home.tell(*(profile(one, 2) for one in ids[:300]))
    await eventually(lambda: _is(_set(home, "vip"), set(ids[300:])))
    assert await members(home, "vip-now") == dict.fromkeys(ids, "fill")
    again = {"key": "vip-then", "name": "As of then", "as_of": then.isoformat()}
    assert (await ask(home, "POST", "/vip/snapshot", again, status=201))["size"] == 400
    await ask(home, "POST", "/vip/snapshot", again, status=409)
    told: set[int] = set()

    async def heard() -> None:
        for fact in await home.told(SegmentChanged):
            if fact.key == "vip-now":
                assert (fact.cause, fact.entered) == ("fill", [])
                told.update(roaring.entered(fact))
        assert told == set(ids)

    await eventually(heard)
    assert len({one % PARTITIONS for one in told}) == PARTITIONS


async def test_why_a_viewer_is_in_or_not(home: Running) -> None:
    await known(home, "user_id:u1", "user_id:u2", "user_id:u7")
    await make(home, "vip", VIP)
    likes = {"did": "Content Liked", "times": {"gte": 2}, "within": "3d"}
    await make(home, "fans", {"any": [{"in_segment": "vip"}, {"all": [likes, {"trait": "age", "gte": 18}]}]})
    began = clock.now()
    await home.tell(profile(1, 1, age=20), profile(2, 1, vip=True))
    await home.tell(event(1, "Content Liked", began), event(1, "Content Liked", began))
    await eventually(lambda: _is(_set(home, "fans"), {1, 2}))
    told = await ask(home, "GET", "/fans/explain/user_id:u1")
    assert (told["profile_id"], told["inside"], told["cause"]) == (1, True, "rule")
    whole = told["rule"]
    assert (whole["kind"], whole["holds"]) == ("any", True)
    in_segment, both = whole["parts"]
    assert (in_segment["holds"], in_segment["parts"][0]["holds"]) == (False, False)
    did, age = both["parts"]
    assert (did["holds"], did["actual"], age["actual"]) == (True, 2, 20)
    assert did["changes_at"].startswith((began + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%S"))
    assert (await ask(home, "GET", "/fans/explain/user_id:u2"))["rule"]["parts"][0]["parts"][0]["actual"] is True
    await ask(home, "GET", "/fans/explain/user_id:u7", status=404)
    await ask(home, "GET", "/fans/explain/user_id:u8", status=404)
    await ask(home, "GET", "/nothing/explain/user_id:u1", status=404)
