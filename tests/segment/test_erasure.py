"""Who asks to be forgotten is in no bitmap any more, in the log neither; who asks what is known is told where he is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from services.segment.rules.blocks import unpack
from services.segment.tables import blocks, list_rows, transitions
from shared import clock, jobs
from shared.contracts import ErasureAnswered, ErasureAsked, PersonAnswered, PersonAsked, ProfileErased
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.segment.acts import VIP, ask, equals, known, make, member_ids, members, moves
from tests.segment.words import event, profile


async def _person(home: Running) -> dict[str, list[dict[str, Any]]]:
    """Everything segment knows of viewer 1."""
    found: dict[str, list[dict[str, Any]]] = {}
    after: str | None = None
    more = True
    while more:
        asked = PersonAsked(profile_ids=[1], origins=["user_id:u1"], after=after)
        page = await home.house.bus.ask(asked, PersonAnswered, to="segment")
        found.setdefault(page.table, []).extend(page.rows)
        after = page.next
        more = after is not None
    return found


async def test_nothing_of_an_erased_viewer_stays_in_bitmaps_log_and_lists(home: Running) -> None:
    await known(home, "user_id:u1", "user_id:u17")
    await make(home, "vip", VIP)
    await make(home, "liked", {"did": "Content Liked"})
    await ask(home, "POST", "", {"key": "panel", "name": "Panel", "kind": "static"}, status=201)
    # 17 is in the block of 1, so that his bits must stay
    await home.tell(profile(1, 1, vip=True), profile(17, 1, vip=True), event(1, "Content Liked", clock.now()))
    await eventually(lambda: equals(member_ids(home, "vip"), {1, 17}))
    await home.tell(profile(1, 2), profile(1, 3, vip=True))
    for ref in ("user_id:u1", "user_id:u17"):
        await ask(home, "PUT", f"/panel/members/{ref}", status=204)
    async with home.db.transaction() as session:
        job = await jobs.begin(session, "other", "x", {})
        await session.execute(list_rows.insert().values(job_id=job, place=2, origin="user_id:u1", unmatched=True))
    await eventually(lambda: equals(member_ids(home, "liked"), {1}))

    person = await _person(home)
    assert {row["segment"] for row in person["blocks"]} == {"vip", "liked", "panel"}
    told = [(row["segment"], row["entered"]) for row in person["transitions"]]
    assert told.count(("vip", True)) >= 1
    assert ("panel", True) in told
    assert [row["origin"] for row in person["list_rows"]] == ["user_id:u1"]

    await home.tell(ProfileErased(erasure_id=5, profile_id=1, origins=["user_id:u1"]))
    await eventually(lambda: equals(member_ids(home, "vip"), {17}))
    assert await members(home, "panel") == {17: "definition"}
    assert await members(home, "liked") == {}
    assert (await home.client.get("/v1/segments/liked")).json()["size"] == 0
    await eventually(lambda: equals(_erased(home), {("erase", "out", 1)}))
    async with home.db.transaction() as session:
        for row in await session.execute(select(blocks)):
            assert 0 not in unpack(row.bitmap), "the place of viewer 1 in partition 1"
        for row in await session.execute(select(transitions)):
            assert 0 not in unpack(row.entered) | unpack(row.left)
            assert row.entered is not None or row.left is not None
        assert (await session.execute(select(list_rows))).all() == []
    answer = await home.house.bus.ask(
        ErasureAsked(erasure_id=5, profile_ids=[1], origins=["user_id:u1"]), ErasureAnswered, to="segment"
    )
    assert answer.left == {}
    assert answer.rows["blocks"] == 3
    assert answer.rows["transitions"] >= 3
    assert answer.rows["viewers"] == 1
    assert not any((await _person(home)).values())


async def _erased(home: Running) -> set[tuple[str, str, int]]:
    return {one for key in ("vip", "liked", "panel") for one in await moves(home, key) if one[0] == "erase"}
