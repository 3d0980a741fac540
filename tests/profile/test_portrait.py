"""The portrait as operators get it: out of sums, whole, and right for a real heavy user."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import httpx
import pandas as pd
import pytest
from msgspec import UNSET
from sqlalchemy import text

from deploy.tools import kuairand
from services.profile.actions import aggregates, snapshots
from services.profile.actions.events import absorb
from services.profile.app import SERVICE
from services.profile.rules import interests
from services.profile.tables import items
from shared import clock, outbox
from shared.contracts import EventReceived, EventRecorded, ItemUpdated
from tests.harness.houses import Opening, Running
from tests.profile.samples import NOON, call
from tests.tools import platform

Eventually = Callable[..., Awaitable[Any]]


@pytest.fixture
async def running(open_house: Callable[..., Opening]) -> AsyncIterator[Running]:
    async with open_house(SERVICE) as opened:
        yield opened


async def take(running: Running, *calls: EventReceived) -> None:
    async with running.db.transaction() as session:
        await absorb(session, list(calls))


async def portrait(running: Running, ref: str, *, role: str = "admin", status: int = 200) -> Any:
    answer: httpx.Response = await running.client.get(f"/v1/profiles/{ref}/portrait", headers=running.headers(role))
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_everything_known_of_all_identities_on_one_page(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    phone = {"userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0)"}
    await take(
        running,
        call(anonymous_id="a1", event="Content Shown", context=phone, source="web", after=-4000),
        call(
            anonymous_id="a1",
            event="Video Watched",
            context=phone,
            properties={"watch_seconds": 30, "duration_seconds": 40, "tags": ["anime"]},
            after=-3990,
        ),
        call("identify", user_id="u1", anonymous_id="a1", traits={"email": "bob@example.com", "age": 20}, after=-60),
        call(user_id="u1", properties={"tags": ["anime", "music"]}, source="app", after=0),
        call(user_id="u1", event="Order Completed", properties={"revenue": 99.9, "currency": "CNY"}, after=0),
        call(user_id="u1", event="Order Completed", properties={"revenue": 0.3, "currency": "CNY"}, after=0),
        call(user_id="u1", event="Order Refunded", properties={"revenue": 0.3, "currency": "CNY"}, after=0),
    )
    await running.client.put("/v1/tags/fan", json={"name": "Fan"}, headers=running.headers("admin"))
    given = await running.client.put("/v1/profiles/user_id:u1/tags/fan", json={}, headers=running.headers("admin"))
    assert given.status_code == 200, given.text
    found = await portrait(running, "user_id:u1")
    assert [(one["key"], one["state"], one["origin"]) for one in found["tags"]] == [("fan", "trial", "user_id:u1")]
    assert found == await portrait(running, "anonymous_id:a1") == await portrait(running, "1")
    assert found["traits"] == {"email": "bob@example.com", "age": 20}
    assert found["has"] == ["email"]
    assert found["interactions"] == {
        "Order Completed": 2,
        "Content Liked": 1,
        "Content Shown": 1,
        "Order Refunded": 1,
        "Video Watched": 1,
    }
    assert found["spending"] == [
        {
            "currency": "CNY",
            "orders": 2,
            "amount": 100.2,
            "average": 50.1,
            "last_order_at": "2026-05-04T12:00:00Z",
            "refunds": 1,
            "refunded": 0.3,
        }
    ]
    habits = found["habits"]
    # Monday 12:00 UTC is Monday 20:00 in China.
    assert habits["hours"][0][20] == 4
    assert sum(map(sum, habits["hours"])) == 6
    assert habits["active_days"] == 1
    assert habits["sessions"] == {"count": 2, "total_seconds": 10, "mean_seconds": 5, "longest_seconds": 10}
    assert habits["devices"] == [{"name": "phone/iOS", "events": 2, "share": 1}]
    assert habits["watching"] == {
        "videos": 1,
        "watch_seconds": 30,
        "duration_seconds": 40,
        "completion_rate": 0.75,
    }
    assert habits["favourite_kinds"] == [{"name": "video", "events": 1, "share": 1}]
    assert [one["tag"] for one in found["interests"]] == ["anime", "music"]
    assert sum(one["share"] for one in found["interests"]) == pytest.approx(1)
    assert found["interests"][1]["weight"] == pytest.approx(1)
    assert {one["name"]: one["events"] for one in found["sources"]} == {"web": 5, "app": 1}


async def test_who_did_nothing_yet_has_an_empty_portrait(running: Running) -> None:
    await take(running, call("identify", user_id="u1", traits={"email": "bob@example.com"}))
    found = await portrait(running, "user_id:u1", role="viewer")
    assert found["traits"] == {"email": "b•••@example.com"}
    assert found["interests"] == found["spending"] == found["sources"] == []
    assert found["habits"]["sessions"] == {
        "count": 0,
        "total_seconds": 0,
        "mean_seconds": None,
        "longest_seconds": 0,
    }


async def test_where_a_viewer_came_from_is_on_the_page(running: Running) -> None:
    link = {"campaign": {"source": "weibo", "name": "spring"}}
    await take(running, call(anonymous_id="a1", context=link), call(user_id="u1", anonymous_id="a1", after=9))
    found = await portrait(running, "user_id:u1")
    assert (found["first_touch"]["source"], found["last_touch"]["campaign"]) == ("weibo", "spring")


@pytest.mark.parametrize("consent", [{"profiling": False}, {"*": False}])
async def test_of_who_does_not_want_profiling_nobody_sees_what_he_did(
    running: Running, consent: dict[str, bool]
) -> None:
    bought = call(user_id="u1", event="Order Completed", properties={"revenue": 5, "currency": "CNY"})
    await take(running, call(user_id="u1", properties={"tags": ["anime"]}), bought)
    before = await portrait(running, "user_id:u1")
    assert before["profiled"]
    assert before["spending"]
    await take(running, call("identify", user_id="u1", traits={"consent": consent}))
    found = await portrait(running, "user_id:u1")
    assert (found["profiled"], found["interests"], found["spending"], found["interactions"]) == (False, [], [], {})
    assert found["habits"]["active_days"] == 0
    assert not any(map(any, found["habits"]["hours"]))
    assert found["sources"] == before["sources"]
    # He may change his mind: sums are kept, so that they still add up to what was recorded.
    await take(running, call("identify", user_id="u1", after=9, traits={"consent": dict.fromkeys(consent, True)}))
    assert (await portrait(running, "user_id:u1"))["spending"] == before["spending"]


async def test_no_contact_data_becomes_an_interest(running: Running) -> None:
    for query in ("bob@example.com", "anime bob@example.com 13800138000"):
        await take(running, call(user_id="u1", event="Search Performed", properties={"query": query}))
    await take(running, call(user_id="u1", properties={"tags": ["bob@example.com", "go"], "category": "b@example.com"}))
    found = await portrait(running, "user_id:u1")
    assert sorted(one["tag"] for one in found["interests"]) == ["anime", "go"]


async def test_nobody_has_no_portrait(running: Running) -> None:
    problem = await portrait(running, "user_id:nobody", status=404)
    assert "nobody is known as" in problem["detail"]


async def test_tags_of_items_count_for_events_that_name_the_item(running: Running, eventually: Eventually) -> None:
    told = ItemUpdated(item_id="v1", item_kind="live", title="V", tags=["go", "  "], properties={"category": "games"})
    await running.tell(told)

    async def kept() -> bool:
        async with running.db.transaction() as session:
            return (await session.execute(items.select())).one_or_none() is not None

    await eventually(kept)
    await take(running, call(user_id="u1", properties={"content_id": "v1", "tags": ["own"]}))
    found = await portrait(running, "user_id:u1")
    assert sorted(one["tag"] for one in found["interests"]) == ["games", "go", "own"]
    assert found["habits"]["favourite_kinds"][0]["name"] == "live"
    await running.tell(ItemUpdated(item_id="v1", item_kind="video", title="V", tags=["new"]))

    async def renewed() -> bool:
        async with running.db.transaction() as session:
            return bool((await session.execute(items.select())).one().tags == ["new"])

    await eventually(renewed)


def received(message: dict[str, Any], number: int) -> EventReceived:
    """A call of the importer as it arrives."""
    at = datetime.fromisoformat(message["timestamp"])
    return EventReceived(
        message_id=f"k{number}",
        type="track",
        time=at,
        received_at=at,
        source="import",
        event=message["event"],
        user_id=message["userId"],
        properties=message["properties"],
    )


@platform.needs_data
async def test_a_heavy_user_of_kuairand_is_what_pandas_counts(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = platform.table(platform.LOG)
    user = log["user_id"].value_counts().index[0]
    mine = log[log["user_id"] == user].sort_values("time_ms")
    videos = kuairand.videos(platform.FOLDER / "video_features.csv.gz")
    rows = [{name: str(value) for name, value in row.items()} for row in mine.to_dict("records")]
    said = (one for row in rows for one in kuairand.events(row, videos))
    calls = [received(one, number) for number, one in enumerate(said)]
    # Backwards and in batches: the order must not matter.
    late_first = calls[::-1]
    for begin in range(0, len(late_first), 97):
        await take(running, *late_first[begin : begin + 97])
    now = datetime.fromtimestamp(int(mine["time_ms"].max()) / 1000, NOON.tzinfo)
    monkeypatch.setattr(clock, "now", lambda: now)
    found = await portrait(running, f"user_id:{user}")

    assert found["interactions"] == platform.counts(mine)
    times = pd.to_datetime(mine["time_ms"], unit="ms", utc=True).dt.tz_convert("Asia/Shanghai")
    events = pd.Series([datetime.fromtimestamp(one.time.timestamp(), times.dt.tz) for one in calls])
    expected = events.groupby([events.dt.day_of_week, events.dt.hour]).size()
    assert {(day, hour): n for day, row in enumerate(found["habits"]["hours"]) for hour, n in enumerate(row) if n} == (
        expected.to_dict()
    )
    assert found["habits"]["active_days"] == times.dt.date.nunique()
    seconds = (mine["time_ms"] // 1000).sort_values()
    session = (seconds.diff() > 1800).cumsum()
    spans = seconds.groupby(session).agg(["min", "max"])
    assert found["habits"]["sessions"]["count"] == len(spans)
    assert found["habits"]["sessions"]["total_seconds"] == int((spans["max"] - spans["min"]).sum())
    watched = mine[mine["play_time_ms"] > 0]
    watching = found["habits"]["watching"]
    assert watching["videos"] == len(watched)
    assert watching["watch_seconds"] == pytest.approx(watched["play_time_ms"].sum() / 1000)
    rated = watched[watched["duration_ms"] > 0]
    rate = (rated["play_time_ms"] / rated["duration_ms"]).clip(upper=1).mean()
    assert watching["completion_rate"] == pytest.approx(rate, abs=1e-3)
    weights: dict[str, float] = {}
    for one in calls:
        weight = interests.weight(str(one.event), one.properties.get("completion"))
        age = (now - one.time).total_seconds() / 86_400
        for tag in {*one.properties.get("tags", [])}:
            weights[tag] = weights.get(tag, 0.0) + weight * 0.5 ** (age / 14)
    total = sum(weight for weight in weights.values() if weight > 0)
    assert len(found["interests"]) >= 5
    for one in found["interests"]:
        assert one["weight"] == pytest.approx(weights[one["tag"]], rel=1e-3)
        assert one["share"] == pytest.approx(weights[one["tag"]] / total, rel=1e-3)


async def test_a_portrait_reads_no_event(running: Running) -> None:
    """However long the timeline: the sums are enough, and the timeline is not touched."""
    await take(running, *(call(user_id="u1", message_id=f"m{n}", after=n * 600) for n in range(300)))
    before = await portrait(running, "user_id:u1")
    async with running.db.transaction() as session:
        await session.execute(text("DELETE FROM events"))
    assert await portrait(running, "user_id:u1") == before
    took = []
    for _ in range(20):
        began = time.perf_counter()
        await portrait(running, "user_id:u1")
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0)
    # The measure of the target is tests/profile/measure_portrait.py; this only notices a scan.
    assert min(took) < 0.05


def test_a_wrong_time_zone_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARQUEE_TIME_ZONE", "Mars/Olympus")
    aggregates.terms.cache_clear()
    with pytest.raises(aggregates.UnknownZone, match="Mars"):
        aggregates.terms()
    monkeypatch.setenv("MARQUEE_TIME_ZONE", "Asia/Tokyo")
    monkeypatch.setenv("MARQUEE_INTEREST_HALF_LIFE_DAYS", "7")
    assert aggregates.terms() == ("Asia/Tokyo", 7 * 86_400)
    aggregates.terms.cache_clear()


async def test_what_programs_do_in_his_name_is_told_as_such_and_counted_nowhere(running: Running) -> None:
    agent = {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
    came = {"campaign": {"source": "spring", "medium": "mail", "name": "s"}}
    liked = {"content_id": "v1", "tags": ["anime"]}
    async with running.db.transaction() as session:
        calls = [
            call(user_id="u1", properties=liked, context=agent | came),
            call(user_id="u1", properties={"tags": ["music"]}),
            call(user_id="u1", event="Order Completed", properties={"revenue": 5}, context=agent),
        ]
        await absorb(session, calls)
        told = [fact for fact, _ in outbox.effects(session).told if isinstance(fact, EventRecorded)]
    assert [one.bot for one in told] == ["agent", UNSET, "agent"]
    async with running.db.transaction() as session:
        again, _ = await snapshots.recorded(session, None, 10)
    assert sorted(again, key=lambda one: one.event_id) == sorted(told, key=lambda one: one.event_id)
    found = await portrait(running, "user_id:u1")
    assert (found["interactions"], found["bots"], found["spending"]) == ({"Content Liked": 1}, 2, [])
    assert [one["tag"] for one in found["interests"]] == ["music"]
    assert found["first_touch"] is found["last_touch"] is None
    assert sum(map(sum, found["habits"]["hours"])) == 1
