"""The compiled expression answers as brute force does, over many viewers at once, and says truly until when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.segment.rules.compile import Known, members
from services.segment.schemas.rule import parse
from tests.segment import naive, worlds
from tests.segment.naive import Happening, Person
from tests.segment.worlds import MICROSECOND, NOW

MANY: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}
INSTANT = pa.timestamp("us", tz="UTC")


class Told(json.JSONEncoder):
    """Instants as profile tells them."""

    def default(self, o: Any) -> Any:
        return worlds.written(o) if isinstance(o, datetime) else super().default(o)


def told(value: Any) -> str:
    return json.dumps(value, cls=Told)


def warehouse(people: Sequence[Person]) -> duckdb.DuckDBPyConnection:
    """These viewers in the tables of the warehouse."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    viewers = [
        {
            "profile_id": one.profile_id,
            "traits": told(one.traits),
            "since": told(one.since),
            "tags": list(one.tags),
            "weights": told(one.tags),
            "tag_since": told(one.tag_since),
            "scores": told(one.scores),
            "consent": told(one.consent),
            "consent_since": told(one.consent_since),
            "has": list(one.has),
        }
        for one in people
    ]
    events = [
        {
            "event_id": event.event_id,
            "profile_id": one.profile_id,
            "event": event.event,
            "time": event.time,
            "properties": told(event.properties),
        }
        for one in people
        for event in one.events
    ]
    text, ids = pa.string(), pa.int64()
    texts = [(name, text) for name in ("traits", "since", "weights", "tag_since", "scores", "consent", "consent_since")]
    viewer = pa.schema([("profile_id", ids), *texts, ("tags", pa.list_(text)), ("has", pa.list_(text))])
    event = pa.schema(
        [("event_id", text), ("profile_id", ids), ("event", text), ("time", INSTANT), ("properties", text)]
    )
    keys = {key for one in people for key in one.told} | {"list", *worlds.KEYS}
    db.register("viewers_in", pa.Table.from_pylist(viewers, schema=viewer))
    db.register("events_in", pa.Table.from_pylist(events, schema=event))
    jsons = ", ".join(f"{name}::JSON AS {name}" for name, _ in texts)
    db.execute(f"CREATE TABLE viewers AS SELECT * REPLACE ({jsons}) FROM viewers_in")
    db.execute("CREATE TABLE events AS SELECT * REPLACE (properties::JSON AS properties) FROM events_in")
    listed = [one.profile_id for one in people if "list" in one.lists]
    db.register("list_list", pa.table({"profile_id": pa.array(listed, ids)}))
    known = pa.schema([("profile_id", ids), ("inside", pa.bool_()), ("at", INSTANT)])
    for key in keys:
        rows = [
            {"profile_id": one.profile_id, "inside": one.told[key][0], "at": one.told[key][1]}
            for one in people
            if key in one.told
        ]
        db.register(f"told_{key}", pa.Table.from_pylist(rows, schema=known))
    return db


crowds = st.lists(worlds.persons, min_size=1, max_size=25, unique_by=lambda one: one.profile_id)


@settings(max_examples=20, **MANY)
@given(world=worlds.worlds, people=crowds)
def test_it_answers_as_brute_force_does(world: Any, people: list[Person]) -> None:
    db = warehouse(people)
    known: Known = {**{key: parse(rule) for key, rule in world.items()}, "list": None}
    for key, rule in world.items():
        compiled = members(parse(rule), NOW, known)
        found = [row[0] for row in db.sql(compiled.sql).fetchall()]
        expected = [one.profile_id for one in people if naive.holds(rule, one, NOW, world)]
        assert sorted(found) == sorted(expected), key


@settings(max_examples=12, **MANY)
@given(world=worlds.worlds, people=crowds)
def test_it_promises_until_when(world: Any, people: list[Person]) -> None:
    db = warehouse(people)
    known: Known = {**{key: parse(rule) for key, rule in world.items()}, "list": None}
    for key, rule in world.items():
        compiled = members(parse(rule), NOW, known, following=True)
        found = {row[0]: (row[1], row[2]) for row in db.sql(compiled.sql).fetchall()}
        for person in people:
            inside, following = found.get(person.profile_id, (False, None))
            assert inside is naive.holds(rule, person, NOW, world), key
            assert following is None or following > NOW
            for instant in naive.instants(rule, person, NOW, world):
                for moment in (instant - MICROSECOND, instant, instant + MICROSECOND):
                    if moment > NOW and (following is None or moment < following):
                        assert naive.holds(rule, person, moment, world) is inside, (key, moment)


@pytest.mark.parametrize("measure", ["sum", "avg"])
def test_a_number_too_large_to_be_summed_breaks_nobodys_answer(measure: str) -> None:
    def paid(profile_id: int, *prices: float) -> Person:
        times = [NOW - place * MICROSECOND for place in range(len(prices))]
        spent = [
            Happening("opens", at, {"price": price}, f"e{profile_id}.{place}")
            for place, (at, price) in enumerate(zip(times, prices, strict=True))
        ]
        return Person(profile_id=profile_id, events=spent)

    people = [paid(1, 1e15), paid(2, 1e300, 5), paid(3, -1e15, 7.5), paid(4, 2), paid(5, 1e12)]
    rule = {"did": "opens", "measure": {measure: "price"}, "times": {"gte": 5}, "within": "1d"}
    found = warehouse(people).sql(members(parse(rule), NOW, {}).sql).fetchall()
    expected = {one.profile_id for one in people if naive.holds(rule, one, NOW, {"s": rule})}
    assert {row[0] for row in found} == expected == {2, 3, 5}
