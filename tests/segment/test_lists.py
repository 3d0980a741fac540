"""Lists: kept by hand, put from a file, asked for by segments."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from services.segment.actions import lists
from services.segment.tables import list_rows
from shared import clock, jobs
from shared.contracts import ProfileMerged, ProfileUpdated, SegmentDefined
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.segment.acts import VIP, ask, equals, known, make, member_ids, members, moves
from tests.segment.words import profile


async def test_who_becomes_part_of_another_leaves_him_his_place_on_a_list(home: Running) -> None:
    await known(home, "user_id:u1", "user_id:u3")
    await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
    await make(home, "asks", {"in_segment": "panel"})
    await home.tell(profile(1, 1), profile(2, 1), profile(3, 1))
    for ref in ("user_id:u1", "user_id:u3"):
        await ask(home, "PUT", f"/panel/members/{ref}", status=204)
    await eventually(lambda: equals(member_ids(home, "asks"), {1, 3}))
    merged = ProfileMerged(from_id=1, into_id=2, origins=["user_id:u1"], move=1, at=clock.now())
    await home.tell(merged, ProfileUpdated(profile_id=2, version=2, cause="merge"))
    await eventually(lambda: equals(members(home, "panel"), {2: "merge", 3: "definition"}))
    await eventually(lambda: equals(member_ids(home, "asks"), {2, 3}))
    # Whoever still means the old id means the viewer he is part of now.
    await ask(home, "DELETE", "/panel/members/user_id:u1", status=204)
    await eventually(lambda: equals(member_ids(home, "panel"), {3}))


async def test_a_list_is_kept_by_hand_and_segments_can_ask_for_it(home: Running) -> None:
    await known(home, "user_id:u1", "user_id:u2")
    listed = await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
    assert (listed["kind"], listed["rule"], listed["filling"]) == ("static", None, None)
    await make(home, "panel-vip", {"all": [{"in_segment": "panel"}, VIP]})
    await home.tell(profile(1, 1, vip=True), profile(2, 1, vip=True))
    for ref in ("user_id:u1", "user_id:u1", "user_id:u2"):
        await ask(home, "PUT", f"/panel/members/{ref}", status=204)
    assert await members(home, "panel") == {1: "definition", 2: "definition"}
    await eventually(lambda: equals(member_ids(home, "panel-vip"), {1, 2}))
    await ask(home, "DELETE", "/panel/members/user_id:u2", status=204)
    await eventually(lambda: equals(member_ids(home, "panel-vip"), {1}))
    await eventually(
        lambda: equals(
            moves(home, "panel"), [("definition", "in", 1), ("definition", "in", 2), ("definition", "out", 2)]
        )
    )
    await ask(home, "PUT", "/panel/members/user_id:u9", status=404)
    await ask(home, "PUT", "/panel-vip/members/user_id:u1", status=409)
    await ask(home, "PATCH", "/panel", {"rule": VIP}, status=422)
    await ask(home, "DELETE", "/panel", status=409)
    await ask(home, "POST", "", {"key": "x", "name": "x"}, status=422)
    await ask(home, "POST", "", {"key": "x", "name": "x", "kind": "static", "rule": VIP}, status=422)
    await ask(home, "DELETE", "/panel-vip")
    await ask(home, "DELETE", "/panel")
    await eventually(lambda: equals(member_ids(home, "panel"), set()))
    assert [fact.rule for fact in await home.told(SegmentDefined) if fact.key == "panel"] == [None, None]


async def test_a_file_puts_its_viewers_on_a_list(home: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "AT_ONCE", 7)
    monkeypatch.setattr(lists, "ASKED", 3)
    await known(home, *(f"user_id:u{number}" for number in range(1, 31)))
    await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
    lines = ["\ufeffname,userId", *(f'"n, {number}",u{number}' for number in range(1, 26)), "x,u99", "", "y,"]
    path = "/v1/segments/panel/uploads"
    answer = await home.client.post(path, params={"column": "userId"}, content="\r\n".join(lines).encode())
    assert answer.status_code == 202, answer.text
    job = answer.json()["job_id"]

    async def over() -> None:
        found = await ask(home, "GET", f"/panel/uploads/{job}")
        assert found["state"] == "finished"
        assert (found["done"], found["total"], found["unmatched"]) == (26, 26, 1)
        assert found["first_unmatched"] == [{"line": 27, "ref": "user_id:u99"}]

    await eventually(over)
    assert set(await members(home, "panel")) == set(range(1, 26))
    unmatched = await home.client.get(f"{path}/{job}/unmatched.csv")
    assert unmatched.text.splitlines() == ["line,ref", "27,user_id:u99"]
    await ask(home, "GET", "/panel/uploads/999", status=404)
    gone = await home.client.post(path, params={"action": "remove"}, content=b"user_id\nu1\nu2\nu30\n")
    job = gone.json()["job_id"]
    await eventually(lambda: equals(member_ids(home, "panel"), set(range(3, 26))))
    for body in (b"", b"\xff\xfe", b"a\n" + b"x" * 501):
        assert (await home.client.post(path, content=body)).status_code == 422
    long = f'"{"x" * 200_000}"\nu1'.encode()
    refused = await home.client.post(path, content=long)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body")
    assert (await home.client.post(path, params={"column": "b"}, content=b"a\nu1")).status_code == 422
    with clock.at(clock.now() + timedelta(days=31)):
        async with home.db.transaction() as session:
            await lists.forget(session)
            assert (await session.execute(select(list_rows))).all() == []
    assert (await home.client.post(path, content=b"user_id\ru1\ru2\r")).json()["total"] == 2


async def test_contacts_of_a_file_are_not_kept(home: Running) -> None:
    await known(home, "email:a@x.org-u5")
    await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
    body = b"email\na@x.org-u5\nnobody@x.org\n"
    job = (await home.client.post("/v1/segments/panel/uploads", content=body)).json()["job_id"]

    async def over() -> None:
        found = await ask(home, "GET", f"/panel/uploads/{job}")
        assert (found["state"], found["first_unmatched"]) == ("finished", [{"line": 3, "ref": "email:"}])

    await eventually(over)
    assert set(await members(home, "panel")) == {5}
    async with home.db.transaction() as session:
        assert [row.origin for row in await session.execute(select(list_rows))] == ["email:"]
        assert (await jobs.by_id(session, job)) is not None
