"""Events that are not as their type says: kept and counted, cleaned, or refused, listed and taken in again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text

from services.profile.actions import refused
from services.profile.actions.events import absorb
from services.profile.tables import events, refused_events
from shared import audit, clock, outbox
from shared.contracts import EventReceived, EventRecorded, Fact
from shared.database import Database
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.profile.samples import NOON, call

LIKE: dict[str, Any] = {
    "type": "object",
    "required": ["content_id"],
    "properties": {"content_id": {"type": "string"}, "position": {"type": "number"}},
}


async def give(running: Running, *items: EventReceived) -> None:
    """Absorb one batch."""
    async with running.house.db.transaction() as session:
        await absorb(session, list(items))


async def recorded(running: Running) -> list[dict[str, Any]]:
    """The timeline of user u1, oldest first."""
    answer = await running.client.get("/v1/profiles/user_id:u1/events")
    return list(reversed(answer.json()["items"])) if answer.status_code == 200 else []


async def change(client: httpx.AsyncClient, **words: Any) -> None:
    """Set what Content Liked is to be like."""
    answer = await client.put("/v1/event-types/Content Liked", json={"schema": LIKE} | words)
    assert answer.status_code == 200, answer.text


async def test_observe_keeps_the_event_and_counts_what_is_wrong(running: Running) -> None:
    wrong = [call(user_id="u1", properties={"content_id": 1.5, "email": "bob@example.com"}) for _ in range(3)]
    await give(running, *wrong, call(user_id="u1", properties={"content_id": "v1"}))
    assert len(await recorded(running)) == 4
    with clock.at(NOON + timedelta(days=1)):
        shown = (await running.client.get("/v1/event-types/Content Liked")).json()
    assert shown["mode"] == "observe"
    (found,) = shown["violations"]
    assert (found["number"], found["path"], found["source"]) == (3, "properties.content_id", "web")
    assert found["rule"] == "properties/content_id/type"
    assert found["excerpt"] == "1.5"
    assert (await running.client.get("/v1/refused-events")).json()["items"] == []


async def test_strip_removes_what_the_schema_does_not_name(running: Running) -> None:
    await change(running.client, mode="strip")
    await give(running, call(user_id="u1", properties={"content_id": "v1", "secret": 1, "position": 2}))
    (event,) = await recorded(running)
    assert event["properties"] == {"content_id": "v1", "position": 2}


async def test_a_refused_event_is_listed_with_why_and_taken_in_after_the_schema_was_mended(running: Running) -> None:
    await change(running.client, mode="refuse")
    wrong = call(user_id="u1", message_id="w", properties={"content_id": 7, "email": "bob@example.com"})
    other = call(user_id="u1", message_id="x", properties={"position": "far"})
    await give(running, wrong, other, call(user_id="u1", message_id="g", properties={"content_id": "v1"}))
    assert [event["event_id"] for event in await recorded(running)] == ["g"]

    listed = (await running.client.get("/v1/refused-events?event=Content Liked")).json()["items"]
    why = {one["message_id"]: (one["path"], one["excerpt"], one["reason"]) for one in listed}
    assert why["w"] == ("properties.content_id", "7", 'the value is not of type "string"')
    assert why["x"][0] in ("properties.content_id", "properties.position")
    assert (await running.client.get("/v1/refused-events?source=other")).json()["items"] == []

    mended = {**LIKE, "properties": {"content_id": {"type": ["string", "integer"]}}}
    await change(running.client, schema=mended)
    begun = await running.client.post("/v1/refused-events/replay", json={"event": "Content Liked"})
    assert begun.status_code == 202, begun.text
    assert begun.json()["total"] == 2

    async def done() -> None:
        job = (await running.client.get(f"/v1/services/profile/jobs/{begun.json()['job_id']}")).json()
        assert (job["state"], job["done"]) == ("finished", 2), job

    await eventually(done)
    events_ = {event["event_id"]: event for event in await recorded(running)}
    assert events_.keys() == {"g", "w"}
    assert events_["w"]["time"] == wrong.time.isoformat().replace("+00:00", "Z"), "it keeps its time"
    assert events_["w"]["received_at"] == wrong.received_at.isoformat().replace("+00:00", "Z")
    left = (await running.client.get("/v1/refused-events")).json()["items"]
    assert [(one["message_id"], one["path"]) for one in left] == [("x", "properties.content_id")]


async def test_a_replay_records_once_what_was_sent_again_meanwhile(running: Running) -> None:
    await change(running.client, mode="refuse")
    wrong = call(user_id="u1", message_id="w", properties={"content_id": 7})
    await give(running, wrong)
    await give(running, wrong)
    assert len((await running.client.get("/v1/refused-events")).json()["items"]) == 1, "one place for one message"
    await change(running.client, mode="observe")
    await give(running, wrong)
    begun = await running.client.post("/v1/refused-events/replay", json={"event": "Content Liked"})

    async def done() -> None:
        job = (await running.client.get(f"/v1/services/profile/jobs/{begun.json()['job_id']}")).json()
        assert job["state"] == "finished", job

    await eventually(done)
    assert [event["event_id"] for event in await recorded(running)] == ["w"]
    assert (await running.client.get("/v1/refused-events")).json()["items"] == []
    again = await running.client.post("/v1/refused-events/replay", json={"event": "Content Liked"})
    assert again.status_code == 404
    assert "7 days" in again.json()["detail"]


async def test_what_is_replayed_a_day_later_is_history(db: Database) -> None:
    """It counts by its own time and triggers nothing, however soon it had arrived."""
    told: list[Fact] = []
    async with db.transaction() as session:
        await absorb(session, [call(user_id="u1", message_id="w")], late=NOON + timedelta(days=2))
        told += [fact for fact, _ in outbox.effects(session).told]
    assert [fact.history for fact in told if isinstance(fact, EventRecorded)] == [True]


async def test_unknown_names_can_be_refused(running: Running) -> None:
    await give(running, call(user_id="u1", event="Moon Landed"))
    refuse = await running.client.put("/v1/event-types/*", json={"mode": "refuse"})
    assert refuse.status_code == 200, refuse.text
    await give(running, call(user_id="u1", event="Mars Landed"), call("identify", user_id="u1"))
    assert [event["event"] for event in await recorded(running)] == ["Moon Landed", None]
    (one,) = (await running.client.get("/v1/refused-events")).json()["items"]
    assert (one["event"], one["path"]) == ("Mars Landed", "event")
    assert (await running.client.delete("/v1/event-types/*")).status_code == 204
    await give(running, call(user_id="u1", event="Venus Landed"))
    assert len(await recorded(running)) == 3


async def test_refused_events_go_after_seven_days(running: Running) -> None:
    await change(running.client, mode="refuse")
    await give(running, call(user_id="u1", properties={}))
    now = clock.now()
    for days, left in ((6.9, 1), (7.1, 0)):
        with clock.at(now + timedelta(days=days)):
            async with running.house.db.transaction() as session:
                await refused.forget(session)
        async with running.house.db.transaction() as session:
            assert await session.scalar(select(func.count()).select_from(refused_events)) == left


async def test_a_long_replay_goes_on_where_it_was(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "CHUNK", 3)
    await change(running.client, mode="refuse")
    await give(running, *(call(user_id="u1", message_id=f"w{n}", properties={}) for n in range(10)))
    await change(running.client, mode="observe")
    begun = await running.client.post("/v1/refused-events/replay", json={"event": "Content Liked"})

    async def done() -> None:
        job = (await running.client.get(f"/v1/services/profile/jobs/{begun.json()['job_id']}")).json()
        assert (job["state"], job["done"], job["total"]) == ("finished", 10, 10), job

    await eventually(done)
    async with running.house.db.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(events)) == 10


async def test_the_list_pages_and_masks(running: Running) -> None:
    await change(running.client, mode="refuse")
    said = {"content_id": {"email": "bob@example.com"}, "email": "eve@example.com"}
    await give(running, *(call(user_id="u1", properties=said) for _ in range(5)))
    first = (await running.client.get("/v1/refused-events?limit=3")).json()
    second = (await running.client.get("/v1/refused-events", params={"limit": 3, "cursor": first["next"]})).json()
    ids = [one["id"] for page in (first, second) for one in page["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 5
    assert second["next"] is None
    assert "bob@" not in first["items"][0]["excerpt"]


async def test_programs_are_marked_and_kept(take: Callable[..., Awaitable[list[Fact]]], db: Database) -> None:
    agent = {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
    human = {"userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"}
    app = {"userAgent": "okhttp/4.9.3"}
    await take(call(user_id="g", context=agent), call(user_id="h", context=human), call(user_id="a", context=app))
    fast = [call(user_id="f", after=n / 10) for n in range(400)]
    await take(*fast[:200])
    await take(*fast[200:])
    slow = [call(user_id="s", after=n * 3) for n in range(400)]
    await take(*slow)
    async with db.transaction() as session:
        rows = await session.execute(
            text("SELECT origin, context->>'bot' AS by, count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2")
        )
        assert [tuple(row) for row in rows] == [
            ("user_id:a", None, 1),
            ("user_id:f", "pace", 200),
            ("user_id:f", None, 200),
            ("user_id:g", "agent", 1),
            ("user_id:h", None, 1),
            ("user_id:s", None, 400),
        ]


async def test_what_was_written_stands_nowhere_in_clear(running: Running) -> None:
    """Neither the payload nor the excerpt of a refused event can be read without its viewer's key."""
    await change(running.client, mode="refuse", schema={"properties": {"text": {"type": "integer"}}})
    await give(running, call(user_id="u1", properties={"text": "my secret words", "email": "bob@example.com"}))
    async with running.house.db.transaction() as session:
        stored = str((await session.execute(text("SELECT r::text FROM refused_events r"))).scalar_one())
    assert "secret words" not in stored
    assert "bob@" not in stored
    answer = await running.client.get("/v1/refused-events")
    (shown,) = answer.json()["items"]
    assert shown["properties"]["text"] == "my secret words", "an admin may see it"
    assert answer.headers[audit.HEADER] == f"contacts.read refused:{shown['id']}", "which is written down"
    masked = await running.client.get("/v1/refused-events", headers=running.headers("operator"))
    assert masked.json()["items"][0]["properties"] == {"text": "•••", "email": "b•••@example.com"}
    assert audit.HEADER not in masked.headers
    async with running.house.db.transaction() as session:
        await session.execute(text("DELETE FROM data_keys"))
    (shown,) = (await running.client.get("/v1/refused-events")).json()["items"]
    assert shown["properties"] == {}
