"""Statements of insights over random histories, on a real DuckDB: every number is what plain Python counts."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from services.segment.rules.insights import periods
from services.segment.rules.insights.histogram import edges
from services.segment.rules.parts import value_of
from services.segment.schemas.insights.common import Part
from services.segment.schemas.insights.distribution import Bin, DistributionInput
from services.segment.schemas.insights.funnels import FunnelInput
from services.segment.schemas.insights.hours import HoursCell, HoursInput
from services.segment.schemas.insights.retention import RetentionCell, RetentionInput
from services.segment.schemas.insights.trends import TrendInput
from services.segment.store.insights import distribution, funnels, hours, retention, trends
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


@pytest.fixture(params=range(3), scope="module")
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Some random histories."""
    made = Store(request.param)
    yield made
    made.db.close()


ASKING = Asking(start=START, end=END, as_of=END)


def frame(unit: Any, zone: str, *, compare: bool = False) -> Frame:
    now = periods.spans(START, END, unit, zone)
    return Frame(now=now, end=END, before=periods.before(now, END, unit, zone) if compare else [])


def label(value: Any) -> Any:
    """What makes values one part: text, numbers and booleans never equal each other."""
    if isinstance(value, bool | str):
        return (type(value).__name__, value)
    return ("number", float(value)) if isinstance(value, int | float) else None


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


FIRST = {"event": "a", "where": [{"property": "kind", "ne": "music"}]}
STEPS: list[dict[str, Any]] = [FIRST, {"event": "b"}, {"event": "a"}, {"event": "c"}]


def best(chains: list[list[datetime]]) -> list[datetime]:
    return min(chains, key=lambda chain: (-len(chain), chain[0]))


def meant(one: Event, step: int) -> bool:
    kind = one.properties["kind"]
    return one.name == STEPS[step]["event"] and (step > 0 or (kind is not None and kind != "music"))


def naive_funnel(store: Store, window: timedelta, *, strict: bool) -> dict[int, list[datetime]]:
    """The times of the steps that each viewer reached, by his best beginning."""
    found: dict[int, list[list[datetime]]] = defaultdict(list)
    by_viewer: dict[int, list[Event]] = defaultdict(list)
    for one in sorted(store.events, key=lambda one: (one.time, one.id)):
        if START <= one.time <= END:
            by_viewer[one.who].append(one)
    for who, events in by_viewer.items():
        for place, first in enumerate(events):
            if not meant(first, 0) or first.time >= END:
                continue
            chain = [first.time]
            for later in events[place + 1 :]:
                if len(chain) == len(STEPS):
                    break
                if later.time > chain[-1] and later.time <= first.time + window and meant(later, len(chain)):
                    chain.append(later.time)
                elif strict:
                    break
            found[who].append(chain)
    return {who: best(chains) for who, chains in found.items()}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("window", ["3h", "2d"])
def test_a_funnel_is_what_python_follows(store: Store, window: str, strict: bool) -> None:
    asked = FunnelInput.model_validate({"steps": STEPS, "window": window, "strict": strict})
    (row,) = store.ask(funnels.numbers(ASKING, asked))
    length = {"3h": timedelta(hours=3), "2d": timedelta(days=2)}[window]
    chains = naive_funnel(store, length, strict=strict)
    for step in range(1, len(STEPS) + 1):
        reached = {who: chain for who, chain in chains.items() if len(chain) >= step}
        assert row[f"n{step}"] == len(reached)
        assert store.who(funnels.viewers(ASKING, asked, step, False, None, 0, 1000)) == sorted(reached)
        if step > 1:
            took = [(chain[step - 1] - chain[step - 2]).total_seconds() for chain in reached.values()]
            assert row[f"m{step}"] == (pytest.approx(median(took)) if took else None)
            dropped = sorted(who for who, chain in chains.items() if len(chain) == step - 1)
            assert store.who(funnels.viewers(ASKING, asked, step, True, None, 0, 1000)) == dropped
    assert row["n1"] >= row["n2"] > 0


