"""The HTTP door: what it answers, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared import clock
from shared.contracts import SegmentDefined
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.segment.words import event

RULE = {"did": "Content Liked"}


async def post(home: Running, **body: Any) -> Any:
    return await home.client.post("/v1/segments", json=body)


async def test_a_segment_is_made_read_changed_and_archived(home: Running) -> None:
    made = await post(home, key="likers", name="Liked lately", rule=RULE)
    assert made.status_code == 201
    assert made.json()["rule"] == RULE
    assert (await home.client.get("/v1/segments/likers")).json()["name"] == "Liked lately"
    same = await home.client.put("/v1/segments/likers", json={"name": "Liked lately", "rule": RULE})
    assert same.json()["version"] == 1
    named = await home.client.patch("/v1/segments/likers", json={"name": "New"})
    assert (named.json()["version"], named.json()["name"]) == (2, "New")
    said = await home.client.put("/v1/segments/likers", json={"name": "New", "rule": {"did": "Other"}})
    assert (said.json()["version"], said.json()["rule"]) == (3, {"did": "Other"})
    for _ in range(2):
        assert (await home.client.delete("/v1/segments/likers")).json()["version"] == 4
    assert (await home.client.patch("/v1/segments/likers", json={"name": "x"})).status_code == 409
    assert (await post(home, key="likers", name="Again", rule=RULE)).status_code == 409

    async def told() -> None:
        assert [fact.version for fact in await home.told(SegmentDefined)] == [1, 2, 3, 4]

    await eventually(told)


async def test_lists_page_by_cursor(home: Running) -> None:
    for number in range(5):
        await post(home, key=f"s{number}", name="x", rule=RULE)
    await home.client.delete("/v1/segments/s4")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params: dict[str, Any] = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await home.client.get("/v1/segments", params=params)).json()
        assert len(page["items"]) <= 2
        seen += [item["key"] for item in page["items"]]
        cursor = page["next"]
    assert seen == ["s0", "s1", "s2", "s3", "s4"]
    left = (await home.client.get("/v1/segments", params={"archived": False})).json()
    assert [item["key"] for item in left["items"]] == ["s0", "s1", "s2", "s3"]
    for cursor in (
        "nonsense",
        "eyJpZCI6ImEifQ",
        "eyJ4IjoxfQ",
        "eyJpZCI6LTF9",
        "eyJpZCI6MTAwMDAwMDAwMDAwMDAwMDAwMDAwfQ",
    ):
        answer = await home.client.get("/v1/segments", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


async def test_members_page_by_cursor(home: Running) -> None:
    await home.tell(*(event(key, "Content Liked", clock.now()) for key in range(1, 8)))
    await eventually(lambda: _counts(home, {"rule": RULE}, 7))
    await post(home, key="likers", name="x", rule=RULE)

    async def full() -> None:
        assert (await home.client.get("/v1/segments/likers")).json()["size"] == 7

    await eventually(full)
    first = (await home.client.get("/v1/segments/likers/members", params={"limit": 4})).json()
    rest = (await home.client.get("/v1/segments/likers/members", params={"limit": 4, "cursor": first["next"]})).json()
    assert [item["profile_id"] for item in first["items"] + rest["items"]] == list(range(1, 8))
    assert rest["next"] is None
    assert {item["cause"] for item in first["items"]} == {"fill"}
    assert all(item["since"].endswith("Z") for item in first["items"])


async def _counts(home: Running, body: dict[str, Any], count: int) -> Any:
    answer = (await home.client.post("/v1/segments/preview", json=body)).json()
    assert answer["count"] == count
    return answer


async def test_a_preview_looks_from_its_instant(home: Running) -> None:
    now = clock.now()
    then = now - timedelta(days=10)
    await home.tell(
        *(event(key, "Content Liked", then - timedelta(days=1), history=True) for key in range(1, 31)),
        event(31, "Content Liked", then + timedelta(seconds=1), history=True),
        event(32, "Content Liked", now),
    )
    rule = {"did": "Content Liked", "within": "3d"}
    await eventually(lambda: _counts(home, {"rule": rule}, 1))
    past = await _counts(home, {"rule": rule, "as_of": then.isoformat()}, 30)
    assert len(past["sample"]) == 20
    assert set(past["sample"]) < set(range(1, 31))
    await _counts(home, {"rule": {"not": rule}, "as_of": then.isoformat()}, 2)
    local = await _counts(home, {"rule": rule, "as_of": "2022-04-30T08:00:00+08:00"}, 0)
    assert local["as_of"] == "2022-04-30T00:00:00Z"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "key"),
        ({"key": "a", "name": "x"}, "rule"),
        ({"key": "A b", "name": "x", "rule": RULE}, "key"),
        ({"key": "a-", "name": "x", "rule": RULE}, "key"),
        ({"key": "graph", "name": "x", "rule": RULE}, "key"),
        ({"key": "a\n", "name": "x", "rule": RULE}, "key"),
        ({"key": "a" * 65, "name": "x", "rule": RULE}, "key"),
        ({"key": "a", "name": " ", "rule": RULE}, "name"),
        ({"key": "a", "name": "x\x00", "rule": RULE}, "name"),
        ({"key": "a", "name": "x", "rule": RULE, "rules": 1}, "rules"),
        ({"key": "a", "name": "x", "rule": {"all": [{"did": "x", "times": {"gte": "1"}}]}}, "rule.all[0].times.gte"),
        ({"key": "a", "name": "x", "rule": {"all": [{"in_segments": "vip"}]}}, "rule.all[0]"),
        ({"key": "a", "name": "x", "rule": {"trait": "a", "eq": "\x00"}}, "rule.eq"),
    ],
)
async def test_bad_segments_are_refused_with_the_field(home: Running, body: dict[str, Any], field: str) -> None:
    answer = await home.client.post("/v1/segments", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field
    assert (await home.client.get("/v1/segments")).json()["items"] == []


@pytest.mark.parametrize("as_of", ["yesterday", "2022-04-30T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_bad_instants_are_refused(home: Running, as_of: str) -> None:
    answer = await home.client.post("/v1/segments/preview", json={"rule": RULE, "as_of": as_of})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "as_of")


async def test_what_is_not_there_is_404_and_what_cannot_be_is_422(home: Running) -> None:
    for method, path in (
        ("GET", "/v1/segments/none"),
        ("GET", "/v1/segments/none/members"),
        ("DELETE", "/v1/segments/none"),
    ):
        answer = await home.client.request(method, path)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-segment")
    assert (await home.client.patch("/v1/segments/none", json={"name": "x"})).status_code == 404
    assert (await home.client.get("/v1/segments/%00")).status_code == 422
    assert (await home.client.get("/v1/segments", params={"limit": 201})).status_code == 422
    assert (await home.client.post("/v1/segments", content=b"{nope")).status_code == 422


async def test_a_viewer_of_the_console_may_look_and_not_touch(home: Running) -> None:
    await post(home, key="likers", name="x", rule=RULE)
    headers = home.headers("viewer")
    assert (await home.client.get("/v1/segments/likers", headers=headers)).status_code == 200
    assert (await home.client.post("/v1/segments/preview", json={"rule": RULE}, headers=headers)).status_code == 200
    assert (await home.client.delete("/v1/segments/likers", headers=headers)).status_code == 403
    body = {"key": "b", "name": "x", "rule": RULE}
    assert (await home.client.post("/v1/segments", json=body, headers=headers)).status_code == 403
