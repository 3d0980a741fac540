"""Data quality is counted as it comes in: resends, refusals, late events, missing and wrong properties."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import text

from services.profile.actions import quality, refused, search, turned
from services.profile.actions.events import absorb, hear
from services.profile.rules import events as event_rules
from services.profile.rules import quality as rules
from services.profile.rules.quality import Count
from services.profile.store import quality as store
from services.profile.tables import quality_counts, quality_notes
from shared import clock
from shared.contracts import EventReceived, EventsRejected
from tests.harness.houses import Running
from tests.profile.samples import NOON, call

GOOD = {"content_id": "v1", "category": "anime", "tags": ["a"], "creator_id": "c1"}


async def take(running: Running, *items: EventReceived) -> None:
    async with running.db.transaction() as session:
        await absorb(session, list(items))


async def measured(running: Running, now: datetime = NOON + timedelta(minutes=1)) -> Any:
    async with running.db.transaction() as session:
        await quality.fold(session)
    with clock.at(now):
        async with running.db.transaction() as session:
            return (await quality.shown(session, 7)).model_dump()


async def test_every_share_is_counted_by_source_and_event(running: Running) -> None:
    once = call(user_id="u1", properties=GOOD)
    await take(running, once, once, call(user_id="u1", properties={"content_id": "v1", "category": 7, "tags": "a"}))
    await take(running, once, call("identify", user_id="u1", traits={"a": 1}), call(user_id="u1", source="app"))
    old = call(user_id="u1", source="app", time=NOON - timedelta(days=3), received_at=NOON)
    await take(running, old)
    found = await measured(running)
    by = {(one["source"], one["event"]): one for one in found["events"]}
    assert set(by) == {("web", "Content Liked"), ("web", "(identify)"), ("app", "Content Liked")}
    liked = by["web", "Content Liked"]
    assert (liked["received"], liked["recorded"], liked["duplicates"]) == (4, 2, 2)
    assert liked["shares"] == {
        "completeness": 0.875,
        "validity": 0.7143,
        "uniqueness": 0.5,
        "accepted": 1.0,
        "timeliness": 1.0,
        "humanity": 1.0,
        "freshness": 1.0,
    }
    assert by["app", "Content Liked"]["late"] == 1
    assert by["app", "Content Liked"]["shares"]["timeliness"] == 0.5
    assert by["web", "(identify)"]["score"] == 100.0
    assert found["shares"]["uniqueness"] == round(1 - 2 / 7, 4)
    assert found["worst"] == []


async def test_what_the_tracking_plan_refuses_is_no_resend(running: Running) -> None:
    answer = await running.client.put(
        "/v1/event-types/Thing Done",
        json={
            "mode": "refuse",
            "schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
        },
    )
    assert answer.status_code in (200, 201), answer.text
    await take(
        running, call(user_id="u1", event="Thing Done"), call(user_id="u1", event="Thing Done", properties={"n": 1})
    )
    one = (await measured(running))["events"][0]
    assert (one["received"], one["refused"], one["recorded"], one["duplicates"]) == (2, 1, 1, 0)
    assert one["shares"]["accepted"] == 0.5


async def test_what_the_gateway_turned_away_is_listed_with_reasons_and_counts_as_refused(running: Running) -> None:
    away = EventsRejected(
        source="web",
        event="Content Liked",
        code="missing_id",
        field="userId",
        number=3,
        reason="userId is required",
        last_at=NOON,
        message_id="m1",
    )
    later = structs.replace(away, number=1, last_at=NOON + timedelta(days=1), message_id="m2", reason="still")
    other = structs.replace(away, event="(identify)", code="invalid_time", field="timestamp", number=2)
    async with running.db.transaction() as session:
        await turned.hear(session, [away, other, later])
        await turned.hear(session, [other])
    await take(running, call(user_id="u1", properties=GOOD))
    listed = (await running.client.get("/v1/refused-events/turned-away", headers=running.headers("viewer"))).json()
    assert [(one["event"], one["code"], one["field"], one["number"]) for one in listed] == [
        ("(identify)", "invalid_time", "timestamp", 4),
        ("Content Liked", "missing_id", "userId", 4),
    ]
    assert (listed[1]["message_id"], listed[1]["reason"], listed[1]["since"]) == ("m2", "still", "2026-05-04")
    one = (await running.client.get("/v1/refused-events/turned-away", params={"event": "(identify)"})).json()
    assert one == listed[:1]
    by = {one["event"]: one for one in (await measured(running, NOON + timedelta(days=1)))["events"]}
    assert (by["Content Liked"]["received"], by["Content Liked"]["refused"]) == (5, 4)
    assert by["Content Liked"]["shares"]["accepted"] == 0.2
    assert by["Content Liked"]["duplicates"] == 0
    with clock.at(NOON + timedelta(days=30)):
        async with running.db.transaction() as session:
            await refused.forget(session)
    assert (await running.client.get("/v1/refused-events/turned-away")).json() == []


async def test_a_day_of_invented_names_is_bounded(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turned, "MOST", 2)
    monkeypatch.setattr(store, "NAMES", 3)
    for batch in ("ab", "cd", "ef"):
        facts = [
            EventsRejected(source="web", event=one, code="c", field="f", number=1, reason="r", last_at=NOON)
            for one in batch
        ]
        async with running.db.transaction() as session:
            await turned.hear(session, facts)
            await quality.fold(session)
    listed = (await running.client.get("/v1/refused-events/turned-away")).json()
    assert [(one["event"], one["field"], one["number"]) for one in listed] == [
        ("*", "", 4),
        ("a", "f", 1),
        ("b", "f", 1),
    ]
    await take(running, *(call(user_id="u1", event=f"e{n}") for n in range(6)), call(user_id="u1", event="a"))
    found = {one["event"]: one["received"] for one in (await measured(running))["events"]}
    assert found == {"a": 2, "b": 1, "*": 10}


async def test_the_plan_says_what_an_event_should_have(running: Running) -> None:
    schema = {
        "required": ["level", "room"],
        "properties": {
            "level": {"type": "integer"},
            "room": {"type": ["string", "integer"]},
            "note": {"type": "string"},
        },
    }
    answer = await running.client.put("/v1/event-types/Level Reached", json={"schema": schema})
    assert answer.is_success, answer.text
    given = [{"level": 3, "room": 7}, {"level": "3", "room": "a"}, {"room": True, "note": "x"}]
    await take(running, *(call(user_id="u1", event="Level Reached", properties=one) for one in given))
    (one,) = (await measured(running))["events"]
    assert one["shares"]["completeness"] == round(5 / 6, 4)
    assert one["shares"]["validity"] == 0.6


async def test_a_source_that_falls_silent_is_missed(running: Running) -> None:
    await take(running, *(call(user_id="u1", source="gone", properties=GOOD) for _ in range(rules.ENOUGH)))
    later = NOON + timedelta(days=20)
    await take(running, call(user_id="u1", source="web", properties=GOOD, time=later))
    found = await measured(running, later + timedelta(minutes=1))
    assert [(one["source"], one["event"], one["score"]) for one in found["events"]] == [
        ("gone", "(all)", 0.0),
        ("web", "Content Liked", 100.0),
    ]
    assert [(one["source"], one["share"]) for one in found["worst"]] == [("gone", "freshness")]
    assert (await measured(running, NOON + timedelta(days=200)))["events"] == [], "who left long ago is not missed"


async def test_what_erased_viewers_send_is_no_resend(running: Running) -> None:
    items = [call(user_id="u1", properties=GOOD), call(user_id="u2", properties=GOOD)]
    calls = [event_rules.read(item) for item in items]
    assert quality.admitted(items, calls, calls) is items
    assert quality.admitted(items, calls, calls[1:]) == items[1:]


async def test_the_worst_are_named_with_the_reason(running: Running) -> None:
    await take(running, *(call(user_id="u1", source="bad") for _ in range(rules.ENOUGH)))
    await take(running, *(call(user_id="u1", source="good", properties=GOOD) for _ in range(rules.ENOUGH)))
    worst = (await measured(running))["worst"]
    assert worst == [
        {
            "source": "bad",
            "event": "Content Liked",
            "score": worst[0]["score"],
            "share": "completeness",
            "value": 0.0,
            "why": "expected properties are missing",
        }
    ]
    stale = (await measured(running, NOON + timedelta(days=5)))["worst"]
    assert [(one["source"], one["share"]) for one in stale] == [("bad", "completeness"), ("good", "freshness")]


async def test_scores_are_kept_hour_by_hour(running: Running) -> None:
    await take(running, call("identify", user_id="u1", traits={"name": "Bob", "email": "b@example.com"}))
    await take(running, call(user_id="u2", properties=GOOD))
    async with running.db.transaction() as session:
        await search.refresh(session)
        await quality.fold(session)
    for hours in (0, 1, 1, 2):
        with clock.at(NOON + timedelta(hours=hours, minutes=5)):
            async with running.db.transaction() as session:
                await quality.snapshot(session)
    first = (await running.client.get("/v1/quality/history", params={"limit": 2})).json()
    assert [one["at"] for one in first["items"]] == ["2026-05-04T14:00:00Z", "2026-05-04T13:00:00Z"]
    second = (await running.client.get("/v1/quality/history", params={"limit": 2, "cursor": first["next"]})).json()
    assert [one["at"] for one in second["items"]] == ["2026-05-04T12:00:00Z"]
    one = (await running.client.get("/v1/quality/history", params={"source": "web", "event": "Content Liked"})).json()
    assert len(one["items"]) == 3
    viewers = (await running.client.get("/v1/quality", headers=running.headers("viewer"))).json()["viewers"]
    assert viewers == {"$name": 0.5, "$has": 0.5, "gender": 0.0, "birthday": 0.0, "city": 0.0}
    bad = await running.client.get("/v1/quality/history", params={"cursor": "eyJhdCI6IngifQ"})
    assert bad.status_code == 422


async def test_the_clock_folds_what_was_noted(running: Running, eventually: Callable[..., Awaitable[Any]]) -> None:
    today = datetime.now(UTC)
    await take(running, call(user_id="u1", time=today), call(user_id="u1", time=today))
    assert (await measured(running, today))["events"][0]["received"] == 2
    async with running.db.transaction() as session:
        assert (await session.execute(quality_notes.select())).all() == []
        assert len((await session.execute(quality_counts.select())).all()) == 1


counts = st.builds(lambda a, b, c: (a + b + c, b, c), *[st.integers(0, 1000)] * 3).flatmap(
    lambda it: st.builds(
        lambda late, bots, expected, filled, valid: Count(
            *it, min(late, it[2]), min(bots, it[2]), expected, min(filled, expected), min(valid, filled, expected)
        ),
        *[st.integers(0, 1000)] * 5,
    )
)


@given(counts, st.integers(-1000, 10**6))
def test_a_score_is_between_0_and_100(count: Count, age: int) -> None:
    shares = rules.shares(count, NOON - timedelta(seconds=age), NOON)
    assert all(0 <= share <= 1 for share in shares.values())
    assert 0 <= rules.score(shares) <= 100
    weakest = rules.weakest(shares)
    assert weakest is None or weakest[1] < 1


async def test_calls_of_nobody_are_counted_with_what_was_turned_away(running: Running) -> None:
    async with running.db.transaction() as session:
        nobodys = [call(user_id="null", event="Lost"), call(user_id="null", anonymous_id="undefined", event="Lost")]
        await hear(session, [call(user_id="u1"), *nobodys, call("identify", user_id="u2")])
        assert (await session.execute(text("SELECT count(*) FROM identities"))).scalar() == 2
    listed = (await running.client.get("/v1/refused-events/turned-away")).json()
    assert [(one["event"], one["code"], one["field"], one["number"]) for one in listed] == [
        ("Lost", "nobodys_id", "userId", 2)
    ]
    assert "'null' is nobody's id" in listed[0]["reason"]
