"""Recommend's HTTP doors: what goes in comes out, and bad input is refused by name and changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.recommend.actions import items, placements
from shared.contracts import ItemUpdated
from tests.harness.houses import Running

Eventually = Callable[..., Awaitable[Any]]
VIDEO = {"kind": "video", "title": "Otters", "tags": ["animals"], "creator_id": "c1", "properties": {"seconds": 12}}
CREATIVE = {"audience": {"segment": "likers"}, "priority": 10, "content": {"title": "Hi", "link_url": "https://e.com"}}


async def test_a_placement_lives_and_goes_with_its_creatives(running: Running) -> None:
    client = running.client
    made = await client.put("/v1/placements/home-top", json={"name": "Home, top", "slots": 2})
    assert made.status_code == 200
    put = await client.put("/v1/placements/home-top/creatives/spring", json=CREATIVE)
    assert put.status_code == 200
    assert {**put.json(), **CREATIVE, "key": "spring"} == put.json()
    await client.put("/v1/placements/home-top/creatives/all", json={"content": {"title": "x", "badge": "new"}})
    whole = (await client.get("/v1/placements/home-top")).json()
    assert (whole["name"], whole["slots"]) == ("Home, top", 2)
    assert [one["key"] for one in whole["creatives"]] == ["spring", "all"]
    assert whole["creatives"][1]["audience"] is None
    changed = await client.put("/v1/placements/home-top", json={"name": "Top"})
    assert (changed.json()["name"], changed.json()["slots"]) == ("Top", 1)
    assert changed.json()["created_at"] == made.json()["created_at"]
    assert (await client.get("/v1/placements/home-top/creatives/spring")).json()["priority"] == 10
    assert (await client.delete("/v1/placements/home-top/creatives/spring")).status_code == 204
    assert (await client.get("/v1/placements/home-top/creatives/spring")).status_code == 404
    assert (await client.delete("/v1/placements/home-top")).status_code == 204
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/report"),
        ("GET", "/creatives/all"),
        ("DELETE", "/creatives/all"),
    ):
        answer = await client.request(method, f"/v1/placements/home-top{path}")
        assert answer.status_code == 404, (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.put("/v1/placements/home-top/creatives/x", json=CREATIVE)).status_code == 404


async def test_lists_go_by_cursor(running: Running) -> None:
    for number in range(5):
        await running.client.put(f"/v1/placements/p{number}", json={"name": "P"})
        await running.client.put(f"/v1/items/i{number}", json=VIDEO)
    for path, name, keys in (
        ("/v1/placements", "key", [f"p{n}" for n in range(5)]),
        ("/v1/items", "id", [f"i{n}" for n in range(5)]),
    ):
        found: list[str] = []
        cursor = ""
        for _ in range(3):
            page = (await running.client.get(f"{path}?limit=2{cursor}")).json()
            found += [one[name] for one in page["items"]]
            cursor = f"&cursor={page['next']}"
        assert found == keys
        assert page["next"] is None
    other = (await running.client.get("/v1/items?limit=1")).json()["next"]
    assert (await running.client.get(f"/v1/placements?cursor={other}")).status_code == 422
    assert (await running.client.get("/v1/items?cursor=nonsense")).status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/placements/home", {"name": "x", "slots": 0}, "slots"),
        ("/v1/placements/home", {"name": "x", "slots": 21}, "slots"),
        ("/v1/placements/home", {"name": ""}, "name"),
        ("/v1/placements/home", {"name": "a\x00b"}, "name"),
        ("/v1/placements/home", {"slots": 1}, "name"),
        ("/v1/placements/home", {"name": "x", "slot": 1}, "slot"),
        ("/v1/placements/home", [1], "body"),
        ("/v1/placements/ho%20me", {"name": "x"}, "key"),
        ("/v1/placements/a%00b", {"name": "x"}, "key"),
        ("/v1/placements/home/creatives/c", {"content": {}}, "content"),
        ("/v1/placements/home/creatives/c", {"content": {"title": 1}}, "content.title"),
        ("/v1/placements/home/creatives/c", {"content": {"link_url": "javascript:alert(1)"}}, "content"),
        ("/v1/placements/home/creatives/c", {"content": {"image_url": "/local.png"}}, "content"),
        ("/v1/placements/home/creatives/c", {"content": {"title": "a\x00"}}, "content.title"),
        ("/v1/placements/home/creatives/c", {"content": {"title": "x"}, "priority": 2**40}, "priority"),
        ("/v1/placements/home/creatives/c", {"content": {"title": "x"}, "audience": "likers"}, "audience"),
        ("/v1/placements/home/creatives/c", {"content": {"title": "x"}, "audience": {"tag": "x"}}, "audience.tag"),
        ("/v1/items/v1", {**VIDEO, "kind": "film"}, "kind"),
        ("/v1/items/v1", {**VIDEO, "url": "ftp://x"}, "url"),
        ("/v1/items/v1", {**VIDEO, "tags": [""]}, "tags[0]"),
        ("/v1/items/v1", {**VIDEO, "properties": {"a": ["\x00"]}}, "properties.a[0]"),
        ("/v1/items/v1", {**VIDEO, "properties": {"a": "x" * 20_000}}, "properties"),
        ("/v1/items/" + "x" * 201, VIDEO, "item_id"),
        ("/v1/items/a%00b", VIDEO, "item_id"),
    ],
)
async def test_bad_input_is_refused_by_name(shared_house: Running, path: str, body: Any, field: str) -> None:
    answer = await shared_house.client.put(path, json=body)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]], answer.text
    assert (await shared_house.client.get("/v1/items")).json()["items"] == []
    (home,) = (await shared_house.client.get("/v1/placements")).json()["items"]
    assert (await shared_house.client.get("/v1/placements/home")).json()["creatives"] == []
    assert home["name"] == "untouched"


async def test_only_who_may_write_writes(running: Running) -> None:
    viewer = running.headers("viewer")
    client = running.client
    for method, path, body in (
        ("PUT", "/v1/placements/home", {"name": "x"}),
        ("DELETE", "/v1/placements/home", None),
        ("PUT", "/v1/placements/home/creatives/c", CREATIVE),
        ("DELETE", "/v1/placements/home/creatives/c", None),
        ("PUT", "/v1/items/v1", VIDEO),
        ("POST", "/v1/items/bulk", {"items": []}),
    ):
        answer = await client.request(method, path, json=body, headers=viewer)
        assert answer.status_code == 403, (method, path)
    assert (await client.get("/v1/placements", headers=viewer)).status_code == 200
    assert (await client.get("/v1/items", headers=viewer)).status_code == 200


async def test_there_is_an_end_to_creatives(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placements, "MOST_CREATIVES", 2)
    monkeypatch.setattr(placements, "MOST_PLACEMENTS", 1)
    await running.client.put("/v1/placements/home", json={"name": "x"})
    statuses = [
        (await running.client.put(f"/v1/placements/home/creatives/c{n}", json=CREATIVE)).status_code
        for n in (1, 2, 3, 2)
    ]
    assert statuses == [200, 200, 409, 200]
    assert (await running.client.put("/v1/placements/other", json={"name": "x"})).status_code == 409
    assert (await running.client.put("/v1/placements/home", json={"name": "y"})).status_code == 200


async def test_an_item_is_told_when_it_really_changes(running: Running, eventually: Eventually) -> None:
    client = running.client
    for body in (VIDEO, VIDEO, {**VIDEO, "active": False, "url": "https://e.com/v"}, {**VIDEO, "active": False}):
        answer = await client.put("/v1/items/a%2Fb", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["id"] == "a/b"
    assert (await client.get("/v1/items/a%2Fb")).json()["active"] is False
    assert (await client.get("/v1/items/nothing")).status_code == 404

    async def told() -> None:
        facts = await running.told(ItemUpdated)
        assert [(one.item_id, one.active, one.properties.get("url")) for one in facts] == [
            ("a/b", True, None),
            ("a/b", False, "https://e.com/v"),
            ("a/b", False, None),
        ]
        assert facts[0].item_kind == "video"
        assert facts[0].properties == {"seconds": 12}

    await eventually(told)


async def test_bulk_keeps_the_good_lists_the_bad_and_can_be_sent_again(
    running: Running, eventually: Eventually
) -> None:
    good = [{"id": f"v{number}", **VIDEO} for number in range(500)]
    bad = [
        {"id": "no-kind", "title": "x"},
        {**VIDEO, "id": "odd", "colour": "red"},
        {**VIDEO, "id": ""},
        VIDEO,
        {**VIDEO, "id": "v7"},
        {**VIDEO, "id": "v999", "url": "javascript:alert(1)"},
        {**VIDEO, "id": "nul", "tags": ["a\x00"]},
    ]
    first = await running.client.post("/v1/items/bulk", json={"items": good + bad})
    assert first.status_code == 200, first.text
    assert (first.json()["changed"], first.json()["unchanged"]) == (500, 0)
    assert [(one["index"], one["id"], one["field"]) for one in first.json()["errors"]] == [
        (500, "no-kind", "items[500].kind"),
        (501, "odd", "items[501].colour"),
        (502, "", "items[502].id"),
        (503, None, "items[503].id"),
        (504, "v7", "items[504].id"),
        (505, "v999", "items[505].url"),
        (506, "nul", "items[506].tags[0]"),
    ]
    assert "unknown field" in first.json()["errors"][1]["message"]
    await eventually(lambda: _told(running, 500))
    again = await running.client.post("/v1/items/bulk", json={"items": good})
    assert again.json() == {"changed": 0, "unchanged": 500, "errors": []}
    one_more = await running.client.post("/v1/items/bulk", json={"items": [*good[:99], {**good[99], "title": "Seals"}]})
    assert (one_more.json()["changed"], one_more.json()["unchanged"]) == (1, 99)
    await eventually(lambda: _told(running, 501))
    too_many = await running.client.post("/v1/items/bulk", json={"items": good + good + good})
    assert too_many.status_code == 422


async def _told(running: Running, count: int) -> None:
    assert len(await running.told(ItemUpdated)) == count


async def test_a_newcomer_gets_the_catalogue(running: Running) -> None:
    await running.client.post("/v1/items/bulk", json={"items": [{"id": f"v{n}", **VIDEO} for n in range(5)]})
    found: list[str] = []
    after: str | None = None
    for _ in range(3):
        async with running.db.transaction() as session:
            facts, after = await items.snapshot(session, after, 2)
        found += [fact.item_id for fact in facts]
    assert found == ["v0", "v1", "v2", "v3", "v4"]
    assert after is None
