"""Random histories in a real DuckDB, for statements whose numbers plain Python counts."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from services.segment.rules.insights import periods
from services.segment.store.insights.draft import Asking, Statement
from services.segment.store.insights.trends import Frame

BERLIN = "Europe/Berlin"
START = datetime(2026, 3, 20, 7, 30, tzinfo=UTC)

END = datetime(2026, 4, 3, 13, 0, tzinfo=UTC)
"""Clocks in Berlin jump between them."""

KINDS = ["anime", "food", "music", 'it\'s "x"', "", None, True, 1, 1.0, [1], "1"]


class Event:
    """One row."""

    def __init__(self, number: int, profile_id: int, name: str, time: datetime, properties: dict[str, Any]) -> None:
        self.id, self.who, self.name, self.time, self.properties = f"e{number:06}", profile_id, name, time, properties


def history(seed: int) -> list[Event]:
    """What eighty viewers did in half a month."""
    draw = random.Random(seed)
    made = []
    for number in range(3_000):
        # whole minutes, so that events meet in one instant
        time = START - timedelta(days=1) + timedelta(minutes=draw.randrange(16 * 1440))
        properties: dict[str, Any] = {"kind": draw.choice(KINDS), "n": draw.choice([1, 2.5, -3, "7", None, 10])}
        made.append(Event(number, draw.randrange(1, 80), draw.choice("abc"), time, properties))
    return made


class Store:
    """A DuckDB with the warehouse's tables."""

    def __init__(self, seed: int) -> None:
        self.events = history(seed)
        self.traits: dict[int, Any] = {
            one: random.Random(one).choice(["北京", "上海", 7, None]) for one in range(1, 80)
        }
        self.db = duckdb.connect()
        self.db.execute("SET TimeZone = 'UTC'").fetchall()
        columns = "event_id VARCHAR, profile_id BIGINT, event VARCHAR, time TIMESTAMPTZ, properties JSON"
        self.db.execute(f"CREATE TABLE events ({columns})")
        self.db.execute("CREATE TABLE viewers (profile_id BIGINT, traits JSON)")
        rows = [[one.id, one.who, one.name, one.time, json.dumps(one.properties)] for one in self.events]
        self.db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
        self.db.executemany(
            "INSERT INTO viewers VALUES (?, ?)",
            [[who, json.dumps({"city": city})] for who, city in self.traits.items()],
        )

    def ask(self, statement: Statement) -> list[dict[str, Any]]:
        """The rows of an answer."""
        for name, table in statement.inputs.items():
            self.db.register(name, table)
        found: list[dict[str, Any]] = (
            self.db.sql(statement.sql, params=statement.params or None).to_arrow_table().to_pylist()
        )
        return found

    def who(self, statement: Statement) -> list[int]:
        """The viewers of an answer."""
        (row,) = self.ask(statement)
        found: list[int] = row["ids"]
        assert row["count"] == len(found)
        return found

    def happened(self, name: str, start: datetime | None, end: datetime, **where: Any) -> list[Event]:
        """These events in their time, in order."""
        found = [
            one
            for one in self.events
            if one.name == name
            and (start is None or one.time >= start)
            and one.time < end
            and all(
                type(one.properties[key]) is type(value) and one.properties[key] == value
                for key, value in where.items()
            )
        ]
        return sorted(found, key=lambda one: (one.time, one.id))


ASKING = Asking(start=START, end=END, as_of=END)


def frame(unit: Any, zone: str, *, compare: bool = False) -> Frame:
    """The periods of the time that is asked about, and those before it."""
    now = periods.spans(START, END, unit, zone)
    return Frame(now=now, end=END, before=periods.before(now, END, unit, zone) if compare else [])


def label(value: Any) -> Any:
    """What makes values one part: text, numbers and booleans never equal each other."""
    if isinstance(value, bool | str):
        return (type(value).__name__, value)
    return ("number", float(value)) if isinstance(value, int | float) else None


FIRST = {"event": "a", "where": [{"property": "kind", "ne": "music"}]}
STEPS: list[dict[str, Any]] = [FIRST, {"event": "b"}, {"event": "a"}, {"event": "c"}]
"""Steps of a funnel."""
