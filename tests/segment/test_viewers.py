"""Segment's part of a viewer's page."""

from __future__ import annotations

from datetime import timedelta

from shared import clock
from shared.contracts import MembershipsAnswered, MembershipsAsked, ProfileUpdated
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.segment.words import event


async def test_the_segments_a_viewer_is_in(home: Running) -> None:
    for key, name in (("b-likers", "Liked"), ("a-all", "Also"), ("never", "Never"), ("gone", "Gone")):
        did = {"did": "Other"} if key == "never" else {"did": "Content Liked"}
        assert (await home.client.post("/v1/segments", json={"key": key, "name": name, "rule": did})).is_success
    await home.client.delete("/v1/segments/gone")
    await home.tell(event(7, "Content Liked", clock.now() - timedelta(seconds=1)))

    async def there() -> None:
        answer = await home.house.bus.ask(MembershipsAsked(profile_id=7), MembershipsAnswered)
        assert [(one.key, one.name) for one in answer.segments] == [("a-all", "Also"), ("b-likers", "Liked")]

    await eventually(there)
    nobody = await home.house.bus.ask(MembershipsAsked(profile_id=8), MembershipsAnswered)
    assert (nobody.segments, nobody.scores) == ([], {})
    await home.tell(ProfileUpdated(profile_id=9, version=1, scores={"churn": 0.25}))

    async def scored() -> None:
        assert (await home.house.bus.ask(MembershipsAsked(profile_id=9), MembershipsAnswered)).scores == {"churn": 0.25}

    await eventually(scored)
