"""A tag goes round: segment finds who likes anime, profile tags them, and another segment asks for the tag."""

from __future__ import annotations

from typing import Any

import httpx

from tests.harness.eventually import eventually
from tests.harness.suite import Suite

LIKED = {"did": "Content Liked", "where": [{"property": "category", "eq": "anime"}]}


async def done(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


async def test_a_tag_by_rule_reaches_a_segment_that_asks_for_it(town: Suite, operator: httpx.AsyncClient) -> None:
    key = (town.secrets()["write_key"], "")

    async def like(user: str) -> None:
        properties = {"category": "anime"}
        body = {"userId": user, "event": "Content Liked", "properties": properties, "messageId": f"tags-{user}"}
        async with httpx.AsyncClient(base_url=town.url, auth=key) as front_end:
            await done(await front_end.post("/v1/track", json=body))

    async def profile_id(user: str) -> int:
        async def known() -> int:
            found = await done(await operator.get(f"/v1/profiles/user_id:{user}"))
            return int(found["profile_id"])

        return await eventually(known, timeout=20)

    async def members(expected: set[int]) -> None:
        async def check() -> None:
            page = await done(await operator.get("/v1/segments/tagged-anime/members"))
            assert {one["profile_id"] for one in page["items"]} == expected

        await eventually(check, timeout=30)

    await done(await operator.post("/v1/segments", json={"key": "likers-of-anime", "name": "l", "rule": LIKED}))
    await like("tags-before")
    before = await profile_id("tags-before")
    wanted = {"name": "Anime", "kind": "rule", "rule": {"segment": "likers-of-anime"}}

    async def made() -> None:
        await done(await operator.put("/v1/tags/anime-fan", json=wanted))

    await eventually(made, timeout=20)
    rule = {"tag": "anime-fan"}
    await done(await operator.post("/v1/segments", json={"key": "tagged-anime", "name": "t", "rule": rule}))
    refused = await operator.post("/v1/tags/anime-fan/adopt", json={"goal": "Order Completed"})
    assert refused.status_code == 409, refused.text
    await done(await operator.post("/v1/tags/anime-fan/adopt", json={"force": True}))
    await members({before})
    await like("tags-after")
    after = await profile_id("tags-after")
    await members({before, after})
    held = await done(await operator.get("/v1/profiles/user_id:tags-after/tags"))
    assert [(one["key"], one["source"]) for one in held] == [("anime-fan", "rule:likers-of-anime")]
    circle = {"name": "Round", "kind": "rule", "rule": {"segment": "tagged-anime"}}
    await done(await operator.put("/v1/tags/round", json=circle))
    found = await done(await operator.get("/v1/tags/anime-fan/validation", params={"goal": "Content Liked"}))
    assert (found["coverage"]["count"], found["small_sample"]) == (2, True)
    document = (await operator.get("/openapi.json")).json()
    assert {"/v1/tags/{key}/validation", "/v1/traits/definitions/{name}"} <= set(document["paths"])


async def test_a_segment_that_is_used_is_not_archived(town: Suite, operator: httpx.AsyncClient) -> None:
    """Campaign, recommend and profile each say what they need it for; when nothing does any more, it goes."""
    await done(await operator.post("/v1/segments", json={"key": "used", "name": "u", "rule": LIKED}))
    content = {
        "subject": "Hello",
        "body": "Hello",
        "variants": [{"when": {"segment": "used"}, "subject": "Hello", "body": "You"}],
    }
    for key, trigger in (("by-entry", {"segment_entered": "used"}), ("by-text", {"event": "Order Completed"})):
        body = {"name": key, "trigger": trigger, "channel": "email", "content": content}
        await done(await operator.put(f"/v1/campaigns/{key}", json=body))
    await done(await operator.put("/v1/placements/used-top", json={"name": "Top", "slots": 1}))
    creative = "/v1/placements/used-top/creatives/hero"
    await done(
        await operator.put(creative, json={"audience": {"segment": "used"}, "priority": 1, "content": {"title": "x"}})
    )

    async def tagged() -> None:
        wanted = {"name": "Used", "kind": "rule", "rule": {"segment": "used"}}
        await done(await operator.put("/v1/tags/used-tag", json=wanted))

    await eventually(tagged, timeout=20)
    shown = await done(await operator.get("/v1/segments/used/dependencies"))
    assert [(one["kind"], one["key"]) for one in shown["used_by"]] == [
        ("campaign", "by-entry"),
        ("campaign", "by-text"),
        ("tag", "used-tag"),
        ("creative", "used-top/hero"),
    ]
    assert shown["unasked"] == []
    refused = await operator.delete("/v1/segments/used")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/needed")
    for name in ("'by-entry'", "'by-text'", "'used-tag'", "'used-top/hero'"):
        assert name in refused.json()["detail"]
    for path in ("/v1/campaigns/by-entry", "/v1/campaigns/by-text", "/v1/placements/used-top", "/v1/tags/used-tag"):
        assert (await operator.delete(path)).is_success
    assert (await done(await operator.delete("/v1/segments/used")))["archived"]
