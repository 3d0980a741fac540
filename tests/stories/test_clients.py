"""Unmodified tracking SDKs deliver to the gateway."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

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
