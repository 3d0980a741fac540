"""Recommend's part of a viewer's page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from shared.contracts import BannersAnswered, BannersAsked
from tests.harness.houses import Running
from tests.recommend.conftest import Decide
from tests.recommend.words import linked

Eventually = Callable[..., Awaitable[Any]]


async def test_what_a_viewer_was_shown_newest_first(running: Running, decide: Decide, eventually: Eventually) -> None:
    for placement in ("home", "empty"):
        assert (await running.client.put(f"/v1/placements/{placement}", json={"name": "P"})).is_success
    body = {"audience": None, "priority": 0, "content": {"title": "T"}}
    assert (await running.client.put("/v1/placements/home/creatives/hello", json=body)).is_success
    await running.tell(linked(7, "user_id", "u7"))

    async def known() -> bool:
        await decide("home", "empty", user_id="u7")
        return bool((await asked(7)).banners)

    async def asked(profile_id: int) -> BannersAnswered:
        return await running.house.bus.ask(BannersAsked(profile_id=profile_id), BannersAnswered)

    await eventually(known)
    found = (await asked(7)).banners
    assert [(one.placement, one.creative, one.reason) for one in found[:2]] == [
        ("home", "hello", "everyone"),
        ("empty", None, "no_match"),
    ]
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    assert (await asked(8)).banners == []
