"""The HTTP door: shapes, states, pages, permissions, and a clear answer to every bad input."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from services.campaign.app import SERVICE, create
from services.campaign.settings import CampaignSettings
from shared import clock
from shared.app import permissions
from tests.campaign.mail import MailServer
from tests.campaign.samples import body, ended, entered, messages, start
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running

Campaign = Callable[..., Awaitable[Running]]
PATH = "/v1/campaigns/welcome"


async def test_a_campaign_from_draft_to_archive(campaign: Campaign) -> None:
    running = await campaign()
    client = running.client
    created = await client.put(PATH, json=body(html="<b>x</b>"))
    assert created.status_code == 201
    shown = created.json()
    assert (shown["key"], shown["state"], shown["version"]) == ("welcome", "draft", 1)
    assert shown["trigger"]["segment_entered"] == "likers"
    assert shown["content"]["html"] == "<b>x</b>"
    assert (await client.post(f"{PATH}/pause")).status_code == 409
    again = await client.put(PATH, json=body(html="<b>x</b>"))
    assert (again.status_code, again.json()["version"]) == (200, 1)
    renamed = await client.put(PATH, json=body(html="<b>x</b>") | {"name": "Other"})
    assert (renamed.json()["version"], renamed.json()["name"]) == (1, "Other")
    changed = await client.put(PATH, json=body())
    assert (changed.json()["version"], changed.json()["content"]["html"]) == (2, None)
    moved = await client.put(PATH, json=body({"bus": "orders.new"}))
    assert (moved.json()["version"], moved.json()["trigger"]["bus"]) == (3, "orders.new")
    assert moved.json()["trigger"]["segment_entered"] is None
    for action, state in (("start", "running"), ("start", "running"), ("pause", "paused"), ("pause", "paused")):
        answer = await client.post(f"{PATH}/{action}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    full = (await client.get(PATH)).json()
    assert full["messages"] == dict.fromkeys(
        ("planned", "claimed", "calling", "accepted", "failed", "skipped", "unknown", "held"), 0
    )
    assert (full["reasons"], full["delivery"]) == ({}, {"ready": True, "reason": None})
    assert (await client.delete(PATH)).status_code == 204
    assert (await client.delete(PATH)).status_code == 204
    assert (await client.get(PATH)).json()["state"] == "archived"
    assert (await client.get("/v1/campaigns")).json()["items"] == []
    refused = await client.put(PATH, json=body())
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/campaign-archived")


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"name": None}, "name", "string"),
    ({"name": " "}, "name", "at least 1"),
    ({"name": "x\x00"}, "name", "NUL"),
    ({"name": "x" * 201}, "name", "at most 200"),
    ({"nmae": "x"}, "", "did you mean 'name'"),
    ({"channel": "pigeon"}, "channel", "'email'"),
    ({"trigger": {}}, "trigger", "exactly one of"),
    ({"trigger": {"event": "x", "bus": "y"}}, "trigger", "exactly one of"),
    ({"trigger": {"event": None}}, "trigger", "exactly one of"),
    ({"trigger": {"segment": "likers"}}, "trigger", "unknown field; did you mean 'segment_"),
    ({"trigger": {"manual": {}}}, "trigger.manual", "exactly one of segment, list"),
    ({"trigger": {"manual": {"list": ["u1"]}}}, "trigger.manual.list[0]", "neither a profile id nor"),
    ({"time": {"at": "2026-01-01T00:00:00Z"}}, "", "time is for manual campaigns"),
    ({"rate": 0}, "rate", "greater than or equal"),
    ({"holdout": 0.9}, "holdout", "less than or equal"),
    ({"transactional": True, "holdout": 0.1}, "", "neither hold-out nor"),
    ({"conversion": {"event": "X", "within": "91d"}}, "conversion", "at most 90d"),
    ({"conversion": {"event": "X", "where": [{"property": "p"}]}}, "conversion.where[0]", "exactly one of eq"),
    ({"channel": "sms"}, "", "an SMS has none"),
    ({"quiet_hours": {"from": "25:00", "to": "08:00"}}, "quiet_hours", "pattern"),
    ({"trigger": {"segment_entered": "a b"}}, "trigger.segment_entered", "pattern"),
    ({"trigger": {"bus": "x.>"}}, "trigger.bus", "pattern"),
    ({"trigger": "likers"}, "trigger", "dict"),
    ({"content": {"subject": "x"}}, "content.body", "required"),
    ({"content": {"subject": "x", "body": "y", "text": "z"}}, "content", "unknown field"),
    ({"content": {"subject": "x" * 1001, "body": "y"}}, "content.subject", "at most 1000"),
    ({"content": {"subject": "x", "body": "y" * 65537}}, "content.body", "at most 65536"),
    ({"content": {"subject": "x", "body": "a\n{% if %}"}}, "content.body", "line 2"),
    ({"content": {"subject": "{{ x }}", "body": "y"}}, "content.subject", "line 1: 'x' is not known"),
    ({"content": {"subject": "x", "body": "y", "html": "{{ event.name }}"}}, "content.html", "'event' is not known"),
    ({"content": {"subject": "x", "body": "{% for i in (1..99999) %}.{% endfor %}"}}, "content.body", "loop"),
    ({"content": {"subject": "x", "body": "y", "missing": "panic"}}, "content.missing", "'skip'"),
]


async def test_bad_bodies_are_refused_with_their_field(campaign: Campaign) -> None:
    running = await campaign()
    for change, field, says in BAD:
        answer = await running.client.put(PATH, json=body() | change)
        assert answer.status_code == 422, (change, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        [error, *_] = answer.json()["errors"]
        assert error["field"].startswith(field), (change, error)
        assert says in error["message"], (change, error)
    assert (
        await running.client.put(PATH, content=b"{", headers={"content-type": "application/json"})
    ).status_code == 422
    assert (await running.client.put("/v1/campaigns/a%20b", json=body())).status_code == 422
    assert (await running.client.get("/v1/campaigns")).json() == {"items": [], "next": None}


async def test_what_is_not_there_is_404(campaign: Campaign) -> None:
    running = await campaign()
    for method, path in (
        ("GET", PATH), ("DELETE", PATH), ("POST", f"{PATH}/start"), ("POST", f"{PATH}/pause"),
        ("GET", f"{PATH}/messages"), ("GET", f"{PATH}/triggers"),
    ):  # fmt: skip
        answer = await running.client.request(method, path)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-campaign"), path


async def test_lists_page_through_everything_once(campaign: Campaign) -> None:
    running = await campaign(smtp_url=None)
    for number in range(5):
        await running.client.put(f"/v1/campaigns/c{number}", json=body())
    keys: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (
            await running.client.get("/v1/campaigns", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ).json()
        keys += [one["key"] for one in page["items"]]
        cursor = page["next"]
    assert keys == [f"c{number}" for number in range(5)]
    await running.client.put("/v1/campaigns/c1", json=body() | {"name": "Renamed"})
    await running.client.post("/v1/campaigns/c3/start")
    async with running.db.transaction() as session:
        await session.execute(text("UPDATE campaigns SET updated_at = '2026-01-01Z' WHERE key IN ('c0', 'c2', 'c4')"))
    keys, cursor = [], ""
    while cursor is not None:
        asked: dict[str, Any] = {"sort": "changed", "limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await running.client.get("/v1/campaigns", params=asked)).json()
        keys += [one["key"] for one in page["items"]]
        cursor = page["next"]
        if len(keys) == 2:  # what was shown moves to the front, and nothing is missed or repeated
            await running.client.post("/v1/campaigns/c3/pause")
    assert keys == ["c3", "c1", "c4", "c2", "c0"]
    by_key = (await running.client.get("/v1/campaigns", params={"limit": 1})).json()["next"]
    wrong = await running.client.get("/v1/campaigns", params={"sort": "changed", "cursor": by_key})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "cursor")
    await start(running)
    await running.tell(entered(*range(1, 161, 16)))
    found = await eventually(lambda: _messages(running, 10))
    first = (await running.client.get(f"{PATH}/messages", params={"limit": 3})).json()
    second = (await running.client.get(f"{PATH}/messages", params={"limit": 3, "cursor": first["next"]})).json()
    ids = [one["id"] for one in first["items"] + second["items"]]
    assert ids == sorted((one["id"] for one in found), reverse=True)[:6]
    planned = (await running.client.get(f"{PATH}/messages", params={"state": "planned"})).json()
    assert len(planned["items"]) == 10
    assert (await running.client.get(f"{PATH}/messages", params={"state": "accepted"})).json()["items"] == []


async def _messages(running: Running, number: int) -> list[dict[str, Any]]:
    found = await messages(running)
    assert len(found) == number
    return found


async def test_bad_questions_are_refused(campaign: Campaign) -> None:
    running = await campaign()
    await start(running)
    client = running.client
    foreign = (await client.get("/v1/campaigns", params={"limit": 1})).json()["next"]
    assert foreign is None
    for params in ({"limit": 0}, {"limit": 201}, {"cursor": "x"}, {"cursor": "eyJrZXkiOiAiYSJ9"}, {"state": "lost"}):
        assert (await client.get(f"{PATH}/messages", params=params)).status_code == 422, params
    huge = "eyJpZCI6IDk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTl9"
    assert (await client.get(f"{PATH}/messages", params={"cursor": huge})).status_code == 422
    assert (await client.get("/v1/campaigns", params={"cursor": huge})).status_code == 422
    assert (await client.get(f"{PATH}/triggers")).status_code == 422


async def test_roles(campaign: Campaign) -> None:
    running = await campaign()
    viewer, operator = running.headers("viewer"), running.headers("operator")
    assert (await running.client.put(PATH, json=body(), headers=viewer)).status_code == 403
    assert (await running.client.put(PATH, json=body(), headers=operator)).status_code == 201
    assert (await running.client.post(f"{PATH}/start", headers=viewer)).status_code == 403
    assert (await running.client.delete(PATH, headers=viewer)).status_code == 403
    assert (await running.client.get(PATH, headers=viewer)).status_code == 200
    assert (await running.client.get(PATH, headers={"x-marquee-caller": "me"})).status_code == 401


async def test_a_repeated_put_with_an_idempotency_key_is_answered_from_memory(campaign: Campaign) -> None:
    running = await campaign()
    first = await running.client.put(PATH, json=body(), headers={"idempotency-key": "k1"})
    second = await running.client.put(PATH, json=body(), headers={"idempotency-key": "k1"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()


def test_every_route_declares_who_may_call_it() -> None:
    declared = permissions(create(_settings()).routes)
    ours = {route: name for route, name in declared.items() if "/v1/campaigns" in route}
    assert len(ours) == 25
    assert {name for route, name in ours.items() if route.startswith("GET")} == {"campaign:read"}
    assert {name for route, name in ours.items() if route.endswith(("/approve", "/reject"))} == {"campaign:approve"}
    looks = ("/approve", "/reject", "/estimate", "/preview")
    rest = {name for route, name in ours.items() if not route.startswith("GET") and not route.endswith(looks)}
    assert rest == {"campaign:write"}


def _settings(**options: Any) -> CampaignSettings:
    needed = {"database_url": "postgresql://x", "nats_url": "x", "nats_monitor_url": "x", "secret": "s" * 32}
    return CampaignSettings.model_validate(needed | options)


async def test_bad_settings_end_the_start_without_showing_the_password(open_house: Callable[..., Opening]) -> None:
    for bad in ({"smtp_url": "http://user:hunter2@mail"}, {"mail_from": "nobody"}):
        with pytest.raises(ValueError, match=r"MARQUEE_SMTP_URL must look like|not an e-mail address") as caught:
            await open_house(SERVICE, **bad)
        assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(_settings(smtp_url="smtp://u:hunter2@mail"))
    with pytest.raises(ValueError, match="smtp_connections") as caught:
        _settings(smtp_url="smtp://u:hunter2@mail", smtp_connections=0)
    assert "hunter2" not in str(caught.value)


async def test_an_empty_address_is_no_server(campaign: Campaign) -> None:
    running = await campaign(smtp_url="")
    await start(running)
    assert (await running.client.get(PATH)).json()["delivery"]["ready"] is False


async def test_messages_are_counted_by_the_day_they_ended(campaign: Campaign, mail: MailServer) -> None:
    running = await campaign()
    await start(running)
    await running.tell(entered(1), entered(2))
    await eventually(lambda: ended(running, 2))
    for zone in ("UTC", "Asia/Shanghai"):
        told = (await running.client.get("/v1/campaigns/-/days", params={"days": "2", "zone": zone})).json()
        assert (len(told["days"]), told["zone"]) == (2, zone)
        assert sum(day["states"].get("accepted", 0) for day in told["days"]) == 2
    async with running.db.transaction() as session:
        noon, later = "timestamptz '2026-01-02 12:00Z'", "interval '2 hours' * (profile_id - 1)"
        await session.execute(text(f"UPDATE messages SET finished_at = {noon} + {later}"))
    for zone in ("UTC", "Asia/Shanghai"):
        with clock.at(datetime(2026, 1, 3, 13, tzinfo=UTC)):
            told = (await running.client.get("/v1/campaigns/-/days", params={"days": "2", "zone": zone})).json()
        assert [day["states"] for day in told["days"]] == [{"accepted": 2}, {}]
        assert [day["so_far"] for day in told["days"]] == [{"accepted": 1}, {}]
    wrong = await running.client.get("/v1/campaigns/-/days", params={"zone": "x"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "zone")
