"""Rules that ask about tags: live on what profile tells, and refused with a path where they say nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.segment.app import SERVICE
from shared.contracts import AmongAnswered, AmongAsked, MembersAnswered, MembersAsked, ProfileUpdated
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.segment.acts import make, members, moves
from tests.segment.words import profile


async def holds(home: Running, key: str, expected: set[int]) -> None:
    async def check() -> None:
        assert set(await members(home, key)) == expected

    await eventually(check)


async def test_a_tag_lets_in_and_its_loss_lets_out(home: Running) -> None:
    await make(home, "fans", {"tag": "anime"})
    await make(home, "others", {"not": {"tag": "anime"}})
    await home.tell(profile(1, 1, "anime", "new"), profile(2, 1, "new"))
    await holds(home, "fans", {1})
    await holds(home, "others", {2})
    await home.tell(profile(1, 2, "new"), profile(2, 2, "new", "anime"))
    await holds(home, "fans", {2})
    await holds(home, "others", {1})
    assert await moves(home, "fans") == [("rule", "in", 1), ("rule", "out", 1), ("rule", "in", 2)]


async def test_an_older_version_does_not_bring_a_tag_back(home: Running) -> None:
    await make(home, "fans", {"tag": "anime"})
    await home.tell(profile(1, 2), profile(1, 1, "anime"), profile(2, 1, "anime"))
    await holds(home, "fans", {2})


async def test_a_new_segment_is_filled_by_the_tags_that_are_there(home: Running) -> None:
    await home.tell(profile(1, 1, "anime"), profile(2, 1, "动漫", "it's"))
    await make(home, "first", {"any": [{"tag": "anime"}, {"tag": "动漫"}]})
    await holds(home, "first", {1, 2})
    await make(home, "quoted", {"tag": "it's"})
    await holds(home, "quoted", {2})
    answer = await home.client.post("/v1/segments/preview", json={"rule": {"not": {"tag": "it's"}}})
    assert answer.json()["sample"] == [1]


async def test_tags_of_a_snapshot_count_and_are_no_news(open_house: Callable[..., Opening]) -> None:
    present = [ProfileUpdated(profile_id=7, version=3, tags=["anime"])]
    home = await open_house(SERVICE, present=present)
    await make(home, "fans", {"tag": "anime"})
    await holds(home, "fans", {7})
    assert {cause for cause, _, _ in await moves(home, "fans")} == {"fill"}


async def test_what_is_no_tag_is_refused_with_its_place(home: Running) -> None:
    async def refused(rule: Any) -> list[Any]:
        answer = await home.client.post("/v1/segments", json={"key": "k", "name": "k", "rule": rule})
        assert answer.status_code == 422
        return [(one["field"], one["message"]) for one in answer.json()["errors"]]

    assert await refused({"tag": ""}) == [("rule.tag", "must be a text that is not empty")]
    assert await refused({"all": [{"tag": "x", "gte": 1}]}) == [
        ("rule.all[0].gte", "unknown field; known are tag, weight"),
    ]
    assert (await refused({"tga": "x"}))[0][1].endswith("did you mean 'tag'?")


async def test_members_are_answered_page_by_page_and_not_of_an_archived_segment(home: Running) -> None:
    await home.tell(*(profile(n, 1, "anime") for n in range(1, 6)))
    await make(home, "fans", {"tag": "anime"})

    async def ask(key: str, after: int = 0, limit: int = 2) -> list[int]:
        asked = MembersAsked(key=key, after=after, limit=limit)
        return (await home.house.bus.ask(asked, MembersAnswered)).profile_ids

    await holds(home, "fans", {1, 2, 3, 4, 5})
    assert [await ask("fans"), await ask("fans", 2), await ask("fans", 4)] == [[1, 2], [3, 4], [5]]
    assert await ask("nothing") == []
    among = AmongAsked(keys=["fans", "nothing"], profile_ids=[7, 2, 5])
    assert (await home.house.bus.ask(among, AmongAnswered)).members == {"fans": [2, 5]}
    await home.client.delete("/v1/segments/fans")
    assert await ask("fans") == []
