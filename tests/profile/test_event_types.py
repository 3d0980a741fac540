"""The catalogue and what operators make of it."""

from __future__ import annotations

import time
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.profile.actions import plan
from services.profile.rules import bots, catalogue
from services.profile.rules import event_types as rules
from services.profile.rules.catalogue import KNOWN
from services.profile.store import event_types as store
from shared import clock
from shared.contracts import EVENTS
from tests.harness.eventually import eventually
from tests.harness.houses import Running


def test_every_name_of_the_house_has_a_type() -> None:
    """Those of the contracts, of Segment's Video Spec, and publish, discuss, save, button clicked."""
    more = {"Content Published", "Discussion Started", "Content Saved", "Button Clicked", "Video Ad Skipped"}
    spec = {
        f"Video {what}" for what in ("Playback Started", "Playback Seek Completed", "Content Playing", "Ad Started")
    }
    assert {*EVENTS, *more, *spec} <= KNOWN.keys()


@pytest.mark.parametrize("name", KNOWN)
def test_the_catalogue_is_of_sound_schemas(name: str) -> None:
    """They pass what an operator's schema must pass, and another implementation takes them too."""
    rules.checked(KNOWN[name].schema)
    jsonschema.Draft202012Validator.check_schema(KNOWN[name].schema)
    assert KNOWN[name].description


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["content_id", "tags", "text", "position_seconds", "category", "x"]), _json, max_size=5
    )
)
def test_judging_agrees_with_another_implementation(properties: dict[str, Any]) -> None:
    its = rules.compiled(0, []).types["Danmaku Sent"]
    expected = jsonschema.Draft202012Validator(its.schema).is_valid(properties)
    assert its.valid(properties) == expected
    if not expected:
        assert rules.violation(its, properties).reason


_chain = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 4} for n in range(8)} | {"d8": {"type": "string"}}


@pytest.mark.parametrize(
    ("schema", "path", "word"),
    [
        ({"type": "array"}, "type", "object"),
        ({"properties": {"a": {"type": "strng"}}}, "properties.a.type", "valid"),
        ({"properties": {"a": {"pattern": "(a+)+\\1"}}}, "properties.a.pattern", "back-references"),
        ({"properties": {"a": {"pattern": "(?=b)a"}}}, "properties.a.pattern", "look-around"),
        ({"properties": {"a": {"pattern": "((a{500}){500}){500}"}}}, "properties.a.pattern", "unfold"),
        ({"properties": {"a": {"$ref": "https://example.com/s.json"}}}, "properties.a.$ref", "#/$defs"),
        ({"properties": {"a": {"$ref": "#"}}}, "properties.a.$ref", "#/$defs"),
        ({"properties": {"a": {"$ref": "#/$defs/gone"}}}, "properties.a.$ref", "nothing stands"),
        ({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "properties": {"b": {"$ref": "#/$defs/a"}}}, "", "circle"),
        ({"$defs": _chain, "properties": {"b": {"$ref": "#/$defs/d0"}}}, "", "parts"),
        ({"properties": {"a": {"enum": ["x" * 40_000]}}}, "", "bytes"),
        ({"$id": "https://example.com/"}, "$id", "not supported"),
    ],
)
async def test_a_schema_that_would_hurt_is_refused_with_the_place(
    running: Running, schema: dict[str, Any], path: str, word: str
) -> None:
    answer = await running.client.put("/v1/event-types/Moon Landed", json={"schema": schema})
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert word in error["message"]
    assert error["field"].startswith("schema")
    if path:
        assert error["field"] == f"schema.{path}"
    assert (await running.client.get("/v1/event-types/Moon Landed")).status_code == 404


def test_a_pattern_costs_linear_time() -> None:
    """The pattern that takes a backtracking engine longer than anybody lives."""
    schema = {"properties": {"a": {"pattern": "^(a|a)*$"}}}
    rules.checked(schema)
    its = rules.compiled(0, [rules.Wanted("x", "refuse", "", schema, own=True)]).types["x"]
    began = time.perf_counter()
    assert not its.valid({"a": "a" * 20_000 + "b"})
    assert time.perf_counter() - began < 1


