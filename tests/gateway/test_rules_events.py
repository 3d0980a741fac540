"""What is taken in and what is refused, without a server."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules import events as rules
from gateway.rules.events import Arrival, Refused
from shared.contracts import EventReceived
from shared.contracts.events import Call
from tests.gateway.conftest import TRACK

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ARRIVAL = Arrival(NOW, "key1", "192.0.2.7", "Agent/1")


@pytest.mark.parametrize("field", ["userId", "anonymousId", "previousId"])
@pytest.mark.parametrize(
    ("text", "is_address"),
    [
        ("bob@example.com", True),
        (" 张三@例子.中国 ", True),
        ("+86 138-1234-5678", True),
        ("13812345678", False),
        ("@bob", False),
        ("bob@", False),
        ("a@b@c", False),
        ("+12", False),
        ("u+1@x y", False),
    ],
)
def test_an_address_is_no_id_unless_it_is_said_to_be(field: str, text: str, is_address: bool) -> None:
    sent = {"userId": "u1", "anonymousId": "a1", "previousId": "p1", field: text}
    body = json.dumps(sent).encode()
    assert rules.one(body, "alias", ARRIVAL).item
    strict = dataclasses.replace(ARRIVAL, addresses=False)
    if is_address:
        with pytest.raises(Refused, match="in the traits of an identify call") as raised:
            rules.one(body, "alias", strict)
        assert (raised.value.code, raised.value.field) == ("contact_as_id", field)
        assert text.strip() not in raised.value.message
    else:
        assert rules.one(body, "alias", strict).item


def one(body: object, call: Call = "track") -> EventReceived:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return msgspec.json.decode(rules.one(raw, call, ARRIVAL).item, type=EventReceived)


def many(body: object) -> rules.Reading:
    return rules.many(body if isinstance(body, bytes) else json.dumps(body).encode(), ARRIVAL)


def refused(body: object, call: Call = "track") -> Refused:
    with pytest.raises(Refused) as caught:
        one(body, call)
    return caught.value


@pytest.mark.parametrize(
    ("body", "call", "code", "field"),
    [
        (b"", "track", "invalid_json", None),
        (b"{", "track", "invalid_json", None),
        (b"nonsense", "track", "invalid_json", None),
        (b'{"userId": "u", "event": "E", "properties": {"a": NaN}}', "track", "invalid_json", None),
        (b'{"userId": "u", "event": "E", "properties": {"a": Infinity}}', "track", "invalid_json", None),
        (b'{"userId": "u", "event": "E", "properties": {"a": "\\ud800"}}', "track", "invalid_json", None),
        (b'{"userId": "\xff", "event": "E"}', "track", "invalid_json", None),
        (b"[]", "track", "wrong_type", None),
        (b'"text"', "track", "wrong_type", None),
        ({**TRACK, "userId": 7}, "track", "wrong_type", "userId"),
        ({**TRACK, "properties": []}, "track", "wrong_type", "properties"),
        ({**TRACK, "timestamp": True}, "track", "wrong_type", "timestamp"),
        ({**TRACK, "event": {"a": 1}}, "track", "wrong_type", "event"),
        ({"event": "E"}, "track", "missing_id", "userId"),
        ({"event": "E", "userId": "", "anonymousId": None}, "track", "missing_id", "userId"),
        ({"event": "E", "userId": " \t"}, "track", "blank", "userId"),
        ({"event": " ", "userId": "u"}, "track", "blank", "event"),
        ({"userId": "u"}, "track", "missing_event", "event"),
        ({"userId": "u"}, "alias", "missing_id", "previousId"),
        ({"anonymousId": "a", "previousId": "p"}, "alias", "missing_id", "userId"),
        ({"userId": "u"}, "group", "missing_id", "groupId"),
        ({**TRACK, "properties": {"a": "x\x00y"}}, "track", "invalid_text", "properties.a"),
        ({**TRACK, "userId": "\x00"}, "track", "invalid_text", "userId"),
        ({**TRACK, "properties": {"list": [1, {"deep": "\x00"}]}}, "track", "invalid_text", "properties.list[1].deep"),
        ({**TRACK, "properties": {"a\x00": 1}}, "track", "invalid_text", "properties"),
        ({**TRACK, "userId": "u" * 513}, "track", "too_long", "userId"),
        ({**TRACK, "timestamp": "yesterday"}, "track", "invalid_time", "timestamp"),
        ({**TRACK, "timestamp": 1e300}, "track", "invalid_time", "timestamp"),
        ({**TRACK, "timestamp": "2026-05-02T12:00:01Z"}, "track", "time_in_future", "timestamp"),
        ({**TRACK, "timestamp": "2004-12-31T23:59:59Z"}, "track", "time_too_old", "timestamp"),
        ({**TRACK, "timestamp": "2026-05-01T12:00:00Z", "sentAt": "never"}, "track", "invalid_time", "sentAt"),
        ({**TRACK, "timestamp": 1777636800}, "track", "time_too_old", "timestamp"),
        ({"userId": "u", "traits": {f"t{n}": n for n in range(301)}}, "identify", "too_many_traits", "traits"),
        ({**TRACK, "properties": {"text": "x" * 40_000}}, "track", "event_too_large", None),
    ],
)
def test_bad_calls_are_refused_with_their_reason(body: object, call: Call, code: str, field: str | None) -> None:
    reason = refused(body, call)
    assert (reason.code, reason.field) == (code, field)
    assert reason.status == (413 if code == "event_too_large" else 400)
    assert reason.message


@pytest.mark.parametrize("depth", [rules.DEPTH, rules.DEPTH + 1, 500, 15_000])
@pytest.mark.parametrize("shape", ["list", "object"])
def test_nesting_is_limited(depth: int, shape: str) -> None:
    inner = depth - 2  # the event and its properties are two
    if inner > 5_000:
        inner = 15_000 if shape == "list" else 5_000
    opening, closing = ("[", "]") if shape == "list" else ('{"k":', "}")
    text = '{"userId":"u","event":"E","properties":{"a":' + opening * inner + "1" + closing * inner + "}}"
    if depth <= rules.DEPTH:
        one(text.encode())
    else:
        assert refused(text.encode()).code == "too_deep"


def test_the_clock_of_the_client_is_corrected_beyond_a_minute() -> None:
    wrong = {**TRACK, "timestamp": "2026-05-01T14:59:50Z", "sentAt": "2026-05-01T15:00:00Z"}
    assert one(wrong).time == NOW - timedelta(seconds=10)
    slow = {**TRACK, "timestamp": "2026-05-01T11:59:00Z", "sentAt": "2026-05-01T11:59:10Z"}
    assert one(slow).time == datetime(2026, 5, 1, 11, 59, tzinfo=UTC)
    ahead = {**TRACK, "timestamp": "2026-05-09T12:00:00Z", "sentAt": "2026-05-09T12:00:00Z"}
    assert one(ahead).time == NOW
    still_ahead = {**TRACK, "timestamp": "2026-05-12T12:00:00Z", "sentAt": "2026-05-09T12:00:00Z"}
    assert refused(still_ahead).code == "time_in_future"


@pytest.mark.parametrize(
    "told",
    [
        "2026-05-01T10:00:00Z",
        "2026-05-01T10:00:00.000Z",
        "2026-05-01T12:00:00+02:00",
        "2026-05-01T10:00:00",
        1777629600000,
    ],
)
def test_times_in_every_usual_spelling(told: str | int) -> None:
    assert one({**TRACK, "timestamp": told}).time == datetime(2026, 5, 1, 10, tzinfo=UTC)


def test_what_is_absent_is_filled_in_and_what_is_unknown_is_ignored() -> None:
    event = one({**TRACK, "integrations": {"All": True}, "nobody": "knows", "properties": None})
    assert event.message_id
    assert event.time == event.received_at == NOW
    assert event.context == {"ip": "192.0.2.7", "userAgent": "Agent/1"}
    assert (event.source, event.properties, event.traits) == ("key1", {}, {})
    told = one({**TRACK, "context": {"ip": "198.51.100.1", "userAgent": "Phone"}, "originalTimestamp": 1777629600000})
    assert told.context == {"ip": "198.51.100.1", "userAgent": "Phone"}
    assert told.time == datetime(2026, 5, 1, 10, tzinfo=UTC)


def test_the_name_of_a_page_is_a_property() -> None:
    event = one({"anonymousId": "a", "name": "Home", "category": "Start", "properties": {"name": "Own"}}, "page")
    assert (event.type, event.event, event.properties) == ("page", None, {"name": "Own", "category": "Start"})


def test_the_anonymous_id_chooses_the_partition() -> None:
    body = json.dumps({**TRACK, "anonymousId": "a1"}).encode()
    assert rules.one(body, "track", ARRIVAL).viewer == "a1"
    assert rules.one(json.dumps(TRACK).encode(), "track", ARRIVAL).viewer == "u1"


def test_a_batch_keeps_the_good_and_lists_the_bad() -> None:
    reading = many(
        {
            "batch": [
                {**TRACK, "type": "track", "messageId": "m0"},
                {"type": "track", "event": "E", "messageId": "m1"},
                7,
                {**TRACK, "type": "dance", "messageId": "m3"},
                {"type": "identify", "userId": "u2", "traits": {"age": 20}},
                {**TRACK, "type": "track", "messageId": "m5", "properties": {"text": "x" * 33_000}},
            ],
            "sentAt": "2026-05-01T12:00:00Z",
        }
    )
    assert [json.loads(event.item)["type"] for event in reading.accepted] == ["track", "identify"]
    assert [(bad["index"], bad["message_id"], bad["field"]) for bad in reading.refused] == [
        (1, "m1", "userId"),
        (2, None, None),
        (3, "m3", "type"),
        (5, "m5", None),
    ]
    assert all(bad["reason"] for bad in reading.refused)


def test_a_batch_that_is_only_nearly_json_loses_only_its_culprits() -> None:
    body = (
        b'{"batch": [{"type": "track", "userId": "u", "event": "A", "messageId": "m0"},'
        b' {"type": "track", "userId": "u", "event": "B", "messageId": "m1", "properties": {"a": NaN}},'
        b' {"type": "track", "userId": "u", "event": "C", "messageId": "m2", "properties": {"a": "\\ud800"}},'
        b' {"type": "track", "userId": "u", "event": "D", "messageId": "m3", "properties": {"n": 1.50}}]}'
    )
    reading = many(body)
    assert [json.loads(event.item)["event"] for event in reading.accepted] == ["A", "D"]
    assert [(bad["index"], bad["message_id"]) for bad in reading.refused] == [(1, "m1"), (2, "m2")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b'{"batch": [', "invalid_json"),
        (b"[]", "wrong_type"),
        (b"{}", "wrong_type"),
        (b'{"batch": {}}', "wrong_type"),
        (b'{"batch": []}', "empty_batch"),
        (b'{"batch": [], "x": NaN}', "empty_batch"),
        (b'{"batch": 5, "x": NaN}', "wrong_type"),
        (b'{"batch": [' + b"[" * 50_000 + b"]" * 50_000 + b"]}", "too_deep"),
        (b'{"batch": [{}], "sentAt": "never"}', "invalid_time"),
        (b'{"batch": [{}], "sentAt": []}', "wrong_type"),
    ],
)
def test_what_is_no_batch_is_refused_whole(body: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        many(body)
    assert (caught.value.status, caught.value.code) == (400, code)


def test_the_context_of_a_batch_is_everyones() -> None:
    reading = many(
        {"batch": [{**TRACK, "type": "track", "context": {"b": 3}}], "context": {"a": 1, "b": 2}},
    )
    context = json.loads(reading.accepted[0].item)["context"]
    assert (context["a"], context["b"]) == (1, 3)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"writeKey": "pk_1"}', "pk_1"),
        (b"{}", None),
        (b'{"writeKey": 7}', None),
        (b'{"writeKey": "pk", "x": NaN}', "pk"),
    ],
)
def test_the_write_key_of_a_body(body: bytes, key: str | None) -> None:
    assert rules.write_key(body) == key


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    for read in (lambda: rules.one(body, "track", ARRIVAL), lambda: rules.many(body, ARRIVAL)):
        with contextlib.suppress(Refused):
            read()


@given(st.dictionaries(st.sampled_from(["userId", "event", "timestamp", "properties", "context"]), json_values))
def test_what_is_taken_in_can_be_read_by_everyone(body: dict[str, Any]) -> None:
    try:
        event = one({**TRACK, **body})
    except Refused:
        return
    told = msgspec.json.encode(event).decode()
    assert "\\u0000" not in told.replace("\\\\", "")
    assert rules.OLDEST <= event.time <= NOW + rules.FUTURE
