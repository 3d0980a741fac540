"""Tags by rule: the members of a segment have them as they come and go."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from services.profile.actions import following
from services.profile.rules import tags as rules
from services.profile.store import followers
from services.profile.store import tags as store
from shared import clock, roaring
from shared.contracts import MembersAnswered, MembersAsked, ProfileUpdated, SegmentChanged, SegmentDefined, partition_of
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.profile.acts import ask, make, told, viewers


def test_a_circle_is_found_over_segments_and_tags() -> None:
    asks = {"fans": {"anime"}, "vips": {"rich", "fans-tag"}, "plain": set[str]()}
    assert rules.circle("anime", "fans", asks, {}) == ["anime", "fans", "anime"]
    assert rules.circle("other", "fans", asks, {}) is None
    assert rules.circle("anime", "plain", asks, {"x": "fans"}) is None
    follows = {"fans-tag": "fans", "loop": "loop"}
    assert rules.circle("anime", "vips", asks, follows) == ["anime", "vips", "fans-tag", "fans", "anime"]
    assert rules.circle("new", "vips", asks | {"loop": {"loop"}}, follows) is None


def test_tags_of_a_rule_are_found_at_any_depth() -> None:
    rule = {"all": [{"tag": "a"}, {"not": {"any": [{"tag": "b"}, {"trait": "tag", "eq": "c"}, {"did": "x"}]}}]}
    assert rules.asked(rule) == {"a", "b"}
    assert rules.asked(None) == set()


class Segment:
    """Segment, played: it has members, answers who they are, and tells how they change."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.members: dict[str, set[int]] = {}
        self.asked: list[int] = []
        self.version = 0

    async def open(self) -> Segment:
        await self.running.answer(MembersAsked, self.answer)
        return self

    def answer(self, asked: MembersAsked) -> MembersAnswered:
        self.asked.append(asked.after)
        members = sorted(one for one in self.members.get(asked.key, ()) if one > asked.after)
        return MembersAnswered(profile_ids=members[: asked.limit])

    async def define(self, key: str, rule: Any = None, *, archived: bool = False) -> None:
        self.version += 1
        fact = SegmentDefined(key=key, name=key, version=self.version, rule=rule or {"did": "x"}, archived=archived)
        await self.running.tell(fact)

        async def known() -> None:
            async with self.running.db.transaction() as session:
                found = await session.execute(text("SELECT version FROM heard_segments WHERE key = :k"), {"k": key})
                assert found.scalar_one_or_none() == self.version

        await eventually(known)

    async def move(
        self, key: str, *, entered: tuple[int, ...] = (), left: tuple[int, ...] = (), packed: bool = False
    ) -> None:
        self.members.setdefault(key, set()).update(entered)
        self.members[key] -= set(left)
        for one in (*entered, *left):
            fact = SegmentChanged(
                key=key,
                version=1,
                part=partition_of(one),
                cause="rule",
                at=clock.now(),
                entered=[one] if one in entered and not packed else [],
                left=[one] if one in left and not packed else [],
                entered_roaring=roaring.pack([one]) if one in entered and packed else b"",
                left_roaring=roaring.pack([one]) if one in left and packed else b"",
            )
            await self.running.tell(fact)


@pytest.fixture
async def segment(running: Running) -> Segment:
    return await Segment(running).open()


async def filled(running: Running, key: str) -> Any:
    async def check() -> Any:
        found = await ask(running, "GET", f"/v1/tags/{key}")
        assert not found["filling"], found
        return found

    return await eventually(check)


FANS: dict[str, Any] = {"kind": "rule", "rule": {"segment": "fans"}}


async def test_members_of_a_segment_have_its_tag_as_they_come_and_go(running: Running, segment: Segment) -> None:
    await viewers(running, 4)
    segment.members["fans"] = {1, 2}
    await segment.define("fans")
    await make(running, "fan", **FANS)
    await told(running, {1: ["fan"], 2: ["fan"], 3: []})
    await segment.move("fans", entered=(3,), left=(1,), packed=True)
    await told(running, {1: [], 2: ["fan"], 3: ["fan"], 4: []})
    assert (await filled(running, "fan"))["size"] == 2
    (held,) = await ask(running, "GET", "/v1/profiles/3/tags")
    assert (held["source"], held["origin"], held["kind"]) == ("rule:fans", None, "rule")
    problem = await ask(running, "DELETE", "/v1/profiles/3/tags/fan", status=409)
    assert "fans" in problem["detail"]
    await segment.move("others", entered=(4,))
    await segment.move("fans", entered=(1,))
    await told(running, {1: ["fan"], 4: []})


