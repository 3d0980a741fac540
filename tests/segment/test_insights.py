"""Insights through the door: their answers, the viewers behind each number, and the segments made of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts import ResolveAnswered, ResolveAsked
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.segment.words import event, profile

AS_OF = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def watched(home: Running) -> Running:
    """Viewers 1 to 40 opened and mostly watched; the even ones are of Shanghai, and the first ten came back."""
    facts: list[Any] = [profile(who, 1, city="上海" if who % 2 == 0 else "北京") for who in range(1, 41)]
    for who in range(1, 41):
        start = AS_OF - 5 * DAY + who * timedelta(minutes=1)
        facts.append(event(who, "Opened", start, history=True, kind="anime" if who <= 30 else "food"))
        if who <= 35:
            facts.append(event(who, "Watched", start + timedelta(hours=who), history=True, seconds=who))
        if who <= 10:
            facts.append(event(who, "Opened", start + 2 * DAY, history=True, kind="anime"))
    await home.tell(*facts)

    async def there() -> None:
        answer = await home.client.post("/v1/segments/preview", json={"rule": {"trait": "city", "exists": True}})
        assert answer.json()["count"] == 40
        assert (await ask(home, "trends", event="Watched"))["lines"][0]["total"] == 35
        assert (await ask(home, "trends", event="Opened"))["lines"][0]["total"] == 50

    await eventually(there, timeout=60)
    return home


async def ask(home: Running, kind: str, **body: Any) -> Any:
    answer = await home.client.post(f"/v1/insights/{kind}", json={"as_of": AS_OF.isoformat(), **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def who(home: Running, kind: str, request: dict[str, Any], cell: dict[str, Any]) -> list[int]:
    """All viewers of a cell, page by page."""
    body = {"request": {"as_of": AS_OF.isoformat(), **request}, "cell": cell}
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        params: dict[str, Any] = {"limit": 7, **({"cursor": cursor} if cursor else {})}
        answer = await home.client.post(f"/v1/insights/{kind}/viewers", json=body, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        seen += page["profile_ids"]
        cursor = page["next"]
    assert page["count"] == len(seen)
    return seen


async def test_a_trend_its_parts_and_the_time_before(watched: Running) -> None:
    asked: dict[str, Any] = {"event": "Opened", "by": "day", "within": "6d", "split": {"property": "kind"}}
    told = await ask(watched, "trends", **asked, compare=True)
    assert (told["from"], told["to"], told["zone"]) == ("2026-03-14T00:00:00Z", "2026-03-20T12:00:00Z", "UTC")
    assert told["starts"][0] == told["from"]
    assert (len(told["starts"]), told["partial"]) == (7, True)
    everything, anime, food = told["lines"]
    assert everything["values"] == [0, 40, 0, 10, 0, 0, 0]
    assert everything["viewers"] == [0, 40, 0, 10, 0, 0, 0]
    assert everything["small"] == [True, False, True, True, True, True, True]
    assert (everything["total"], everything["total_viewers"]) == (50, 40)
    assert (anime["split"]["value"], anime["values"][1], anime["total_viewers"]) == ("anime", 30, 30)
    assert (food["split"]["value"], food["values"][1]) == ("food", 10)
    previous = told["previous"]
    assert (previous["starts"][0], previous["lines"][0]["total"]) == ("2026-03-07T00:00:00Z", 0)
    cell = {"start": told["starts"][1], "split": food["split"] | {}}
    cell["split"] = {"value": "food"}
    assert await who(watched, "trends", asked, cell) == list(range(31, 41))
    # the totals are cells too: of the line, of a part, of the time before
    assert await who(watched, "trends", asked, {}) == list(range(1, 41))
    assert await who(watched, "trends", asked, {"split": {"value": "food"}}) == list(range(31, 41))
    assert await who(watched, "trends", {**asked, "compare": True}, {"previous": True}) == []
    body = {"request": asked, "cell": {"previous": True}}
    refused = await watched.client.post("/v1/insights/trends/viewers", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "cell.previous")
    by_trait = await ask(watched, "trends", event="Watched", measure={"avg": "seconds"}, split={"trait": "city"})
    lines = {line["split"]["value"]: line for line in by_trait["lines"][1:]}
    assert lines["上海"]["total"] == sum(range(2, 36, 2)) / 17
    assert lines["北京"]["total"] == sum(range(1, 36, 2)) / 18


async def test_only_viewers_of_a_segment_or_a_rule(watched: Running) -> None:
    rule = {"trait": "city", "eq": "上海"}
    made = await watched.client.post("/v1/segments", json={"key": "shanghai", "name": "x", "rule": rule})
    assert made.status_code == 201, made.text
    for mine in ({"segment": "shanghai"}, {"rule": rule}, {"segment": "shanghai", "rule": {"did": "Opened"}}):
        told = await ask(watched, "trends", event="Opened", measure={"viewers": True}, **mine)
        assert told["lines"][0]["total"] == 20
    split = await ask(watched, "funnels", steps=STEPS, split={"segment": "shanghai"})
    assert [line["split"] and line["split"]["value"] for line in split["lines"]] in (
        [None, False, True],
        [None, True, False],
    )
    assert {line["steps"][0]["viewers"] for line in split["lines"]} == {40, 20}


STEPS: list[dict[str, Any]] = [{"event": "Opened"}, {"event": "Watched"}]


async def test_a_funnel_and_who_dropped_out(watched: Running) -> None:
    asked = {"steps": STEPS, "window": "1d"}
    told = await ask(watched, "funnels", **asked)
    first, second = told["lines"][0]["steps"]
    assert (first["viewers"], first["of_first"], first["median_seconds"], first["small"]) == (40, 1.0, None, False)
    assert (second["viewers"], second["dropped"], second["of_previous"]) == (24, 16, 0.6)
    assert second["median_seconds"] == 12.5 * 3600
    assert (second["small"], second["median_small"]) == (False, True), "40 began, 24 came so far"
    assert await who(watched, "funnels", asked, {"step": 2}) == list(range(1, 25))
    assert await who(watched, "funnels", asked, {"step": 2, "outcome": "dropped"}) == list(range(25, 41))


async def test_retention_by_day(watched: Running) -> None:
    asked = {"entry": {"event": "Opened"}, "returned": {"event": "Opened"}, "by": "day", "periods": 6, "within": "6d"}
    told = await ask(watched, "retention", **asked)
    cohort = next(one for one in told["cohorts"] if one["size"])
    assert (cohort["start"], cohort["size"], cohort["small"]) == ("2026-03-15T00:00:00Z", 40, False)
    assert cohort["returned"] == [0, 10, 0, 0, 0, None]
    assert cohort["partial"] == 5
    assert (told["shares"][1], told["entered"][1]) == (0.25, 40)
    assert told["shares"][4] is None
    cell = {"start": cohort["start"], "period": 2}
    assert await who(watched, "retention", asked, cell) == list(range(1, 11))
    assert await who(watched, "retention", asked, {**cell, "returned": False}) == list(range(11, 41))
    # a share is made of the cohorts for which its period is over; the viewers of both its numbers can be seen
    assert await who(watched, "retention", asked, {"period": 2}) == list(range(1, 11))
    assert await who(watched, "retention", asked, {"period": 2, "returned": False}) == list(range(11, 41))
    assert await who(watched, "retention", asked, {"period": 0}) == list(range(1, 41))
    assert await who(watched, "retention", asked, {"period": 5}) == []
    refused = await save(watched, "retention", asked, {"period": 2}, **{"as": "rule", "key": "share"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-a-rule")
    later = await ask(watched, "retention", **asked, or_after=True)
    cohort = next(one for one in later["cohorts"] if one["size"])
    assert cohort["returned"] == [10, 10, 0, 0, 0, None]


async def test_active_hours_and_a_distribution(watched: Running) -> None:
    told = await ask(watched, "hours", event="Opened", zone="Asia/Shanghai")
    assert told["count"][6][20] == 40  # a Sunday, 12:01 to 12:40 in UTC
    assert told["viewers"][1][20] == 10
    asked = {"event": "Opened", "zone": "Asia/Shanghai"}
    assert await who(watched, "hours", asked, {"weekday": 2, "hour": 20}) == list(range(1, 11))
    spread = await ask(watched, "distribution", event="Opened")
    assert (spread["count"], spread["mean"], spread["quantiles"]["p50"]) == (40, 1.25, 1.0)
    assert [(one["from"], one["count"], one["small"]) for one in spread["bins"]] == [(1.0, 30, False), (2.0, 10, True)]
    bin_ = {name: spread["bins"][1][name] for name in ("from", "to", "last")}
    assert await who(watched, "distribution", {"event": "Opened"}, bin_) == list(range(1, 11))
    seconds = await ask(watched, "distribution", event="Watched", property="seconds", bins=7)
    assert (seconds["min"], seconds["max"], [one["count"] for one in seconds["bins"]]) == (1, 35, [5] * 7)
    nothing = await ask(watched, "distribution", event="Nothing")
    assert (nothing["count"], nothing["mean"], nothing["bins"], nothing["small"]) == (0, None, [], True)


async def save(home: Running, kind: str, request: dict[str, Any], cell: dict[str, Any], **saved: Any) -> Any:
    body = {"request": {"as_of": AS_OF.isoformat(), **request}, "cell": cell, "name": "Saved", **saved}
    return await home.client.post(f"/v1/insights/{kind}/save", json=body)


async def members(home: Running, key: str, expected: Sequence[int]) -> None:
    async def check() -> None:
        page = (await home.client.get(f"/v1/segments/{key}/members", params={"limit": 200})).json()
        assert [one["profile_id"] for one in page["items"]] == list(expected)

    await eventually(check, timeout=30)


CELLS: dict[str, tuple[str, dict[str, Any], dict[str, Any], Sequence[int]]] = {
    "trend": (
        "trends",
        {"event": "Opened", "split": {"property": "kind"}},
        {"start": "2026-03-15T00:00:00Z", "split": {"value": "food"}},
        range(31, 41),
    ),
    "came-back": (
        "retention",
        {"entry": {"event": "Opened"}, "returned": {"event": "Opened"}},
        {"start": "2026-03-15T00:00:00Z", "period": 2},
        range(1, 11),
    ),
    "stayed-away": (
        "retention",
        {"entry": {"event": "Opened"}, "returned": {"event": "Opened"}, "rule": {"trait": "city", "eq": "上海"}},
        {"start": "2026-03-15T00:00:00Z", "period": 2, "returned": False},
        range(12, 41, 2),
    ),
    "twice": ("distribution", {"event": "Opened"}, {"from": 2, "to": 3, "last": True}, range(1, 11)),
    "long": (
        "distribution",
        {"event": "Watched", "property": "seconds"},
        {"from": 30, "to": 35, "last": True},
        range(30, 36),
    ),
}


async def test_a_cell_becomes_a_rule_that_holds_for_its_viewers(watched: Running) -> None:
    for key, (kind, request, cell, expected) in CELLS.items():
        assert await who(watched, kind, request, cell) == list(expected)
        made = await save(watched, kind, request, cell, **{"as": "rule", "key": key})
        assert made.status_code == 201, made.text
    for key, (_, _, _, expected) in CELLS.items():
        await members(watched, key, expected)


async def test_any_event_is_a_star(watched: Running) -> None:
    told = await ask(watched, "trends", event="*", by="day", within="6d", measure={"viewers": True})
    assert (told["lines"][0]["total"], told["lines"][0]["values"][1]) == (40, 40)
    assert (await ask(watched, "trends", event="*", within="6d"))["lines"][0]["total"] == 85
    steps = {"steps": [{"event": "Opened"}, {"event": "*"}], "window": "3d", "within": "6d"}
    assert [step["viewers"] for step in (await ask(watched, "funnels", **steps))["lines"][0]["steps"]] == [40, 35]
    request = {"event": "*", "by": "day", "within": "6d"}
    saved = {"as": "rule", "key": "anybody"}
    made = await save(watched, "trends", request, {"start": told["starts"][1]}, **saved)
    assert made.status_code == 201, made.text
    await members(watched, "anybody", range(1, 41))


async def test_a_cell_becomes_a_list(watched: Running) -> None:
    def themselves(asked: ResolveAsked) -> ResolveAnswered:
        return ResolveAnswered(profile_ids={ref: int(ref) for ref in asked.refs})

    await watched.answer(ResolveAsked, themselves)
    request = {"steps": STEPS, "window": "1d"}
    made = await save(watched, "funnels", request, {"step": 2, "outcome": "dropped"}, key="dropped")
    assert (made.status_code, made.json()["kind"]) == (201, "static")
    await members(watched, "dropped", range(25, 41))
    refused = await save(watched, "funnels", request, {"step": 2}, **{"as": "rule", "key": "reached"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-a-rule")
    taken = await save(watched, "funnels", request, {"step": 2}, key="dropped")
    assert taken.status_code == 409


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("trends", {}, "event"),
        ("trends", {"event": "a", "by": "minute"}, "by"),
        ("trends", {"event": "a", "by": "hour", "from": "2000-01-01"}, "by"),
        ("trends", {"event": "a", "by": "hour", "within": "30d", "split": {"trait": "a"}}, "by"),
        ("trends", {"event": "a", "within": "1d", "from": "2026-01-01"}, "body"),
        ("trends", {"event": "a", "from": "2030-01-01"}, "from"),
        ("trends", {"event": "a", "zone": "Mars"}, "zone"),
        ("trends", {"event": "a", "segment": "nobody"}, "segment"),
        ("trends", {"event": "a", "rule": {"in_segment": "nobody"}}, "rule"),
        ("trends", {"event": "a", "split": {"segment": "nobody"}}, "split.segment"),
        ("trends", {"event": "a", "split": {"trait": "a", "property": "b"}}, "split"),
        ("trends", {"event": "a", "measures": 1}, "measures"),
        ("funnels", {"steps": [{"event": "a"}]}, "steps"),
        ("funnels", {"steps": [{"event": "a", "where": [{"property": "x"}]}, {"event": "b"}]}, "steps[0].where[0]"),
        ("retention", {"entry": {"event": "a"}, "returned": {"event": "b"}, "periods": 0}, "periods"),
        ("hours", {"event": "a", "within": "400d"}, "from"),
        ("distribution", {"event": "a", "property": "x", "sum": "y"}, "body"),
    ],
)
async def test_bad_questions_are_refused_with_the_field(
    home: Running, kind: str, body: dict[str, Any], field: str
) -> None:
    answer = await home.client.post(f"/v1/insights/{kind}", json={"as_of": AS_OF.isoformat(), **body})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("kind", "request_", "cell", "field"),
    [
        ("trends", {"event": "a"}, {"start": "2026-03-15T01:00:00Z"}, "cell.start"),
        ("trends", {"event": "a"}, {"start": "2026-03-15T00:00:00Z", "split": {"value": 1}}, "cell.split"),
        ("funnels", {"steps": STEPS}, {"step": 3}, "cell.step"),
        ("funnels", {"steps": STEPS}, {"step": 1, "outcome": "dropped"}, "cell.step"),
        (
            "retention",
            {"entry": STEPS[0], "returned": STEPS[1], "periods": 3},
            {"start": "2026-03-15T00:00:00Z", "period": 4},
            "cell.period",
        ),
    ],
)
async def test_cells_that_are_none_are_refused(
    home: Running, kind: str, request_: dict[str, Any], cell: dict[str, Any], field: str
) -> None:
    body = {"request": {"as_of": AS_OF.isoformat(), **request_}, "cell": cell}
    answer = await home.client.post(f"/v1/insights/{kind}/viewers", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


async def test_who_may_only_read_does_not_save(home: Running) -> None:
    body = {"request": {"event": "a"}, "cell": {"weekday": 1, "hour": 1}, "key": "a", "name": "a"}
    headers = home.headers("viewer")
    assert (await home.client.post("/v1/insights/hours/save", json=body, headers=headers)).status_code == 403
    assert (await home.client.post("/v1/insights/hours", json={"event": "a"}, headers=headers)).status_code == 200