@pytest.mark.parametrize("split", [{"property": "kind", "top": 2}, {"trait": "city"}, {"segment": "even"}])
def test_parts_of_a_funnel_add_up(store: Store, split: dict[str, Any]) -> None:
    asking = Asking(START, END, END, inside="SELECT range AS profile_id FROM range(0, 100, 2)")
    asked = FunnelInput.model_validate({"steps": STEPS, "window": "2d", "split": split})
    rows = store.ask(funnels.numbers(asking, asked))
    (whole,) = [row for row in rows if row["of_all_parts"]]
    parts = [row for row in rows if not row["of_all_parts"]]
    chains = naive_funnel(store, timedelta(days=2), strict=False)
    for step in range(1, 5):
        assert sum(row[f"n{step}"] for row in parts) == whole[f"n{step}"]
    if "trait" in split:
        told = {value_of(row["label"]): row["n1"] for row in parts if row["part"] >= 0}
        expected: dict[Any, int] = defaultdict(int)
        for who in chains:
            expected[store.traits[who]] += 1
        expected.pop(None, None)
        assert told == expected


@pytest.mark.parametrize("or_after", [False, True])
@pytest.mark.parametrize("first_ever", [False, True])
@pytest.mark.parametrize("unit", ["day", "week"])
def test_retention_is_what_python_counts(store: Store, unit: Any, first_ever: bool, or_after: bool) -> None:
    body = {"entry": {"event": "a"}, "returned": {"event": "b"}, "by": unit, "periods": 4, "zone": BERLIN}
    asked = RetentionInput.model_validate({**body, "first_ever": first_ever, "or_after": or_after})
    start = periods.begin(START, unit, BERLIN)
    end = START + timedelta(days=8)
    asking = Asking(start, end, END)
    entries = periods.spans(start, end, unit, BERLIN)
    spans = periods.spans(start, END, unit, BERLIN)
    rows = store.ask(retention.numbers(asking, asked, spans))
    entered: dict[int, int] = {}
    for who in {one.who for one in store.events}:
        mine = [one.time for one in store.happened("a", None if first_ever else start, end) if one.who == who]
        if mine and min(mine) >= start:
            entered[who] = place_of(min(mine), spans)
    came: dict[int, set[int]] = defaultdict(set)
    for one in store.happened("b", start, END + timedelta(microseconds=1)):
        if one.who in entered and place_of(one.time, spans) > entered[one.who]:
            came[one.who].add(place_of(one.time, spans) - entered[one.who])
    expected: dict[tuple[int, int], int] = defaultdict(int)
    for who, place in entered.items():
        expected[place, 0] += 1
        for period in {max(came[who])} if or_after and came[who] else came[who]:
            expected[place, period] += 1
    assert {(row["place"], row["period"]): row["viewers"] for row in rows} == expected
    cell = {"start": entries[0].start, "period": 1}
    theirs = {who for who, place in entered.items() if place == 0}
    back = {who for who in theirs if (came[who] and max(came[who]) >= 1 if or_after else 1 in came[who])}
    for returned, expected_ in ((True, back), (False, theirs - back)):
        wanted = RetentionCell.model_validate({**cell, "returned": returned})
        assert store.who(retention.viewers(asking, asked, spans, wanted, [0], 0, 1000)) == sorted(expected_)
    wanted = RetentionCell.model_validate({**cell, "period": 0})
    assert store.who(retention.viewers(asking, asked, spans, wanted, [0], 0, 1000)) == sorted(theirs)


def place_of(time: datetime, spans: list[periods.Span]) -> int:
    return next(place for place, one in enumerate(spans) if one.start <= time < one.end)