async def test_a_large_segment_is_taken_over_page_by_page(running: Running, segment: Segment) -> None:
    segment.members["fans"] = set(range(1, 2501))
    await segment.define("fans")
    await make(running, "fan", adopt=False, **FANS)
    assert (await filled(running, "fan"))["size"] == 2500
    assert segment.asked == [0, 1000, 2000]


async def test_what_the_stream_tells_while_it_is_filled_counts_more_than_an_older_answer(
    running: Running, segment: Segment
) -> None:
    await viewers(running, 3)
    await segment.define("fans")
    # The answer holds 1 and 2; before it is written down the stream has told that 1 left and 3 entered.
    async with running.db.transaction() as session:
        values = {"name": "fan", "weight": 1.0, "lifetime": None, "kind": "rule", "segment": "fans"}
        await store.define(session, "fan", clock.now(), values | {"state": "in_use", "filling": "0", "problem": None})
        for one, gone in ((1, True), (3, False)):
            await following.follow(
                session,
                [
                    SegmentChanged(
                        key="fans",
                        version=1,
                        part=one,
                        cause="rule",
                        at=clock.now(),
                        entered=[] if gone else [one],
                        left=[one] if gone else [],
                    )
                ],
            )
        assert await followers.found_following(session, "fan", [1, 2], clock.now()) == {2}
        held = await store.held(session, [1, 2, 3], clock.now())
    assert {one: list(tags) for one, tags in held.items()} == {2: ["fan"], 3: ["fan"]}


async def test_a_tag_that_would_depend_on_itself_is_refused(running: Running, segment: Segment) -> None:
    await segment.define("fans", {"not": {"tag": "fan"}})
    problem = await ask(running, "PUT", "/v1/tags/fan", {"name": "fan", **FANS}, status=409)
    assert problem["type"] == "/problems/circle"
    assert "fan → fans → fan" in problem["detail"]


async def test_a_circle_made_later_settles_and_ends_when_the_rule_is_another(
    running: Running, segment: Segment
) -> None:
    await viewers(running, 3)
    segment.members["fans"] = {1}
    await segment.define("fans")
    await make(running, "fan", **FANS)
    await told(running, {1: ["fan"]})
    await filled(running, "fan")
    await segment.define("fans", {"not": {"tag": "fan"}})
    found = await ask(running, "GET", "/v1/tags/fan")
    assert "fan → fans → fan" in found["problem"]
    before = len(await running.told(ProfileUpdated))
    await segment.move("fans", entered=(2,), left=(1,))
    await segment.define("marker")
    assert len(await running.told(ProfileUpdated)) == before, "it stands still"
    await told(running, {1: ["fan"], 2: []})
    await segment.define("fans", {"did": "other"})
    await told(running, {1: [], 2: ["fan"]})
    assert (await filled(running, "fan"))["problem"] is None


async def test_an_archived_segment_takes_its_tag_with_it(running: Running, segment: Segment) -> None:
    await viewers(running, 2)
    segment.members["fans"] = {1, 2}
    await segment.define("fans")
    await make(running, "fan", **FANS)
    await told(running, {1: ["fan"], 2: ["fan"]})
    await filled(running, "fan")
    await segment.define("fans", archived=True)
    await told(running, {1: [], 2: []})
    assert (await ask(running, "GET", "/v1/tags/fan"))["problem"] == "its segment is archived"
    body = {"name": "again", "kind": "rule", "rule": {"segment": "fans"}}
    await ask(running, "PUT", "/v1/tags/again", body, status=422)


async def test_a_snapshot_told_anew_takes_tags_from_those_who_are_not_in_it(running: Running, segment: Segment) -> None:
    await viewers(running, 3)
    segment.members["fans"] = {1, 2}
    await segment.define("fans")
    await make(running, "fan", **FANS)
    await told(running, {1: ["fan"], 2: ["fan"]})
    await filled(running, "fan")
    segment.members["fans"] = {2, 3}
    async with running.db.transaction() as session:
        await following.begin_again(session)
    await told(running, {1: [], 2: ["fan"], 3: ["fan"]})
    assert (await filled(running, "fan"))["size"] == 2
