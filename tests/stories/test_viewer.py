"""One viewer on one page: what he did, likes and spends, his groups, messages and banners, from every service."""

from __future__ import annotations

from typing import Any

import httpx

from tests.harness.eventually import eventually
from tests.harness.suite import Suite
from tests.stories.test_path import LIKERS, ok


async def test_one_page_about_a_viewer(town: Suite, operator: httpx.AsyncClient, front_end: httpx.AsyncClient) -> None:
    item = {"kind": "video", "title": "Mecha", "tags": ["mecha"], "properties": {"category": "anime"}}
    await ok(operator.put("/v1/items/v9", json=item))
    await ok(operator.post("/v1/segments", json=LIKERS))
    await ok(operator.put("/v1/placements/home-top", json={"name": "Home, top", "slots": 1}))
    creative: dict[str, Any] = {"audience": None, "priority": 1, "content": {"title": "hello"}}
    await ok(operator.put("/v1/placements/home-top/creatives/hello", json=creative))
    campaign = {
        "name": "Thank likers",
        "trigger": {"event": "Content Liked"},
        "channel": "email",
        "content": {"subject": "Hi", "body": "Thank you."},
    }
    await ok(operator.put("/v1/campaigns/thanks", json=campaign))
    await ok(operator.post("/v1/campaigns/thanks/start"))

    sent = 0

    async def like() -> dict[str, float]:
        """Like the item until profile has heard of its tags; the interests so far."""
        nonlocal sent
        sent += 1
        body = {"anonymousId": "phone-9", "event": "Content Liked", "properties": {"content_id": "v9", "tags": ["own"]}}
        await ok(front_end.post("/v1/track", json=body))
        page = await operator.get("/v1/viewers/anonymous_id:phone-9")
        found = page.json()["portrait"]["interests"] if page.is_success else []
        return {one["tag"]: one["share"] for one in found}

    async def heard() -> bool:
        return {"own", "mecha", "anime"} <= (await like()).keys()

    await eventually(heard, timeout=60)
    await ok(front_end.post("/v1/identify", json={"userId": "nine", "anonymousId": "phone-9", "traits": {"age": 30}}))
    order = {"userId": "nine", "event": "Order Completed", "properties": {"revenue": 12.5, "currency": "CNY"}}
    await ok(front_end.post("/v1/track", json=order))

    async def whole() -> dict[str, Any]:
        await ok(front_end.post("/v1/decide", json={"userId": "nine", "placements": ["home-top"]}))
        page: dict[str, Any] = await ok(operator.get("/v1/viewers/user_id:nine"))
        assert page["absent"] == {}
        assert page["portrait"]["spending"]
        assert page["segments"]
        assert page["messages"]
        assert page["banners"]
        return page

    page = await eventually(whole, timeout=60)
    portrait = page["portrait"]
    assert portrait["interactions"] == {"Content Liked": sent, "Order Completed": 1}
    assert portrait["spending"][0]["amount"] == 12.5
    assert portrait["traits"]["age"] == 30
    assert [one["key"] for one in page["segments"]] == ["likers"]
    assert {one["campaign"] for one in page["messages"]} == {"thanks"}
    assert (page["banners"][0]["creative"], page["banners"][0]["reason"]) == ("hello", "everyone")
    document = await ok(operator.get("/openapi.json"))
    assert {"/v1/viewers/{ref}", "/v1/profiles/{ref}/portrait"} <= document["paths"].keys()
