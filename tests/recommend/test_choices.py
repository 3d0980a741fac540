"""Who switched personalisation off is shown what everybody is shown, whatever he did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.contracts import ProfileUpdated
from tests.harness.houses import Running
from tests.recommend.conftest import Decide
from tests.recommend.words import linked, moved

Eventually = Callable[..., Awaitable[Any]]


def said(profile_id: int, version: int, **consent: bool) -> ProfileUpdated:
    return ProfileUpdated(profile_id=profile_id, version=version, consent=consent)


@pytest.fixture
async def home(running: Running) -> Running:
    """A placement with one creative for those who like, one for everyone; two users who like."""
    assert (await running.client.put("/v1/placements/home", json={"name": "Home, top"})).status_code == 200
    for key, audience, priority in (("for-likers", {"segment": "likers"}, 10), ("for-all", None, 0)):
        body = {"audience": audience, "priority": priority, "content": {"title": key}}
        assert (await running.client.put(f"/v1/placements/home/creatives/{key}", json=body)).status_code == 200
    await running.tell(linked(1, "user_id", "u1"), linked(2, "user_id", "u2"))
    await running.tell(moved("likers", entered=(1,)), moved("likers", entered=(2,)))
    return running


async def test_the_switch_binds_the_next_decision_and_can_be_turned_back(
    home: Running, decide: Decide, eventually: Eventually
) -> None:
    async def sees(user: str, reason: str) -> None:
        async def right() -> bool:
            (decision,) = await decide("home", user_id=user)
            return decision.reason == reason

        await eventually(right)

    await sees("u1", "segment:likers")
    await home.tell(said(1, 2, personalisation=False))
    await sees("u1", "everyone")
    await home.tell(moved("likers", left=(1,)), moved("likers", entered=(1,)))
    await home.tell(said(2, 2, email=False), said(1, 1))  # another's answer, and an older one
    await sees("u2", "segment:likers")
    await sees("u1", "everyone")
    await home.tell(said(1, 3, personalisation=True))
    await sees("u1", "segment:likers")
