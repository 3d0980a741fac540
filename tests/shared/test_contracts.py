"""The shared words: frozen, forward compatible, and described to the last reference."""

from __future__ import annotations

import copy
import datetime as dt
import types
import typing
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import (
    FACTS,
    PARTITIONS,
    PATHS,
    QUESTIONS,
    READERS,
    ROLES,
    SERVICES,
    Message,
    SegmentChanged,
    asyncapi,
    frozen,
    partition,
    partition_of,
    subject,
)
from shared.contracts.wire import join

SHAPES: list[type[msgspec.Struct]] = [*FACTS, *QUESTIONS, *(question.answer for question in QUESTIONS)]


def example(kind: Any) -> Any:
    """A plain value of any type that the contracts use."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return example(next(one for one in arguments if one is not type(None)))
    if origin is typing.Literal:
        return arguments[0]
    if origin is list:
        return [example(arguments[0])]
    if origin is dict:
        return {"1": example(arguments[1])}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return body(kind)
    simple = {str: "text é", bytes: "AAE=", int: 7, float: 0.5, bool: True, Any: {"a": [1, None]}}
    simple |= {dt.datetime: "2026-01-02T00:00:00Z"}
    return [] if kind is msgspec.Raw else simple[kind]


def body(shape: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.encode_name: example(field.type) for field in msgspec.structs.fields(shape)}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape.__name__))
def test_a_reader_of_today_understands_what_tomorrow_adds(shape: type[msgspec.Struct]) -> None:
    plain = body(shape)

    today = msgspec.json.decode(msgspec.json.encode(plain), type=shape)
    added = plain | {"added_tomorrow": {"x": [1]}, "zzz": None}
    assert msgspec.json.decode(msgspec.json.encode(added), type=shape) == today
    assert msgspec.json.decode(msgspec.json.encode(today), type=shape) == today
    optional = {field.encode_name for field in msgspec.structs.fields(shape) if not field.required}
    least = {key: value for key, value in plain.items() if key not in optional}
    msgspec.json.decode(msgspec.json.encode(least), type=shape)  # a fact of yesterday has fewer fields


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: str(shape.__name__))
def test_what_is_sent_fits_its_frozen_schema(shape: type[msgspec.Struct]) -> None:
    today = msgspec.json.decode(msgspec.json.encode(body(shape)), type=shape)
    sent = msgspec.json.decode(msgspec.json.encode(today))
    jsonschema.Draft202012Validator(frozen.schema(shape)).validate(sent)
    required = [field.encode_name for field in msgspec.structs.fields(shape) if field.required]
    for name in required:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({key: one for key, one in sent.items() if key != name}, frozen.schema(shape))


def test_the_frozen_schemas_are_those_of_the_code() -> None:
    """After a compatible change run `python -m shared.contracts.frozen`; an incompatible one needs a new version."""
    assert frozen.frozen() == frozen.current()


def _broken(change: Any, name: str = "segment.changed.v1.json") -> list[str]:
    before = frozen.current()[name]
    after = copy.deepcopy(before)
    change(after)
    return frozen.breaks(before, after)


CHANGED = "segment.changed.v1.json"
DECIDED = "answer.recommend.decide.json"
BREAKING: dict[str, tuple[Any, str, str]] = {
    "a field goes": (lambda s: s["properties"].pop("entered"), CHANGED, "entered: removed"),
    "a type changes": (lambda s: s["properties"]["version"].update(type="string"), CHANGED, "version"),
    "items change": (
        lambda s: s["properties"]["entered"]["items"].update(type="string"), CHANGED, "entered",
    ),
    "a value goes": (lambda s: s["properties"]["cause"]["enum"].remove("time"), CHANGED, "cause"),
    "a value comes": (lambda s: s["properties"]["cause"]["enum"].append("moon"), CHANGED, "cause"),
    "an optional field becomes required": (
        lambda s: s["required"].append("entered"), CHANGED, "entered: became required",
    ),
    "a new field is required": (
        lambda s: (s["properties"].update(new={"type": "string"}), s["required"].append("new")),
        CHANGED,
        "new: became required",
    ),
    "a field is no longer always there": (
        lambda s: s["required"].remove("key"), CHANGED, "key: is no longer always there",
    ),
    "a part loses a field": (
        lambda s: s["$defs"]["Decision"]["properties"].pop("token"), DECIDED, "Decision.token",
    ),
    "a part of a part changes": (
        lambda s: s["$defs"]["CreativeShown"]["properties"]["key"].update(type="integer"),
        DECIDED,
        "CreativeShown.key",
    ),
    "a part goes": (lambda s: s["$defs"].pop("CreativeShown"), DECIDED, "CreativeShown: removed"),
}  # fmt: skip


@pytest.mark.parametrize("change", BREAKING)
def test_every_kind_of_breaking_change_is_seen(change: str) -> None:
    edit, name, reason = BREAKING[change]
    problems = _broken(edit, name)
    assert len(problems) == 1
    assert problems[0].startswith(reason)


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: s["properties"].update(new={"type": "string"}),
        lambda s: s["properties"]["key"].update(description="other words", title="T"),
        lambda s: s.update(description="other words"),
        lambda s: s["properties"]["entered"].update(default=[1]),
        lambda s: s.setdefault("$defs", {}).update(New={"type": "object"}),
    ],
)
def test_what_breaks_nobody_is_allowed(edit: Any) -> None:
    assert _broken(edit) == []


def test_a_vanished_schema_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(frozen, "FACTS", tuple(fact for fact in FACTS if fact is not SegmentChanged))
    before = {path.name: path.read_bytes() for path in frozen.FOLDER.iterdir()}
    assert frozen.main() == 1
    assert "segment.changed.v1.json: removed" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in frozen.FOLDER.iterdir()} == before


# Names


def test_every_fact_has_its_place() -> None:
    kinds = [fact.kind for fact in FACTS]
    assert len(set(kinds)) == len(kinds)
    for fact in FACTS:
        assert fact.stream in READERS
        assert fact.owner in (*SERVICES, "gateway", "external")
        noun, verb, version = fact.kind.split(".")
        assert noun
        assert verb.endswith("ed") or verb in ("sent", "made", "split")
        assert version.startswith("v")
        fields = {field.name for field in msgspec.structs.fields(fact)}
        if fact.stream == "FACTS":
            assert fields & {"profile_id", "part"} or isinstance(getattr(fact, "part", None), property), (
                f"{fact.kind} says no partition"
            )
    of_all = {"snapshot", "erasure", "person", "taken", "uses"}
    assert {question.subject.split(".")[0] for question in QUESTIONS} <= {*SERVICES, "gateway", *of_all}
    prefixes = [prefix for paths in PATHS.values() for prefix in paths]
    assert len(set(prefixes)) == len(prefixes)
    assert set(PATHS) == set(SERVICES)
    assert set(ROLES["viewer"]) < set(ROLES["operator"])


def test_contact_data_is_in_no_fact() -> None:
    for fact in FACTS:
        names = {field.name for field in msgspec.structs.fields(fact)}
        assert not names & {"email", "phone", "address", "device_token"}, fact.kind


@given(st.text(), st.integers(0, 2**63))
def test_partitions_are_in_range_and_never_move(text: str, profile_id: int) -> None:
    assert 0 <= partition(text) < PARTITIONS
    assert partition_of(profile_id) == profile_id % 16
    assert (partition("anon-1"), partition("u1"), partition(""), partition("\ud800")) == (10, 6, 0, 8)


def test_partitions_are_even() -> None:
    counts = [0] * PARTITIONS
    for number in range(16_000):
        counts[partition(f"user-{number}")] += 1
    assert all(850 < count < 1150 for count in counts)


def test_subjects() -> None:
    assert subject("events.received.v1", "INTAKE", 3) == "intake.3"
    assert subject("events.recorded.v1", "FACTS", 3) == "facts.3.events.recorded.v1"
    assert subject("item.updated.v1", "THINGS", 0) == "things.item.updated.v1"


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none()), max_size=5))
def test_joined_items_are_the_list_of_items(items: list[dict[str, Any]]) -> None:
    joined = join([msgspec.json.encode(one) for one in items])
    assert msgspec.json.decode(joined) == items
    message = {"id": "i", "producer": "p", "part": 1, "n": 1, "at": "2026-01-02T00:00:00Z", "trace": "", "kind": "k"}
    decoded = msgspec.json.decode(msgspec.json.encode(message | {"items": items}), type=Message)
    assert msgspec.json.decode(decoded.items) == items


# AsyncAPI


def _references(node: Any, root: Any) -> list[tuple[str, Any]]:
    """Every reference with the document that its `#` means: a schema under `payload` is a document of its own."""
    if isinstance(node, dict):
        found = [(node["$ref"], root)] if "$ref" in node else []
        for key, value in node.items():
            found += _references(value, value if key == "payload" else root)
        return found
    return [one for value in node for one in _references(value, root)] if isinstance(node, list) else []


def test_every_reference_of_the_bus_description_leads_somewhere() -> None:
    document = asyncapi.document()
    references = _references(document, document)
    assert len(references) > 60
    for reference, root in references:
        place = root
        for part in reference.removeprefix("#/").split("/"):
            assert part in place, reference
            place = place[part]


OBJECTS = {
    "top": {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"},
    "channel": {"address", "messages", "title", "summary", "description", "servers", "parameters", "tags", "bindings"},
    "operation": {"action", "channel", "title", "summary", "description", "security", "tags", "bindings", "messages",
                  "reply"},
    "message": {"headers", "payload", "correlationId", "contentType", "name", "title", "summary", "description", "tags",
                "bindings", "examples"},
    "parameter": {"enum", "default", "description", "examples", "location"},
    "reply": {"address", "channel", "messages"},
}  # fmt: skip


def test_the_bus_description_has_only_what_asyncapi_3_knows() -> None:
    """The fixed fields of the AsyncAPI 3.0.0 objects that are used."""
    document = asyncapi.document()
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(document["info"])
    assert set(document) <= OBJECTS["top"]
    for channel in document["channels"].values():
        assert set(channel) <= OBJECTS["channel"]
        named = {part[1:-1] for part in channel["address"].split(".") if part.startswith("{")}
        assert named == set(channel.get("parameters", {}))
        for parameter in channel.get("parameters", {}).values():
            assert set(parameter) <= OBJECTS["parameter"]
    for operation in document["operations"].values():
        assert set(operation) <= OBJECTS["operation"]
        assert operation["action"] in ("send", "receive")
        assert set(operation.get("reply", {})) <= OBJECTS["reply"]
    for message in document["components"]["messages"].values():
        assert set(message) <= OBJECTS["message"]
        jsonschema.Draft202012Validator.check_schema(message["payload"])
    described = {name for channel in document["channels"].values() for name in channel["messages"]}
    assert described == set(document["components"]["messages"])
    assert {fact.kind for fact in FACTS} <= described


def test_a_real_message_fits_its_description() -> None:
    messages = asyncapi.document()["components"]["messages"]
    for fact in FACTS:
        if fact.stream == "TRIGGERS":
            continue
        items = msgspec.json.encode([body(fact)])
        sent = Message(
            id="i", producer=fact.owner, part=1, n=1, at=dt.datetime.now(dt.UTC), trace="", kind=fact.kind,
            items=msgspec.Raw(items),
        )  # fmt: skip
        plain = msgspec.json.decode(msgspec.json.encode(sent))
        validator = jsonschema.Draft202012Validator(messages[fact.kind]["payload"])
        validator.validate(plain)
        assert not validator.is_valid(plain | {"kind": "other.kind.v1"})
