"""Unmodified tracking SDKs deliver to the gateway."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import sensorsanalytics

from tests.harness.eventually import eventually
from tests.harness.suite import Suite


@pytest.mark.parametrize("gzip", [False, True])
async def test_segment_delivers(town: Suite, operator: httpx.AsyncClient, gzip: bool) -> None:
    """segment-analytics-python, plain and compressed."""
    from segment.analytics.client import Client

    user = f"segment-{gzip}"
    errors: list[Any] = []

    def deliver() -> None:
        client = Client(
            town.secrets()["write_key"],
            host=town.url,
            gzip=gzip,
            on_error=lambda error, items: errors.append((error, items)),
            max_retries=1,
        )
        client.identify(user, {"name": "Wei", "plan": "vip"})
        for number in range(120):
            client.track(user, "Content Opened", {"content_id": str(number)})
        client.flush()
        client.join()

    await asyncio.to_thread(deliver)
    assert errors == []

    async def delivered() -> None:
        assert await count(operator, user) == 120
        profile = (await operator.get(f"/v1/profiles/user_id:{user}")).json()
        assert profile["traits"] == {"name": "Wei", "plan": "vip"}

    await eventually(delivered, timeout=20)


async def test_rudder_delivers(town: Suite, operator: httpx.AsyncClient) -> None:
    """rudder-sdk-python compresses by itself and takes nothing but 200 as success."""
    from rudderstack.analytics.client import Client

    errors: list[Any] = []

    def deliver() -> None:
        client = Client(
            town.secrets()["write_key"],
            host=town.url,
            on_error=lambda error, items: errors.append((error, items)),
            max_retries=1,
        )
        client.identify("rudder", {"name": "Na"})
        for number in range(120):
            client.track("rudder", "Content Liked", {"content_id": str(number)})
        client.flush()
        client.join()

    await asyncio.to_thread(deliver)
    assert errors == []

    async def delivered() -> None:
        assert await count(operator, "rudder") == 120

    await eventually(delivered, timeout=20)


async def count(operator: httpx.AsyncClient, user: str) -> int:
    """Events in a viewer's timeline, over all pages."""
    found, cursor = 0, None
    pages = 0
    while pages == 0 or cursor:
        params = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        answer = await operator.get(f"/v1/profiles/user_id:{user}/events", params=params)
        if answer.status_code == 404:
            return 0
        page = answer.json()
        found, cursor, pages = found + sum(one["event"] is not None for one in page["items"]), page["next"], pages + 1
    return found


@pytest.mark.parametrize("kind", ["default", "batch"])
async def test_sensors_analytics_delivers(town: Suite, operator: httpx.AsyncClient, kind: str) -> None:
    """DefaultConsumer and BatchConsumer, both of which pack with gzip.

    AsyncBatchConsumer is left out: its close() can wait for ever for its own thread, whatever the server does.
    """
    user, phone = f"sensors-{kind}", f"phone-{kind}"
    url = f"{town.url}/sa?project={town.secrets()['write_key']}"
    makers: dict[str, Any] = {
        "default": sensorsanalytics.DefaultConsumer,
        "batch": sensorsanalytics.BatchConsumer,
    }

    def deliver() -> None:
        sdk = sensorsanalytics.SensorsAnalytics(makers[kind](url))
        sdk.track(phone, "VideoOpened", {"content_id": "v0", "$utm_source": "bili"})
        sdk.track_signup(user, phone)
        for number in range(60):
            sdk.track(user, "VideoLiked", {"content_id": f"v{number}", "$os": "iOS"}, is_login_id=True)
        sdk.profile_set(user, {"plan": "vip", "gone": 1}, is_login_id=True)
        for source in ("first", "second"):
            sdk.profile_set_once(user, {"came_by": source}, is_login_id=True)
            sdk.profile_append(user, {"likes": ["anime", source]}, is_login_id=True)
            sdk.profile_increment(user, {"coins": 5}, is_login_id=True)
        sdk.profile_unset(user, ["gone"], is_login_id=True)
        sdk.close()

    await asyncio.to_thread(deliver)

    async def delivered() -> None:
        profile = (await operator.get(f"/v1/profiles/user_id:{user}")).json()
        traits = profile.get("traits", {})
        assert {name: traits.get(name) for name in ("plan", "came_by", "coins", "gone")} == {
            "plan": "vip",
            "came_by": "first",
            "coins": 10,
            "gone": None,
        }, profile
        assert sorted(traits["likes"]) == ["anime", "first", "second"]
        query: dict[str, str | int] = {"limit": 200, "event": "VideoLiked"}
        events = (await operator.get(f"/v1/profiles/user_id:{user}/events", params=query)).json()["items"]
        assert len(events) == 60
        assert events[0]["context"]["os"] == {"name": "iOS"}
        ids = {f"{one['namespace']}:{one['value']}" for one in profile["identities"]}
        assert {f"user_id:{user}", f"anonymous_id:{phone}"} <= ids, "the phone's visits are his"
        touches = (await operator.get(f"/v1/profiles/user_id:{user}/touches")).json()
        assert touches["first"]["source"] == "bili"

    await eventually(delivered, timeout=30)
