"""The unmodified 神策 SDK delivers: events, sign-up, and every word about traits, each once."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import sensorsanalytics

from tests.harness.eventually import eventually
from tests.harness.suite import Suite


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
