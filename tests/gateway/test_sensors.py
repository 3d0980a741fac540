"""神策 records at `/sa`: who is meant, what becomes of presets and traits, and what its SDKs hear."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
import sensorsanalytics

from gateway.rules import sensors as rules
from gateway.rules.events import Arrival
from shared.contracts import EventReceived
from tests.gateway.conftest import WRITE_KEY, Gateway

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)

_event = msgspec.json.Decoder(EventReceived)


def record(type: str = "track", **fields: Any) -> dict[str, Any]:
    """A record as SDKs write it, at noon."""
    given = {"type": type, "time": MS, "distinct_id": "d1", "properties": {}, **fields}
    return given | ({"event": "VideoPlay"} if type == "track" and "event" not in fields else {})


def calls(*records: dict[str, Any]) -> list[EventReceived]:
    """The calls that these become; none may be refused."""
    reading = rules.many([json.dumps(one).encode() for one in records], Arrival(NOW, "key"))
    assert reading.refused == []
    return [_event.decode(one.item) for one in reading.accepted]


def why(one: dict[str, Any]) -> tuple[str | None, str]:
    """Why a record is refused: field and reason."""
    reading = rules.many([json.dumps(one).encode()], Arrival(NOW, "key"))
    assert reading.accepted == []
    return reading.refused[0]["field"], reading.refused[0]["reason"]


def packed(value: Any, *, zipped: bool) -> str:
    """A value as it stands in a form."""
    raw = json.dumps(value).encode()
    return base64.b64encode(gzip.compress(raw) if zipped else raw).decode()


@pytest.mark.parametrize(
    ("fields", "user", "anonymous"),
    [
        ({}, None, "d1"),
        ({"properties": {"$is_login_id": True}}, "d1", None),
        ({"login_id": "u1", "anonymous_id": "a1", "distinct_id": "u1"}, "u1", "a1"),
        ({"login_id": "u1"}, "u1", "d1"),
        ({"identities": {"$identity_login_id": "u1", "$identity_cookie_id": "c1"}}, "u1", "c1"),
        ({"distinct_id": 42}, None, "42"),
    ],
)
def test_who_is_meant(fields: dict[str, Any], user: str | None, anonymous: str | None) -> None:
    (call,) = calls(record(**fields))
    assert (call.user_id, call.anonymous_id) == (user, anonymous)
    assert "$is_login_id" not in call.properties


def test_a_phone_number_is_no_anonymous_id() -> None:
    """It goes where profile makes a blind index of it."""
    (call,) = calls(record(distinct_id="$identity_mobile+13800000000", identities={"$identity_mobile": "13800000000"}))
    assert (call.user_id, call.anonymous_id) == (None, None)
    assert call.context["externalIds"] == [{"id": "13800000000", "type": "phone"}]


def test_a_sign_up_links_both_ids() -> None:
    """And the login id as it was used by who left out is_login_id."""
    first, second, event = calls(record("track_signup", distinct_id="u1", original_id="a1", event="$SignUp"))
    assert (event.type, event.event, event.user_id) == ("track", "Signed Up", "u1")
    assert [(one.type, one.user_id, one.previous_id) for one in (first, second)] == [
        ("alias", "u1", "a1"),
        ("alias", "u1", "u1"),
    ]
    assert len({one.message_id for one in (event, first, second)}) == 3


def test_presets_find_their_place() -> None:
    properties = {
        "$lib": "js",
        "$lib_version": "1.27",
        "$utm_source": "bili",
        "$utm_campaign": "spring",
        "$os": "iOS",
        "$browser": "Safari",
        "$browser_version": "18",
        "$model": "iPhone",
        "$ip": "10.1.2.3",
        "$timezone_offset": -480,
        "$url": "https://m.example/v/1",
        "content_id": "v1",
        "$is_first_day": True,
    }
    (call,) = calls(record(event="Content Liked", properties=properties))
    assert call.properties == {"content_id": "v1", "$is_first_day": True}
    assert call.context == {
        "library": {"name": "js", "version": "1.27"},
        "campaign": {"source": "bili", "name": "spring"},
        "os": {"name": "iOS"},
        "browser": {"name": "Safari", "version": "18"},
        "device": {"model": "iPhone"},
        "ip": "10.1.2.3",
        "timezone": "+08:00",
        "page": {"url": "https://m.example/v/1"},
    }


def test_views_and_clicks_are_ours() -> None:
    page, screen, click = calls(
        record(event="$pageview", properties={"$title": "Home", "$url": "https://m.example/"}),
        record(event="$AppViewScreen", properties={"$screen_name": "Main"}),
        record(event="$WebClick", properties={"$element_content": "Buy"}),
    )
    assert (page.type, page.properties) == ("page", {"title": "Home", "url": "https://m.example/", "name": "Home"})
    assert (screen.type, screen.properties) == ("screen", {"name": "Main"})
    assert (click.type, click.event, click.properties) == ("track", "Button Clicked", {"text": "Buy"})


@pytest.mark.parametrize(
    ("kind", "given", "traits", "operations"),
    [
        ("profile_set", {"plan": "vip", "$city": "Xi'an"}, {"plan": "vip", "city": "Xi'an"}, {}),
        ("profile_set_once", {"first": 1}, {"first": 1}, {"first": "set_once"}),
        ("profile_increment", {"coins": 5}, {"coins": 5}, {"coins": "increment"}),
        ("profile_append", {"likes": ["a"]}, {"likes": ["a"]}, {"likes": "append"}),
        ("profile_unset", {"plan": True}, {"plan": None}, {}),
    ],
)
def test_what_is_said_of_traits(
    kind: str, given: dict[str, Any], traits: dict[str, Any], operations: dict[str, str]
) -> None:
    (call,) = calls(record(kind, properties=given | {"$is_login_id": True}))
    assert (call.type, call.user_id, call.traits) == ("identify", "d1", traits)
    assert (call.operations or {}) == operations


@pytest.mark.parametrize(
    ("given", "field", "word"),
    [
        (record("profile_delete"), "type", "erased"),
        (record("item_set"), "type", "/v1/items"),
        (record("track_id_unbind"), "type", "apart"),
        (record("video"), "type", "one of"),
        (record(event=""), "event", "name"),
        (record(distinct_id=""), "distinct_id", "required"),
        (record(distinct_id={}), "distinct_id", "text"),
        (record("profile_set"), "properties", "needs"),
        (record("profile_increment", properties={"n": "1"}), "properties.n", "numbers"),
        (record("profile_append", properties={"n": "1"}), "properties.n", "lists"),
        (record("track_signup", event="$SignUp"), "original_id", "needs"),
        (record(time="noon"), "time", "milliseconds"),
        (record(time=MS + 3 * 86_400_000), "timestamp", "future"),
        (record(event="x" * 600), "event", "512"),
        (record(properties=[1]), "properties", "object"),
        (record(properties={"a": "\0"}), "properties.a", "NUL"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_the_place(given: dict[str, Any], field: str, word: str) -> None:
    at, reason = why(given)
    assert at == field
    assert word in reason


def test_times_are_theirs() -> None:
    (exact,) = calls(record(time=MS - 5000))
    assert exact.time.timestamp() * 1000 == MS - 5000
    (seconds,) = calls(record(time=MS // 1000 - 5))
    assert seconds.time.timestamp() == MS // 1000 - 5
    (corrected,) = calls(record(time=MS - 3_600_000 - 5000, _flush_time=MS - 3_600_000))
    assert corrected.time.timestamp() * 1000 == MS - 5000, "the client's clock is an hour late"


def test_a_resend_is_the_same_message_and_equal_records_of_one_request_are_not() -> None:
    one = record(_track_id=77)
    first = calls(one, one, record())
    again = calls({**one, "_flush_time": MS}, one, record())
    assert [call.message_id for call in first] == [call.message_id for call in again]
    assert len({call.message_id for call in first}) == 3
    assert first[0].message_id.startswith("sa-77-")


@pytest.mark.parametrize("zipped", [False, True])
async def test_forms_lists_and_beacons(gateway: Gateway, zipped: bool) -> None:
    client, now = gateway.stranger, int(time.time() * 1000)
    one = record(time=now)
    flag = {"gzip": "1"} if zipped else {}
    for path in (f"/sa?project={WRITE_KEY}", f"/sa?token={WRITE_KEY}", f"/sa.gif?project={WRITE_KEY}"):
        answer = await client.post(path, data={"data": packed(one, zipped=zipped), **flag})
        assert (answer.status_code, answer.json()) == (200, {"success": True}), answer.text
    listed = [record(time=now, event=f"E{n}") for n in range(3)]
    answer = await client.post(f"/sa?project={WRITE_KEY}", data={"data_list": packed(listed, zipped=zipped), **flag})
    assert answer.status_code == 200
    query = urlencode({"data": packed(record(time=now, event="Seen"), zipped=zipped), "project": WRITE_KEY})
    pixel = await client.get(f"/sa.gif?{query}")
    assert (pixel.status_code, pixel.headers["content-type"]) == (200, "image/gif")
    assert pixel.content[:6] == b"GIF89a"
    inside = await client.post("/sa", data={"data": packed({**one, "token": WRITE_KEY, "event": "In"}, zipped=zipped)})
    assert inside.status_code == 200
    names = {event.event for event in await gateway.received()}
    assert names == {"VideoPlay", "E0", "E1", "E2", "Seen", "In"}


async def test_what_the_door_refuses(gateway: Gateway) -> None:
    client = gateway.stranger
    good = packed(record(time=int(time.time() * 1000)), zipped=True)
    bomb = base64.b64encode(gzip.compress(b"[" + b" " * 3_000_000 + b"]")).decode()
    for path, form, status, word in (
        ("/sa", {"data": good}, 401, "write key"),
        ("/sa?project=pk_unknown", {"data": good}, 401, "write key"),
        (f"/sa?project={WRITE_KEY}", {}, 400, "data"),
        (f"/sa?project={WRITE_KEY}", {"data": "%%%"}, 400, "base64"),
        (f"/sa?project={WRITE_KEY}", {"data": base64.b64encode(b"\x1f\x8bno").decode()}, 400, "gzip"),
        (f"/sa?project={WRITE_KEY}", {"data_list": base64.b64encode(b"[]").decode()}, 400, "no records"),
        (f"/sa?project={WRITE_KEY}", {"data_list": bomb}, 413, "bytes"),
        (f"/sa?project={WRITE_KEY}", {"data": packed(record("profile_delete"), zipped=True)}, 400, "erased"),
    ):
        answer = await client.post(path, data=form)
        assert (answer.status_code, word in answer.json()["message"]) == (status, True), answer.text
    listed = packed([record("profile_delete"), record("item_set")], zipped=True)
    answer = await client.post(f"/sa?project={WRITE_KEY}", data={"data_list": listed})
    assert answer.status_code == 200, "an SDK would send it again for ever"
    assert [one["index"] for one in answer.json()["refused"]] == [0, 1]
    assert await gateway.received() == []


async def test_pages_may_send_and_the_document_says_how(gateway: Gateway) -> None:
    asked = {"Origin": "https://m.example", "Access-Control-Request-Method": "POST"}
    answer = await gateway.stranger.options("/sa", headers=asked)
    assert answer.status_code == (await gateway.stranger.options("/v1/track", headers=asked)).status_code
    sent = await gateway.stranger.post(
        f"/sa?project={WRITE_KEY}",
        data={"data": packed(record(time=int(time.time() * 1000)), zipped=True)},
        headers=asked,
    )
    assert sent.headers["access-control-allow-origin"] == "https://m.example"
    assert (await gateway.admin.get("/openapi.json")).json()["paths"]["/sa"].keys() == {"get", "post"}


@pytest.mark.parametrize("kind", ["default", "batch"])
async def test_the_unmodified_sdk_delivers(gateway: Gateway, kind: str) -> None:
    """It packs always, and raises for any answer but a good one."""
    url = f"{gateway.url}/sa?project={WRITE_KEY}"

    def deliver() -> None:
        consumer = sensorsanalytics.DefaultConsumer(url) if kind == "default" else sensorsanalytics.BatchConsumer(url)
        sdk = sensorsanalytics.SensorsAnalytics(consumer)
        for number in range(60):
            sdk.track("u1", "VideoPlay", {"content_id": "v1", "n": number // 30}, is_login_id=True)
        sdk.track_signup("u1", "a1")
        sdk.profile_set("u1", {"plan": "vip"}, is_login_id=True)
        sdk.profile_increment("u1", {"coins": 2}, is_login_id=True)
        sdk.profile_unset("u1", ["plan"], is_login_id=True)
        sdk.close()

    await asyncio.to_thread(deliver)
    got = await gateway.received()
    assert sum(event.event == "VideoPlay" for event in got) == 60
    assert len({event.message_id for event in got}) == len(got) == 60 + 3 + 3
    assert [event.operations for event in got if event.operations] == [{"coins": "increment"}]