def test_active_hours_are_what_python_counts(store: Store) -> None:
    asked = HoursInput.model_validate({"event": "c", "zone": BERLIN})
    spans = periods.spans(START, END, "hour", BERLIN)
    places = [periods.hour_of_week(one.start, BERLIN) for one in spans]
    slots = [one.start for one in spans], [24 * (weekday - 1) + hour for weekday, hour in places]
    rows = store.ask(hours.numbers(ASKING, asked, slots))
    expected: dict[int, list[int]] = defaultdict(list)
    for one in store.happened("c", START, END):
        local = one.time.astimezone(ZoneInfo(BERLIN))
        expected[24 * (local.isoweekday() - 1) + local.hour].append(one.who)
    assert {row["place"]: row["events"] for row in rows} == {place: len(some) for place, some in expected.items()}
    assert {row["place"]: row["viewers"] for row in rows} == {place: len(set(some)) for place, some in expected.items()}
    place, some = max(expected.items(), key=lambda one: len(one[1]))
    cell = HoursCell(weekday=place // 24 + 1, hour=place % 24)
    assert store.who(hours.viewers(ASKING, asked, slots, cell, 0, 1000)) == sorted(set(some))


@pytest.mark.parametrize("what", [{}, {"sum": "n"}, {"property": "n"}])
def test_a_distribution_is_what_python_counts(store: Store, what: dict[str, str]) -> None:
    asked = DistributionInput.model_validate({"event": "a", "bins": 7, **what})
    (row,) = store.ask(distribution.numbers(ASKING, asked))
    numbers: list[tuple[int, float]] = []
    sums: dict[int, float] = defaultdict(float)
    for one in store.happened("a", START, END):
        amount = 1.0 if not what else one.properties["n"]
        if type(amount) in (int, float):
            sums[one.who] += amount
            numbers.append((one.who, amount))
    if "property" not in what:
        numbers = list(sums.items())
    values = sorted(value for _, value in numbers)
    assert (row["count"], row["viewers"]) == (len(values), len({who for who, _ in numbers}))
    assert (row["mean"], row["least"], row["greatest"]) == (
        pytest.approx(sum(values) / len(values)),
        pytest.approx(values[0]),
        pytest.approx(values[-1]),
    )
    assert row["quantiles"][4] == pytest.approx(median(values))
    limits = edges(row["least"], row["greatest"], 7, whole=row["whole"])
    assert row["whole"] == all(value == int(value) for value in values)
    assert len(limits) <= 8
    rows = {one["place"]: one for one in store.ask(distribution.bins(ASKING, asked, limits[:-1]))}
    for place in range(len(limits) - 1):
        last = place == len(limits) - 2
        inside = [
            (who, value)
            for who, value in numbers
            if limits[place] <= value and (value < limits[place + 1] or (last and value <= limits[place + 1]))
        ]
        assert rows.get(place, {"count": 0})["count"] == len(inside)
        cell = Bin.model_validate({"from": limits[place], "to": limits[place + 1], "last": last})
        found = store.who(distribution.viewers(ASKING, asked, cell, 0, 1000))
        assert found == sorted({who for who, _ in inside})


def test_nothing_is_no_error(store: Store) -> None:
    nobody = Asking(START, END, END, whose="SELECT 0 AS profile_id WHERE false")
    framed = frame("day", "UTC")
    assert all(row["events"] == 0 for row in store.ask(trends.numbers(nobody, TrendInput(event="a"), framed)))
    (row,) = store.ask(funnels.numbers(nobody, FunnelInput.model_validate({"steps": STEPS})))
    assert row["n1"] == 0
    (row,) = store.ask(distribution.numbers(nobody, DistributionInput(event="a")))
    assert (row["count"], row["mean"], row["whole"]) == (0, None, False)


def test_pages_of_viewers_go_on_where_they_ended(store: Store) -> None:
    framed = frame("month", "UTC")
    asked = TrendInput(event="a", by="month")
    seen: list[int] = []
    more = True
    while more:
        (row,) = store.ask(trends.viewers(ASKING, asked, framed, range(1), None, seen[-1] if seen else 0, 20))
        seen += row["ids"]
        more = bool(row["ids"])
    assert seen == sorted({one.who for one in store.happened("a", framed.start, framed.now[0].end)})
    assert row["count"] == len(seen)


@pytest.mark.parametrize(
    ("least", "greatest", "most", "whole", "expected"),
    [
        (1, 5, 20, True, [1, 2, 3, 4, 5, 6]),
        (1, 5, 2, True, [1, 4, 7]),
        (0, 1, 4, False, [0, 0.25, 0.5, 0.75, 1]),
        (2, 2, 5, False, [2, 2]),
        (2, 2, 5, True, [2, 3]),
    ],
)
def test_bins_are_of_one_width(least: float, greatest: float, most: int, whole: bool, expected: list[float]) -> None:
    assert edges(least, greatest, most, whole=whole) == expected


def test_a_local_day_may_have_23_or_25_hours() -> None:
    spring = periods.spans(datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC), "day", BERLIN)
    assert [(one.end - one.start) / timedelta(hours=1) for one in spring] == [24, 23, 24, 24]
    autumn = periods.spans(
        datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 22, tzinfo=UTC), "day", BERLIN
    )
    assert [(one.end - one.start) / timedelta(hours=1) for one in autumn] == [25]
    india = periods.begin(datetime(2026, 1, 1, 6, 10, tzinfo=UTC), "hour", "Asia/Kolkata")
    assert india == datetime(2026, 1, 1, 5, 30, tzinfo=UTC)
    with pytest.raises(periods.TooMany):
        periods.spans(datetime(2000, 1, 1, tzinfo=UTC), END, "hour", "UTC")