async def test_types_are_added_changed_and_brought_back(running: Running) -> None:
    client = running.client
    made = await client.put("/v1/event-types/Moon Landed", json={"description": "One small step", "mode": "refuse"})
    assert made.status_code == 200, made.text
    assert (made.json()["built_in"], made.json()["changed"], made.json()["mode"]) == (False, True, "refuse")
    kept = await client.put("/v1/event-types/Moon Landed", json={"schema": {"required": ["module"]}})
    assert (kept.json()["mode"], kept.json()["description"]) == ("refuse", "One small step"), "what is left out stays"
    assert (await client.delete("/v1/event-types/Moon Landed")).status_code == 204
    assert (await client.delete("/v1/event-types/Moon Landed")).status_code == 404

    liked = (await client.put("/v1/event-types/Content Liked", json={"mode": "strip"})).json()
    assert (liked["built_in"], liked["changed"]) == (True, True)
    assert liked["schema"] == KNOWN["Content Liked"].schema
    assert (await client.delete("/v1/event-types/Content Liked")).status_code == 204
    assert (await client.get("/v1/event-types/Content Liked")).json()["mode"] == "observe"
    stays = await client.delete("/v1/event-types/Content Liked")
    assert (stays.status_code, stays.json()["type"]) == (409, "/problems/built-in")


async def test_the_list_has_all_of_them(running: Running) -> None:
    names: list[str] = []
    cursor = None
    for _ in range(20):
        query = {"limit": 10} | ({"cursor": cursor} if cursor else {})
        page = (await running.client.get("/v1/event-types", params=query)).json()
        names += [one["name"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert names == sorted({*KNOWN, "*"})
    found = (await running.client.get("/v1/event-types?q=danmaku")).json()["items"]
    assert [one["name"] for one in found] == ["Danmaku Sent"]


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("*", {"mode": "strip"}, "mode"),
        ("*", {"schema": {"required": ["a"]}}, "schema"),
        ("Moon Landed", {"mode": "strip"}, "schema.properties"),
        ("Moon Landed", {"mode": "ignore"}, "mode"),
        ("Moon Landed", {"shema": {}}, "shema"),
        ("x" * 513, {}, "name"),
    ],
)
async def test_what_cannot_be_is_refused(running: Running, name: str, body: dict[str, Any], field: str) -> None:
    answer = await running.client.put(f"/v1/event-types/{name}", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_only_who_may_write_changes_types(running: Running) -> None:
    viewer, client = running.headers("viewer"), running.client
    assert (await client.get("/v1/event-types", headers=viewer)).status_code == 200
    assert (await client.put("/v1/event-types/Moon Landed", json={}, headers=viewer)).status_code == 403
    assert (await client.post("/v1/refused-events/replay", json={"event": "x"}, headers=viewer)).status_code == 403


async def test_a_replica_hears_of_a_change(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broadcast drops what it holds, long before its time is up."""
    monkeypatch.setattr(plan, "TRUSTED", 3600.0)
    async with running.house.db.transaction() as session:
        before = await plan.current(session)
        assert not before.refuses_unknown

    async def refuses() -> bool:
        async with running.house.db.transaction() as session:
            return (await plan.current(session)).refuses_unknown

    # Written behind the back of this process, as a replica would.
    async with running.house.db.transaction() as session:
        await store.raise_version(session)
        await store.put(session, name="*", mode="refuse", description="", schema={}, at=clock.now())
    assert not await refuses()
    await running.house.bus.broadcast(plan.TOLD)

    async def heard() -> None:
        assert await refuses()

    await eventually(heard)


def test_stripping_keeps_what_is_named_at_every_level() -> None:
    schema = KNOWN["Order Completed"].schema
    products = [{"product_id": "p1", "note": "x"}, {"sku": 1}]
    given_ = {"order_id": 1, "products": products, "trace": {"a": 1}}
    assert rules.stripped(schema, given_) == {"order_id": 1, "products": [{"product_id": "p1"}, {"sku": 1}]}
    clean = {"order_id": 1, "products": [{"sku": 1}]}
    assert rules.stripped(schema, clean) is clean, "nothing is copied where nothing goes"
    assert rules.stripped({"type": "object"}, given_) is given_, "without names everything is known"


def test_libraries_speak_for_viewers_and_browsers_are_human() -> None:
    for agent in ("python-requests/2.32", "okhttp/4.9.3", "axios/1.2", "Python-urllib/3.11", "analytics-python/2.4.0"):
        assert not bots.is_listed(agent)
    for agent in ("Baiduspider/2.0", "Bytespider", "HeadlessChrome/120.0", "GPTBot/1.0"):
        assert bots.is_listed(agent)
    assert not bots.is_listed("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) MicroMessenger/8.0.50")


def test_catalogue_objects_are_not_shared_by_accident() -> None:
    """Merging what operators changed leaves the catalogue as it is."""
    changed = rules.Wanted("Content Liked", "refuse", "", {"required": ["a"]}, own=True)
    assert rules.merged([changed])["Content Liked"].schema == {"required": ["a"]}
    assert catalogue.KNOWN["Content Liked"].schema["required"] == ["content_id"]
