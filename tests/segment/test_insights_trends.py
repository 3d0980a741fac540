"""Statements of trends over random histories, on a real DuckDB: every number is what plain Python counts."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.segment.rules.insights import periods
from services.segment.rules.parts import value_of
from services.segment.schemas.insights.common import Part
from services.segment.schemas.insights.trends import TrendInput
from services.segment.store.insights import trends
from services.segment.store.insights.draft import Asking
from tests.segment.histories import ASKING, BERLIN, END, START, Event, Store, frame, label


@pytest.mark.parametrize("unit", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("zone", ["UTC", BERLIN, "Asia/Beirut"])
def test_a_trend_is_what_python_counts(store: Store, unit: Any, zone: str) -> None:
    asked = TrendInput.model_validate({"event": "a", "by": unit, "zone": zone, "compare": True})
    framed = frame(unit, zone, compare=True)
    rows = store.ask(trends.numbers(ASKING, asked, framed))
    cells: dict[tuple[bool, datetime], list[Event]] = defaultdict(list)
    totals: dict[bool, set[int]] = defaultdict(set)
    for one in store.happened("a", None, END):
        start = local_begin(one.time, unit, zone)
        now = start >= framed.now[0].start
        shift = framed.now[0].start - framed.before[0].start
        if now or (start >= framed.before[0].start and one.time < framed.before[-1].end):
            cells[now, start].append(one)
            totals[now].add(one.who)
        assert shift > timedelta(0)
    told = {}
    for row in rows:
        if row["of_all_places"]:
            assert row["viewers"] == len(totals[row["now"]])
            continue
        spans, place = (framed.now, row["place"]) if row["now"] else (framed.before, row["place"] + len(framed.before))
        told[row["now"], spans[place].start] = (row["events"], row["viewers"])
    assert told == {key: (len(some), len({one.who for one in some})) for key, some in cells.items()}
    key = max(cells, key=lambda one: (one[0], len(cells[one])))
    place = [one.start for one in framed.now].index(key[1])
    found = store.who(trends.viewers(ASKING, asked, framed, range(place, place + 1), None, 0, 1000))
    assert found == sorted({one.who for one in cells[key]})


def local_begin(time: datetime, unit: str, zone: str) -> datetime:
    """An independent way to the beginning of a local period."""
    local = time.astimezone(ZoneInfo(zone))
    if unit == "hour":
        return (local - timedelta(minutes=local.minute)).astimezone(UTC).replace(second=0, microsecond=0)
    day = local.date()
    if unit == "week":
        day -= timedelta(days=day.weekday())
    if unit == "month":
        day = day.replace(day=1)
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


JUMPS = [
    ("Africa/Cairo", "2026-04-24", "2026-10-29"),
    ("Asia/Beirut", "2026-03-29", "2026-10-24"),
    ("America/Santiago", "2026-09-06", "2026-04-04"),
    ("America/Havana", "2026-03-08", "2026-11-01"),
    ("Europe/Berlin", "2026-03-29", "2026-10-25"),
]
"""Zones, with a day whose clocks jump forward, at midnight but in the last, and one of 25 hours."""


@pytest.mark.parametrize("unit", ["day", "week", "month"])
@pytest.mark.parametrize(("zone", "spring", "autumn"), JUMPS)
def test_periods_begin_at_local_midnight_whatever_clocks_do(unit: Any, zone: str, spring: str, autumn: str) -> None:
    for day in (spring, autumn):
        middle = datetime.fromisoformat(day).replace(tzinfo=UTC)
        spans = periods.spans(middle - timedelta(days=40), middle + timedelta(days=40), unit, zone)
        for place, one in enumerate(spans):
            # by every way there: from the one before, from the first, and from each instant in it
            assert one.start == local_begin(one.start, unit, zone) == periods.begin(one.start, unit, zone)
            assert one.start == periods.after(spans[0].start, unit, zone, place)
            assert spans[0].start == periods.after(one.start, unit, zone, -place)
            hours = int((one.end - one.start) / timedelta(hours=1))
            assert {periods.begin(one.start + timedelta(hours=hour), unit, zone) for hour in range(hours)} == {
                one.start
            }
        lengths = [one.end - one.start for one in spans]
        if unit == "day":
            assert sorted(set(lengths)) == [
                timedelta(hours=23 if day == spring else 24),
                timedelta(hours=24 if day == spring else 25),
            ]


@pytest.mark.parametrize("kind", ["count", "viewers", "sum", "avg"])
@pytest.mark.parametrize("split", [{"property": "kind", "top": 3}, {"trait": "city"}, {"segment": "even"}])
def test_parts_of_a_trend_are_what_python_counts(store: Store, kind: str, split: dict[str, Any]) -> None:
    measure = {kind: "n" if kind in ("sum", "avg") else True}
    asked = TrendInput.model_validate({"event": "b", "measure": measure, "split": split, "where": []})
    asking = Asking(START, END, END, inside="SELECT range AS profile_id FROM range(0, 100, 2)")
    framed = frame("day", "UTC")
    rows = [row for row in store.ask(trends.numbers(asking, asked, framed)) if not row["of_all_parts"]]
    by_label: dict[Any, list[Event]] = defaultdict(list)
    for one in store.happened("b", framed.now[0].start, END):
        if kind in ("sum", "avg") and type(one.properties["n"]) not in (int, float):
            continue
        if "segment" in split:
            value: Any = one.who % 2 == 0
        else:
            value = one.properties["kind"] if "property" in split else store.traits[one.who]
        by_label[label(value)].append(one)
    ranks = sorted((-len(some), str(key)) for key, some in by_label.items() if key is not None)
    top = split.get("top", 10)
    counts = {}
    for row in rows:
        if row["of_all_places"]:
            counts[row["part"]] = row
    known = {label(value_of(row["label"])): row for part, row in counts.items() if part >= 0}
    assert len(known) == min(top, len(ranks))
    for key, row in known.items():
        amounts = [one.properties["n"] for one in by_label[key]]
        assert (row["events"], row["viewers"]) == (len(amounts), len({one.who for one in by_label[key]}))
        if kind in ("sum", "avg"):
            assert row["total"] == pytest.approx(sum(amounts))
            assert row["mean"] == pytest.approx(sum(amounts) / len(amounts))
    others = [one for key, some in by_label.items() if key is not None and key not in known for one in some]
    missing = by_label.get(None, [])
    assert counts.get(-1, {"events": 0})["events"] == len(others)
    assert counts.get(-2, {"events": 0})["events"] == len(missing)
    day = next(row for row in rows if not row["of_all_places"] and row["part"] == 0)
    start = framed.now[day["place"]].start
    key = label(value_of(counts[0]["label"]))
    inside = {one.who for one in by_label[key] if start <= one.time < start + timedelta(days=1)}
    part = Part(value=value_of(counts[0]["label"]))
    assert store.who(
        trends.viewers(asking, asked, framed, range(day["place"], day["place"] + 1), part, 0, 1000)
    ) == sorted(inside)
    if others:
        places = {one.who for one in others if start <= one.time < start + timedelta(days=1)}
        found = store.who(
            trends.viewers(asking, asked, framed, range(day["place"], day["place"] + 1), Part(other=True), 0, 1000)
        )
        assert found == sorted(places)
    if missing:
        places = {one.who for one in missing if start <= one.time < start + timedelta(days=1)}
        found = store.who(
            trends.viewers(asking, asked, framed, range(day["place"], day["place"] + 1), Part(missing=True), 0, 1000)
        )
        assert found == sorted(places)


def test_only_viewers_that_are_asked_for_and_events_like_that_count(store: Store) -> None:
    where = [{"property": "kind", "eq": "food"}, {"property": "n", "gt": 1}]
    asked = TrendInput.model_validate({"event": "a", "where": where, "measure": {"viewers": True}})
    asking = Asking(START, END, END, whose="SELECT range AS profile_id FROM range(0, 100, 3)")
    framed = frame("month", "UTC")
    rows = store.ask(trends.numbers(asking, asked, framed))
    expected = {
        one.who
        for one in store.happened("a", framed.start, END, kind="food")
        if one.who % 3 == 0 and type(one.properties["n"]) in (int, float) and one.properties["n"] > 1
    }
    assert expected
    assert [row["viewers"] for row in rows if row["of_all_places"]] == [len(expected)]
