"""Previews tell, before anything is saved, what saving it would give."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from services.segment.app import SERVICE
from services.segment.memory import Memory
from shared import clock
from shared.contracts import ProfileUpdated
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.segment.words import event, profile

LIKED = {"did": "Content Liked", "within": "3d"}


async def ask(home: Running, what: str, expected: int = 200, /, **body: Any) -> Any:
    answer = await home.client.post(f"/v1/segments/preview{what}", json=body)
    assert answer.status_code == expected, answer.text
    return answer.json()


async def known(home: Running, number: int) -> None:
    """Everybody was heard of."""

    async def check() -> None:
        assert (await ask(home, "", rule={"trait": "n", "gte": 0}))["count"] == number

    await eventually(check)


@pytest.fixture
async def crowd(home: Running) -> Running:
    """Twelve viewers of three cities, aged 10 to 65; the last six liked something; the last one tells no city."""
    cities = ["Lyon", "Lyon", "Lyon", "Lyon", "Oslo", "Oslo", "Oslo", "Nice", "Nice", 7, ["a"], None]
    now = clock.now()
    people = [profile(one, 1, n=one, city=city, age=5 + 5 * one) for one, city in enumerate(cities, 1)]
    await home.tell(*people, *(event(one, "Content Liked", now) for one in range(7, 13)))
    await known(home, 12)
    await eventually(lambda: _count(home, LIKED, 6))
    return home


async def _count(home: Running, rule: Any, number: int) -> None:
    assert (await ask(home, "", rule=rule))["count"] == number


async def test_a_preview_counts_and_shows_some(crowd: Running) -> None:
    found = await ask(crowd, "", rule=LIKED)
    assert (found["count"], sorted(found["sample"])) == (6, list(range(7, 13)))
    past = (clock.now() - timedelta(days=1)).isoformat()
    assert (await ask(crowd, "", rule=LIKED, as_of=past))["count"] == 0
    assert (await ask(crowd, "", rule={"not": LIKED}))["count"] == 6


async def test_a_saved_segment_is_previewed_by_its_key(crowd: Running) -> None:
    saved: dict[str, dict[str, Any]] = {
        "likers": {"rule": LIKED},
        "old": {"rule": {"all": [{"in_segment": "likers"}, {"trait": "age", "gte": 60}]}},
    }
    for key, body in saved.items():
        made = await crowd.client.post("/v1/segments", json={"key": key, "name": key, **body})
        assert made.status_code == 201, made.text
    assert sorted((await ask(crowd, "", segment="old"))["sample"]) == [11, 12]
    assert (await ask(crowd, "", rule={"not": {"in_segment": "old"}}))["count"] == 10
    assert (await ask(crowd, "", 404, segment="nobody"))["type"] == "/problems/unknown-segment"
    assert (await ask(crowd, "", 422, rule={"in_segment": "nobody"}))["errors"][0]["field"] == "rule"
    for body in ({}, {"segment": "old", "rule": LIKED}):
        await ask(crowd, "", 422, **body)


async def test_a_split_has_the_frequent_values_the_others_and_the_missing(crowd: Running) -> None:
    everybody = {"trait": "n", "exists": True}
    found = await ask(crowd, "/split", rule=everybody, trait="city", top=2)
    parts = [(one["value"], one["other"], one["missing"], one["count"]) for one in found["parts"]]
    assert parts == [
        ("Lyon", False, False, 4),
        ("Oslo", False, False, 3),
        (None, True, False, 4),
        (None, False, True, 1),
    ]
    assert found["parts"][0]["share"] == pytest.approx(1 / 3)
    assert found["parts"][0]["small"]
    for part in found["parts"]:
        assert (await ask(crowd, "", rule=part["rule"]))["count"] == part["count"], part
    numbers = await ask(crowd, "/split", rule=LIKED, trait="age", top=1)
    assert [(one["value"], one["count"]) for one in numbers["parts"]] == [(40, 1), (None, 5)]
    nobody = await ask(crowd, "/split", rule={"tag": "none"}, trait="city")
    assert (nobody["count"], nobody["parts"]) == (0, [])


@pytest.mark.parametrize(
    "columns",
    [{"trait": "age", "bands": [18, 40]}, {"trait": "age", "top": 3}, {"trait": "age", "top": 20}, {"trait": "no"}],
)
async def test_each_cell_of_a_grid_carries_the_rule_that_makes_it(crowd: Running, columns: Any) -> None:
    everybody = {"trait": "n", "exists": True}
    found = await ask(crowd, "/cross", rule=everybody, rows={"trait": "city", "top": 2}, columns=columns)
    assert found["count"] == 12
    assert [(one["value"], one["other"], one["missing"]) for one in found["rows"]] == [
        ("Lyon", False, False),
        ("Oslo", False, False),
        (None, True, False),
        (None, False, True),
    ]
    assert sum(cell["count"] for line in found["cells"] for cell in line) == 12
    for line in found["cells"]:
        for cell in line:
            assert (await ask(crowd, "", rule=cell["rule"]))["count"] == cell["count"], cell
    if "bands" in columns:
        assert [(one["from"], one["to"]) for one in found["columns"]] == [(None, 18), (18, 40), (40, None)]
        assert [[cell["count"] for cell in line] for line in found["cells"]] == [
            [2, 2, 0],
            [0, 2, 1],
            [0, 0, 4],
            [0, 0, 1],
        ]


async def test_a_rule_that_is_only_tried_is_as_small_as_one_that_is_saved(home: Running) -> None:
    def wide(number: int) -> dict[str, Any]:
        return {"any": [{"trait": f"t{place}", "eq": 1} for place in range(number)]}

    async def save(key: str, rule: dict[str, Any]) -> None:
        made = await home.client.post("/v1/segments", json={"key": key, "name": key, "rule": rule})
        assert made.status_code == 201, made.text

    for number in range(11):
        await save(f"s{number}", wide(95))
    large, fits = ({"any": [{"in_segment": f"s{number}"} for number in range(all_)]} for all_ in (11, 10))
    await ask(home, "", rule=fits)
    for what, body in (("", {}), ("/split", {"trait": "n"}), ("/contacts", {})):
        refused = await ask(home, what, 422, rule=large, **body)
        assert (refused["errors"][0]["field"], "1068 parts" in refused["detail"]) == ("rule", True), refused
    insight = await home.client.post("/v1/insights/trends", json={"event": "a", "rule": large})
    assert (insight.status_code, insight.json()["errors"][0]["field"]) == (422, "rule")
    # nor does a segment become larger than those who ask it can bear
    await save("ten", {"all": [fits, wide(27)]})
    refused = (await home.client.patch("/v1/segments/s0", json={"rule": wide(99)})).json()
    assert "'ten', which asks it, would have 1004 parts" in refused["detail"]


async def test_a_purpose_that_nobody_was_asked_for_is_a_slip(home: Running) -> None:
    slip = {"all": [{"tag": "x"}, {"consent": "emial"}]}
    refused = await ask(home, "", 422, rule=slip)
    assert (refused["errors"][0]["field"], "did you mean 'email'?" in refused["detail"]) == ("rule.all.1.consent", True)
    made = await home.client.post("/v1/segments", json={"key": "a", "name": "a", "rule": slip})
    assert made.status_code == 422
    for purpose in ("email", "survey", "*"):
        await ask(home, "", rule={"consent": purpose})
    await home.tell(ProfileUpdated(profile_id=1, version=1, traits={"n": 1}, consent={"emial": True}))
    await known(home, 1)
    assert (await ask(home, "", rule={"consent": "emial"}))["count"] == 1


async def test_a_cell_that_no_rule_can_say_has_none(crowd: Running) -> None:
    many = {"any": [{"trait": "n", "gte": 0}] * 97}
    found = await ask(crowd, "/cross", rule=many, rows={"trait": "city"}, columns={"trait": "age"})
    assert found["cells"][0][0]["rule"] is None


async def test_an_overlap_counts_who_is_in_both(crowd: Running) -> None:
    rules = {"likers": LIKED, "old": {"trait": "age", "gte": 50}, "nobody": {"tag": "none"}}
    for key, rule in rules.items():
        await crowd.client.post("/v1/segments", json={"key": key, "name": key, "rule": rule})

    async def check() -> None:
        segments = (await crowd.client.get("/v1/segments")).json()["items"]
        assert [one["size"] for one in segments] == [6, 4, 0]

    await eventually(check)
    found = await ask(crowd, "/overlap", rule={"trait": "age", "gte": 40})
    assert found["count"] == 6
    assert [(one["key"], one["size"], one["both"], one["of_rule"], one["of_segment"]) for one in found["segments"]] == [
        ("likers", 6, 6, 1.0, 1.0),
        ("old", 4, 4, pytest.approx(2 / 3), 1.0),
        ("nobody", 0, 0, 0.0, None),
    ]
    assert all(one["small"] for one in found["segments"])
    assert found["matrix"] == [[6, 6, 4, 0], [6, 6, 4, 0], [4, 4, 4, 0], [0, 0, 0, 0]]
    chosen = await ask(crowd, "/overlap", segment="old", **{"with": ["likers"]})
    assert chosen["matrix"] == [[4, 4], [4, 6]]
    refused = await ask(crowd, "/overlap", 422, rule=LIKED, **{"with": ["likers", "unknown"]})
    assert refused["errors"][0]["field"] == "with[1]"


async def test_contacts_are_estimated_by_channel(home: Running) -> None:
    def person(one: int, has: list[str], **consent: bool) -> Any:
        return ProfileUpdated(profile_id=one, version=1, traits={"n": one}, has=has, consent=consent)

    await home.tell(
        person(1, ["email", "push"], email=True),
        person(2, ["email"], marketing=False),
        person(3, ["email", "sms"], phone=False),
        person(4, ["email"], **{"*": False}),
        person(5, ["email"], personalisation=False),
        person(6, [], email=True),
        person(7, ["email"], marketing=True),
    )
    await known(home, 7)
    found = await ask(home, "/contacts", rule={"trait": "n", "gte": 0})
    assert (found["count"], found["purpose"]) == (7, "marketing")
    assert found["channels"] == [
        {"channel": "email", "reachable": 6, "contactable": 3, "agreed": 2},
        {"channel": "push", "reachable": 1, "contactable": 1, "agreed": 0},
        {"channel": "sms", "reachable": 1, "contactable": 0, "agreed": 0},
    ]
    other = await ask(home, "/contacts", rule={"trait": "n", "gte": 0}, purpose="survey")
    assert other["channels"][0] == {"channel": "email", "reachable": 6, "contactable": 4, "agreed": 1}


async def test_a_preview_that_takes_too_long_is_stopped(home: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = "SELECT a.range AS profile_id FROM range(100000000) a, range(1000000) b WHERE hash(a.range, b.range) % 7 = 3"
    await ask(home, "", rule=LIKED)
    monkeypatch.setattr("services.segment.actions.previews.SECONDS", 0.3)
    monkeypatch.setattr("services.segment.rules.compile.tree.Compiled.sql", slow)
    found = await ask(home, "", 503, rule=LIKED)
    assert found["type"] == "/problems/warehouse-too-slow"
    assert isinstance(home.house.memory, Memory)
    assert home.house.memory.warehouse.pid is not None


async def test_questions_that_take_long_hold_no_connection(
    open_house: Callable[..., Opening], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight of them, and a pool of two connections: the live work and other calls go on."""
    home = await open_house(SERVICE, pool_size=1)
    warehouse = home.house.memory.warehouse
    query, waiting, go = warehouse.query, 0, asyncio.Event()

    async def slow(*args: Any, **options: Any) -> Any:
        nonlocal waiting
        waiting += 1
        await go.wait()
        return await query(*args, **options)

    async def waits(number: int) -> None:
        assert waiting == number

    monkeypatch.setattr(warehouse, "query", slow)
    chart = asyncio.create_task(home.client.post("/v1/insights/trends", json={"event": "Content Liked"}))
    asked: list[asyncio.Task[Any]] = []
    for number in range(1, 8):
        await eventually(partial(waits, number))
        asked.append(asyncio.create_task(ask(home, "", rule=LIKED)))
    await eventually(partial(waits, 8))
    made = {"key": "likers", "name": "l", "rule": LIKED}
    assert (await home.client.post("/v1/segments", json=made)).status_code == 201
    await home.tell(event(1, "Content Liked", clock.now()))

    async def entered() -> None:
        assert (await home.client.get("/v1/segments/likers")).json()["size"] == 1

    await eventually(entered)
    go.set()
    assert (await chart).status_code == 200
    counts = [one["count"] for one in await asyncio.gather(*asked)]
    assert counts == [0] * 7, "as of the moment they were asked"
