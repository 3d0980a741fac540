"""A segment's life: versions and their authors, its end and its return, and what it must not be."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from services.segment.store import definitions
from shared import jobs
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.segment.acts import VIP, ask, equals, filled, known, make, members
from tests.segment.words import profile


async def test_versions_differ_and_an_old_one_comes_back(home: Running) -> None:
    await home.tell(profile(1, 1, age=20), profile(2, 1, age=30))
    await make(home, "adults", {"all": [{"trait": "age", "gte": 18}, {"not": VIP}]})
    await ask(home, "PATCH", "/adults", {"name": "Older", "rule": {"all": [{"trait": "age", "gte": 25}]}})
    await filled(home, "adults")
    assert set(await members(home, "adults")) == {2}
    told = await ask(home, "GET", "/adults/versions")
    assert [(one["version"], one["name"]) for one in told] == [(2, "Older"), (1, "adults")]
    found = await ask(home, "GET", "/adults/diff", before=1, after=2)
    assert found["differences"] == [
        {"path": ["name"], "before": "adults", "after": "Older"},
        {"path": ["rule", "all", 0, "gte"], "before": 18, "after": 25},
        {"path": ["rule", "all", 1], "before": {"not": VIP}, "after": None},
    ]
    again = await ask(home, "POST", "/adults/versions/1/rollback")
    assert (again["version"], again["name"], again["rule"]) == (3, "adults", told[1]["rule"])
    await filled(home, "adults")
    assert set(await members(home, "adults")) == {1, 2}
    assert (await ask(home, "POST", "/adults/versions/1/rollback"))["version"] == 3, "it says so already"
    await ask(home, "POST", "/adults/versions/9/rollback", status=404)
    await ask(home, "GET", "/adults/diff", before=0, after=1, status=422)


async def test_what_was_archived_can_be_restored(home: Running) -> None:
    await home.tell(profile(1, 1, vip=True), profile(2, 1), profile(3, 1, vip=True))
    await make(home, "vip", VIP)
    await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
    await known(home, "user_id:u1", "user_id:u2")
    for ref in ("user_id:u1", "user_id:u2"):
        await ask(home, "PUT", f"/panel/members/{ref}", status=204)
    await ask(home, "POST", "/vip/restore", status=409)
    for key in ("vip", "panel"):
        await ask(home, "DELETE", f"/{key}")
    for key in ("vip", "panel"):
        await eventually(partial(_emptied, home, key))
    for key, expected in (("vip", {1, 3}), ("panel", {1, 2})):
        found = await ask(home, "POST", f"/{key}/restore")
        assert (found["archived"], found["version"]) == (False, 3)
        await filled(home, key)
        assert set(await members(home, key)) == expected
    # it lives: events move its members again
    await home.tell(profile(2, 2, vip=True))
    await eventually(lambda: equals(members(home, "vip"), {1: "fill", 2: "rule", 3: "fill"}))
    await ask(home, "POST", "/nothing/restore", status=404)


async def _emptied(home: Running, key: str) -> None:
    async with home.db.transaction() as session:
        assert (await jobs.latest(session, "fill", [key]))[key].state != "running"


async def test_versions_have_an_author_and_nobody_undoes_what_another_said_meanwhile(home: Running) -> None:
    body = {"key": "vip", "name": "vip", "rule": VIP}
    made = await home.client.post("/v1/segments", json=body, headers=home.headers("operator", caller_id="ann"))
    assert made.headers["ETag"] == '"1"'
    seen = (await home.client.get("/v1/segments/vip")).headers["ETag"]
    bob = {**home.headers("operator", caller_id="bob"), "If-Match": seen}
    named = await home.client.patch("/v1/segments/vip", json={"name": "Very"}, headers=bob)
    assert (named.status_code, named.headers["ETag"]) == (200, '"2"')
    for method, path, wanted in (
        ("PATCH", "", {"name": "Other"}),
        ("PUT", "", {"name": "Other", "rule": VIP}),
        ("DELETE", "", None),
        ("POST", "/versions/1/rollback", None),
    ):
        late = await home.client.request(method, f"/v1/segments/vip{path}", json=wanted, headers={"If-Match": seen})
        assert (late.status_code, late.json()["type"]) == (412, "/problems/changed-meanwhile"), path
    assert (await home.client.delete("/v1/segments/vip", headers={"If-Match": '"7", "2"'})).status_code == 200
    told = await ask(home, "GET", "/vip/versions")
    assert [(one["version"], one["by"]) for one in told] == [(3, "test"), (2, "bob"), (1, "ann")]


async def test_rules_that_are_too_large_together_are_refused(home: Running) -> None:
    await make(home, "s0", {"any": [{"trait": f"t{number}", "eq": 1} for number in range(40)]})
    rule = {"any": [{"in_segment": "s0"}, {"in_segment": "s0"}, *({"trait": f"x{n}", "eq": 1} for n in range(30))]}
    await make(home, "s1", {"any": [rule, {"in_segment": "s0"}]})
    for number in range(1, 60):
        body = {"key": f"s{number + 1}", "name": "s", "rule": {"any": [{"in_segment": f"s{number}"}, VIP, rule]}}
        answer = await home.client.post("/v1/segments", json=body)
        if answer.status_code == 422:
            assert "parts" in answer.json()["detail"]
            return
    raise AssertionError("a thousand parts were taken")


async def test_a_fill_that_was_given_up_begins_again_when_the_same_is_saved_again(
    home: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise ValueError("out of order")

    monkeypatch.setattr(definitions, "filled", broken)
    await ask(home, "POST", "", {"key": "vip", "name": "V", "rule": VIP}, status=201)

    async def failed() -> None:
        assert (await ask(home, "GET", "/vip"))["filling"]["state"] == "failed"

    await eventually(failed)
    monkeypatch.undo()
    again = await ask(home, "PATCH", "/vip", {"rule": VIP})
    assert (again["version"], again["filling"]["state"]) == (1, "running")
    await filled(home, "vip")
