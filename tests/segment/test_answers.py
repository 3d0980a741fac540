"""What segment answers to others about its members, and what its acts leave for the audit log."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from services.segment.actions import memberships
from services.segment.actions.lists import LIST
from services.segment.tables import segments
from shared import clock, jobs
from shared.contracts import MembersAnswered, MembersAsked, ResolveAnswered, ResolveAsked
from tests.harness.houses import Running
from tests.segment.acts import filled, make
from tests.segment.conftest import undone
from tests.segment.words import profile


async def test_members_say_whether_they_are_all(home: Running) -> None:
    async def ask() -> MembersAnswered:
        return await home.house.bus.ask(MembersAsked(key="fans"), MembersAnswered)

    unknown = await ask()
    assert (unknown.state, unknown.complete, unknown.profile_ids) == ("unknown", False, [])
    await home.tell(profile(1, 1, "anime"))
    await make(home, "fans", {"tag": "anime"})
    await filled(home, "fans")
    whole = await ask()
    assert (whole.state, whole.complete, whole.profile_ids) == ("alive", True, [1])
    assert whole.as_of is not None
    assert whole.as_of <= clock.now()
    async with home.house.db.transaction() as session:
        await session.execute(update(segments).values(filling="definition"))
    half = await ask()
    assert (half.state, half.complete) == ("alive", False)
    await home.client.delete("/v1/segments/fans")
    gone = await ask()
    assert (gone.state, gone.complete, gone.profile_ids) == ("archived", False, [])


async def test_a_list_is_not_complete_while_a_file_is_being_taken_in(engine: AsyncEngine) -> None:
    async with undone(engine) as session:
        at = clock.now()
        for key in ("vips", "vip"):
            await session.execute(
                segments.insert().values(key=key, name=key, kind="static", version=1, created_at=at, updated_at=at)
            )
        await jobs.begin(session, LIST, f"vips {at.isoformat()}", {"segment_id": 1, "on": True})
        found = {key: await memberships.after(session, MembersAsked(key=key)) for key in ("vips", "vip")}
        assert {key: one.complete for key, one in found.items()} == {"vips": False, "vip": True}


async def test_acts_leave_a_note_for_the_audit_log(home: Running) -> None:
    await home.answer(ResolveAsked, lambda _: ResolveAnswered(profile_ids={"user_id:u7": 7}))
    rule = {"tag": "anime"}

    async def noted(method: str, path: str, note: str, json: object = None, content: str | None = None) -> None:
        answer = await home.client.request(method, f"/v1/segments{path}", json=json, content=content)
        assert answer.status_code < 300, answer.text
        assert answer.headers["x-marquee-audit"] == note, path

    await noted("POST", "", "segments.create segment:fans version:1", {"key": "fans", "name": "Fans", "rule": rule})
    await noted("PATCH", "/fans", "segments.change segment:fans version:2", {"name": "Friends"})
    await noted("PUT", "/fans", "segments.change segment:fans version:3", {"name": "Fans", "rule": rule})
    await noted("POST", "/fans/versions/2/rollback", "segments.rollback segment:fans version:4")
    await noted("GET", "/fans/members.csv", "segments.export segment:fans")
    copy = {"key": "copy", "name": "Copy"}
    await noted("POST", "/fans/snapshot", "segments.snapshot segment:copy version:1", copy)
    await noted("PUT", "/copy/members/user_id:u7", "segments.add segment:copy profile:7")
    await noted("DELETE", "/copy/members/user_id:u7", "segments.remove segment:copy profile:7")
    await noted("POST", "/copy/uploads", "segments.upload segment:copy job:2 add", content="user_id\nu7\n")
    await noted("DELETE", "/fans", "segments.archive segment:fans version:5")
    assert "x-marquee-audit" not in (await home.client.get("/v1/segments/fans")).headers
