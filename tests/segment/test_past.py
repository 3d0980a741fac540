"""Who was in a segment, since when and why: members as of an instant, days, frozen copies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.segment.settings import Settings, time_zone
from services.segment.store import log
from services.segment.tables import transitions
from shared import clock, roaring
from shared.contracts import PARTITIONS, SegmentChanged
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.segment.acts import VIP, ask, equals, known, make, member_ids, members
from tests.segment.words import event, profile


async def test_members_as_of_an_instant_and_days(home: Running) -> None:
    await make(home, "vip", VIP)
    began = clock.now()
    await home.tell(profile(1, 1, vip=True), profile(17, 1, vip=True), profile(40_000, 1, vip=True))
    await eventually(lambda: equals(members(home, "vip"), {1: "rule", 17: "rule", 40_000: "rule"}))
    middle = clock.now()
    await home.tell(profile(1, 2), profile(2, 1, vip=True))
    await eventually(lambda: equals(members(home, "vip"), {2: "rule", 17: "rule", 40_000: "rule"}))

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


async def test_the_log_is_trimmed_and_says_how_far_back_it_goes(home: Running) -> None:
    await make(home, "vip", VIP)
    await home.tell(profile(1, 1, vip=True))
    await eventually(lambda: equals(members(home, "vip"), {1: "rule"}))
    later = clock.now() + timedelta(days=500)
    async with home.db.transaction() as session:
        before = later - timedelta(days=Settings.model_fields["log_days"].default)
        assert await log.trim(session, {1: before}, 10) == 1
        assert (await session.execute(select(transitions))).all() == []
    (member,) = (await ask(home, "GET", "/vip/members"))["items"]
    assert member == {"profile_id": 1, "since": None, "cause": None}
    await ask(home, "GET", "/vip/members", as_of=clock.now().isoformat(), status=422)


async def test_who_is_out_is_told_since_when_and_why_and_what_is_too_old(home: Running) -> None:
    now = clock.now()
    await known(home, "user_id:u1", "user_id:u2")
    await make(home, "vip", VIP)
    await make(home, "fresh", {"last": "Content Liked", "within": "1d"})
    old = event(1, "Content Liked", now - timedelta(days=2), history=True)
    await home.tell(profile(1, 1, vip=True), old, profile(2, 1))
    await eventually(lambda: equals(members(home, "vip"), {1: "rule"}))
    await home.tell(profile(1, 2))
    await eventually(lambda: equals(members(home, "vip"), {}))
    told = await ask(home, "GET", "/vip/explain/user_id:u1")
    assert (told["inside"], told["cause"]) == (False, "rule")
    assert now <= datetime.fromisoformat(told["since"]) <= clock.now()
    never = await ask(home, "GET", "/vip/explain/user_id:u2")
    assert (never["inside"], never["since"], never["cause"]) == (False, None, None)
    part = (await ask(home, "GET", "/fresh/explain/user_id:u1"))["rule"]
    assert part["holds"] is False
    assert datetime.fromisoformat(part["actual"]["time"]) == old.time


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
    await eventually(lambda: equals(member_ids(home, "vip"), set(ids)))
    then = clock.now()
    frozen = await ask(home, "POST", "/vip/snapshot", {"key": "vip-now", "name": "VIPs, frozen"}, status=201)
    assert (frozen["kind"], frozen["size"]) == ("static", 400)
    await home.tell(*(profile(one, 2) for one in ids[:300]))
    await eventually(lambda: equals(member_ids(home, "vip"), set(ids[300:])))
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
    await eventually(lambda: equals(member_ids(home, "fans"), {1, 2}))
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
