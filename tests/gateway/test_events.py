"""Tracking calls over HTTP: what is taken in, what is refused and how that is counted; clients nobody has modified."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import rudderstack.analytics.client as rudder
import segment.analytics.client as segment

from gateway.edge import turned
from gateway.edge.turned import TurnedAway
from gateway.rules.events import Turned
from shared.contracts import MESSAGE_BYTES, PARTITIONS, EventsRejected, partition
from tests.gateway.conftest import TRACK, WRITE_KEY, Gateway


@pytest.mark.parametrize(
    ("paths", "body"),
    [
        (("track", "t"), TRACK),
        (("identify", "i"), {"userId": "u1", "traits": {"age": 20}}),
        (("page", "p"), {"anonymousId": "a1", "name": "Home"}),
        (("screen", "s"), {"anonymousId": "a1", "name": "Home"}),
        (("group", "g"), {"userId": "u1", "groupId": "g1", "traits": {"plan": "free"}}),
        (("alias", "a"), {"userId": "u1", "previousId": "a1"}),
    ],
)
async def test_every_call_and_its_twin(gateway: Gateway, paths: tuple[str, str], body: dict[str, Any]) -> None:
    for path in paths:
        answer = await gateway.front.post(f"/v1/{path}", json={**body, "messageId": path})
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    events = await gateway.received()
    assert [(event.message_id, event.type) for event in events] == [(path, paths[0]) for path in paths]
    first = events[0]
    assert first.source == "testwritekey"
    assert first.context["ip"] == "127.0.0.1"
    assert first.context["userAgent"].startswith("python-httpx")
    assert (first.user_id, first.anonymous_id) == (body.get("userId"), body.get("anonymousId"))
    assert first.traits == body.get("traits", {})


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b"])
async def test_a_batch_keeps_the_good_and_lists_the_bad(gateway: Gateway, path: str) -> None:
    body = {"batch": [{**TRACK, "type": "track", "messageId": "m0"}, {"type": "track", "messageId": "m1"}]}
    answer = await gateway.front.post(path, json=body)
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "refused": [
            {
                "index": 1,
                "message_id": "m1",
                "field": "userId",
                "code": "missing_id",
                "reason": "userId or anonymousId is required",
            }
        ],
    }
    assert [event.message_id for event in await gateway.received()] == ["m0"]


async def test_a_batch_of_nothing_but_bad_events_is_refused(gateway: Gateway) -> None:
    answer = await gateway.front.post("/v1/batch", json={"batch": [{"type": "track"}, {"type": "dance"}]})
    assert answer.status_code == 400
    told = answer.json()
    assert (told["code"], len(told["refused"])) == ("all_refused", 2)
    assert told["message"]
    assert await gateway.received() == []


async def test_events_of_one_viewer_stay_in_order_across_batches_and_partitions(gateway: Gateway) -> None:
    viewers = [f"u{n}" for n in range(40)]
    told = 0

    async def send(client: int) -> None:
        nonlocal told
        for turn in range(6):
            batch = [
                {"type": "track", "userId": viewer, "event": "E", "messageId": f"{viewer}-{turn}-{n}"}
                for n in range(10)
                for viewer in viewers[client::4]
            ]
            answer = await gateway.front.post("/v1/batch", json={"batch": batch})
            assert answer.json() == {"success": True}
            told += len(batch)

    await asyncio.gather(*(send(client) for client in range(4)))
    events = await gateway.received()
    assert len(events) == told == 40 * 60
    for viewer in viewers:
        mine = [event.message_id for event in events if event.user_id == viewer]
        assert mine == [f"{viewer}-{turn}-{n}" for turn in range(6) for n in range(10)]
    messages = await gateway.bus.messages("INTAKE")
    assert all(
        partition(event["user_id"]) == message.part
        for message in messages
        for event in json.loads(bytes(message.items))
    )
    assert {message.part for message in messages} <= set(range(PARTITIONS))
    assert len(messages) < told / 4, "events are gathered into messages"
    assert {(message.producer, message.n, message.kind) for message in messages} == {
        ("gateway", 0, "events.received.v1")
    }


async def test_a_large_batch_of_one_viewer_is_several_messages(gateway: Gateway) -> None:
    text = "x" * 30_000
    batch = [{**TRACK, "type": "track", "messageId": f"m{n}", "properties": {"text": text}} for n in range(16)]
    answer = await gateway.front.post("/v1/batch", json={"batch": batch})
    assert answer.json() == {"success": True}
    assert [event.message_id for event in await gateway.received()] == [f"m{n}" for n in range(16)]
    sizes = [len(msgspec.json.encode(message)) for message in await gateway.bus.messages("INTAKE")]
    assert len(sizes) == 4
    assert max(sizes) <= 128 * 1024


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"not json", 400, "invalid_json", None),
        (b"", 400, "invalid_json", None),
        (b"[1]", 400, "wrong_type", None),
        (b'{"userId": 5, "event": "E"}', 400, "wrong_type", "userId"),
        (b'{"event": "E"}', 400, "missing_id", "userId"),
        (b'{"userId": "u", "event": "E", "properties": {"a": "\\u0000"}}', 400, "invalid_text", "properties.a"),
        (b'{"userId": "u", "event": "E", "properties": {"a": NaN}}', 400, "invalid_json", None),
        (b'{"userId": "u", "event": "E", "properties": {"a": "\\udfff"}}', 400, "invalid_json", None),
        (b'{"userId": "u", "event": "E", "timestamp": "2200-01-01T00:00:00Z"}', 400, "time_in_future", "timestamp"),
        (b'{"userId": "u", "event": "E", "timestamp": 1}', 400, "time_too_old", "timestamp"),
        (b'{"userId": "u", "event": "E", "p": ' + b"[" * 30 + b"]" * 30 + b"}", 400, "too_deep", None),
        (b'{"userId": "u", "event": "E", "p": "' + b"x" * 33_000 + b'"}', 413, "too_large", None),
    ],
)
async def test_bad_input_is_refused_and_nothing_changes(
    gateway: Gateway, body: bytes, status: int, code: str, field: str | None
) -> None:
    answer = await gateway.front.post("/v1/track", content=body)
    assert answer.status_code == status
    told = answer.json()
    assert (told["code"], bool(told["message"])) == (code, True)
    if field:
        assert told["field"] == field
    assert await gateway.received() == []


@pytest.mark.parametrize("packed", [False, True])
async def test_an_unmodified_segment_client_delivers(gateway: Gateway, packed: bool) -> None:
    failures: list[Exception] = []

    def send() -> None:
        client = segment.Client(
            WRITE_KEY, host=gateway.url, gzip=packed, on_error=lambda error, _: failures.append(error)
        )
        client.identify("u1", {"age": 20})
        for n in range(250):
            client.track("u1", "Content Liked", {"content_id": n, "when": datetime.now(UTC)})
        client.page(anonymous_id="a1", name="Home")
        client.screen("u1", name="Home")
        client.group("u1", "g1", {"plan": "free"})
        client.alias("a1", "u1")
        client.shutdown()

    await asyncio.to_thread(send)
    assert failures == []
    events = await gateway.received()
    kinds = [event.type for event in events]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "identify": 1, "track": 250, "page": 1, "screen": 1, "group": 1, "alias": 1,
    }  # fmt: skip
    liked = [event.properties["content_id"] for event in events if event.type == "track"]
    assert liked == list(range(250))


async def test_an_unmodified_rudderstack_client_delivers(gateway: Gateway) -> None:
    failures: list[Exception] = []

    def send() -> None:
        client = rudder.Client(WRITE_KEY, host=gateway.url, on_error=lambda error, _: failures.append(error))
        for n in range(120):
            client.track("u1", "Content Liked", {"content_id": n})
        client.identify("u1", {"age": 20})
        client.flush()
        client.join()

    await asyncio.to_thread(send)
    assert failures == []
    assert len(await gateway.received()) == 121


async def test_what_is_refused_is_counted_and_told(gateway: Gateway) -> None:
    """By write key, event and reason: SDKs read no reasons. A stranger's calls are not counted."""
    bad = {"type": "track", "event": "Content Liked", "messageId": "m9"}
    await gateway.front.post("/v1/batch", json={"batch": [{**TRACK, "type": "track"}, bad, bad]})
    await gateway.front.post("/v1/identify", json={"userId": "u1", "timestamp": "1999-01-01", "messageId": "m7"})
    await gateway.front.post("/v1/track", content=b"{")
    record = base64.b64encode(json.dumps({"type": "track", "event": "Played", "distinct_id": ""}).encode())
    await gateway.front.post("/sa", content=b"data_list=" + base64.b64encode(b"[" + base64.b64decode(record) + b"]"))
    await gateway.stranger.post("/v1/track", json={})
    await gateway.memory.tell_turned_away()
    await gateway.memory.tell_turned_away()
    messages = [one for one in await gateway.bus.messages("INTAKE") if one.kind == EventsRejected.kind]
    assert len(messages) == 1
    told = msgspec.json.decode(messages[0].items, type=list[EventsRejected])
    assert [(one.source, one.event, one.code, one.field, one.number, one.message_id) for one in told] == [
        ("testwritekey", "Content Liked", "missing_id", "userId", 2, "m9"),
        ("testwritekey", "(identify)", "time_too_old", "timestamp", 1, "m7"),
        ("testwritekey", "(unread)", "invalid_json", "", 1, None),
        ("testwritekey", "Played", "missing_id", "distinct_id", 1, None),
    ]


def test_whoever_invents_names_fills_no_memory() -> None:
    away = TurnedAway()
    at = datetime.now(UTC)
    for number in range(3 * turned.MOST):
        away.note("k", [Turned(f"e{number}" * 20, "missing_id", "userId", "x" * 900, "m" * 100)], at)
    told = away.take()
    assert len(told) == turned.MOST + 1
    assert sum(one.number for one in told) == 3 * turned.MOST
    assert told[-1].event == turned.OTHERS
    assert len(msgspec.json.encode(turned.message(told, "gateway"))) < MESSAGE_BYTES
    assert away.take() == []
