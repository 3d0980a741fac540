"""Statements of retention, hours and distributions over random histories, and of pages of viewers, on a real DuckDB."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.segment.rules.insights import periods
from services.segment.rules.insights.histogram import edges
from services.segment.schemas.insights.distribution import Bin, DistributionInput
from services.segment.schemas.insights.funnels import FunnelInput
from services.segment.schemas.insights.hours import HoursCell, HoursInput
from services.segment.schemas.insights.retention import RetentionCell, RetentionInput
from services.segment.schemas.insights.trends import TrendInput
from services.segment.store.insights import distribution, funnels, hours, retention, trends
from services.segment.store.insights.draft import Asking
from tests.segment.histories import ASKING, BERLIN, END, START, STEPS, Store, frame


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
