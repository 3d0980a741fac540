"""A newcomer without data loads the demo: groups fill, banners differ, and loading it again changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from deploy.tools import demo
from tests.harness.eventually import eventually
from tests.harness.suite import Suite
from tests.stories.test_kuairand import all_read, ask
from tests.stories.test_path import ok

DEMO = ("demo", "--viewers", "80", "--days", "10")


async def load(town: Suite) -> str:
    """Run the command; what it printed."""
    done = await asyncio.to_thread(town.run, *DEMO)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 refused" in done.stdout
    return done.stdout


async def members(operator: httpx.AsyncClient, key: str) -> list[int]:
    """Profile ids in a segment."""
    page = await ok(operator.get(f"/v1/segments/{key}/members?limit=200"))
    return [item["profile_id"] for item in page["items"]]


async def timeline(town: Suite, mark: str) -> tuple[Any, ...]:
    """Number and content of all calls profile has recorded, once everything is read."""
    await all_read(town, mark)
    query = """
        SELECT count(*), md5(string_agg(message_id || time || profile_id, ',' ORDER BY id)) FROM events
        WHERE origin NOT LIKE 'user_id:last-%'
    """
    return tuple((await ask(town, "profile", query))[0])


async def user_id(operator: httpx.AsyncClient, profile_id: int) -> str:
    """What the demo calls this viewer."""
    profile = await ok(operator.get(f"/v1/profiles/{profile_id}"))
    return str(next(each["value"] for each in profile["identities"] if each["namespace"] == "user_id"))


async def test_the_demo_shows_something_and_is_loaded_once(
    town: Suite, operator: httpx.AsyncClient, front_end: httpx.AsyncClient
) -> None:
    printed = await load(town)
    assert town.secrets()["secret_key"] in printed

    async def filled() -> None:
        assert await members(operator, "anime-fans")
        assert await members(operator, "silent-viewers")

    await eventually(filled, timeout=60)
    fans, silent = await members(operator, "anime-fans"), await members(operator, "silent-viewers")

    async def banners_differ() -> None:
        shown = {}
        for name, profile_id in (("fan", fans[0]), ("silent", next(each for each in silent if each not in fans))):
            user = await user_id(operator, profile_id)
            answer = await ok(front_end.post("/v1/decide", json={"userId": user, "placements": [demo.PLACEMENT]}))
            shown[name] = answer["decisions"][0]["creative"]["key"]
        stranger = {"anonymousId": "nobody-yet", "placements": [demo.PLACEMENT]}
        shown["stranger"] = (await ok(front_end.post("/v1/decide", json=stranger)))["decisions"][0]["creative"]["key"]
        assert shown == {"fan": "anime-week", "silent": "welcome-back", "stranger": "for-everyone"}

    await eventually(banners_differ, timeout=30)
    campaign = await ok(operator.get(f"/v1/campaigns/{demo.CAMPAIGN}"))
    assert campaign["state"] == "draft"
    assert not any(campaign["messages"].values())

    before = await timeline(town, "first")
    await load(town)
    assert await timeline(town, "second") == before
