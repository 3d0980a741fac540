"""The whole path: an event comes in, the viewer is grouped, reached once, and sees another banner."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import nats
import pytest

from tests.harness.eventually import eventually
from tests.harness.suite import Suite
from tests.stories.conftest import Mailbox

LIKERS = {
    "key": "likers",
    "name": "Liked lately",
    "rule": {"did": "Content Liked", "times": {"gte": 1}, "within": "3d"},
}


async def ok(call: Any) -> Any:
    """The body of an answer that must be a success."""
    answer: httpx.Response = await call
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


async def decided(front_end: httpx.AsyncClient, user: str) -> dict[str, Any]:
    """What this viewer sees on the home page."""
    answer = await ok(front_end.post("/v1/decide", json={"userId": user, "placements": ["home-top"]}))
    decision: dict[str, Any] = answer["decisions"][0]
    return decision


@pytest.fixture(scope="module", autouse=True)
async def campaign(town: Suite) -> None:
    """A segment, a placement with two creatives, and a campaign by e-mail on entry."""
    async with town.client() as operator:
        await ok(operator.post("/v1/segments", json=LIKERS))
        await ok(operator.put("/v1/placements/home-top", json={"name": "Home, top", "slots": 1}))
        for key, audience, priority in (("fans", {"segment": "likers"}, 10), ("hello", None, 1)):
            content = {"title": key, "link_url": f"https://example.com/{key}"}
            body: dict[str, Any] = {"audience": audience, "priority": priority, "content": content}
            await ok(operator.put(f"/v1/placements/home-top/creatives/{key}", json=body))
        body = {
            "name": "Thank likers",
            "trigger": {"segment_entered": "likers"},
            "channel": "email",
            "content": {"subject": "Hi {{ profile.traits.name }}", "body": "Thank you, {{ profile.traits.name }}."},
        }
        await ok(operator.put("/v1/campaigns/thanks", json=body))
        await ok(operator.post("/v1/campaigns/thanks/start"))


async def test_a_like_changes_segment_banner_and_mailbox(
    operator: httpx.AsyncClient, front_end: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    """Within a second the outsider is a member, sees the members' banner, and gets exactly one e-mail."""
    traits = {"name": "Lin", "email": "lin@example.com"}
    await ok(front_end.post("/v1/identify", json={"userId": "lin", "anonymousId": "phone-1", "traits": traits}))
    await ok(
        front_end.post("/v1/track", json={"userId": "lin", "event": "Content Shown", "properties": {"content_id": "7"}})
    )
    assert (await decided(front_end, "lin"))["creative"]["key"] == "hello"

    like = {"userId": "lin", "event": "Content Liked", "properties": {"content_id": "7"}}
    began = time.monotonic()
    await ok(front_end.post("/v1/track", json=like))

    async def changed() -> bool:
        return bool((await decided(front_end, "lin"))["reason"] == "segment:likers")

    await eventually(changed, timeout=5)
    assert time.monotonic() - began < 5  # how fast it really is stands in `./marquee bench latency`
    await eventually(lambda: bool(mailbox.to("lin@example.com")), timeout=10)
    members = await ok(operator.get("/v1/segments/likers/members"))
    profile = await ok(operator.get("/v1/profiles/user_id:lin"))
    assert [one["profile_id"] for one in members["items"]] == [profile["profile_id"]]
    assert members["items"][0]["cause"] == "rule"

    # Another like of the same viewer, and of the same viewer on his phone, is no second entry.
    await ok(front_end.post("/v1/track", json=like))
    await ok(front_end.post("/v1/track", json={**like, "userId": None, "anonymousId": "phone-1"}))
    timeline = "/v1/profiles/user_id:lin/events?event=Content%20Liked"

    async def all_recorded() -> bool:
        return len((await ok(operator.get(timeline)))["items"]) == 3

    await eventually(all_recorded)
    await asyncio.sleep(0.5)  # what must not happen needs a while in which it could
    letters = mailbox.to("lin@example.com")
    assert [str(letter["Subject"]) for letter in letters] == ["Hi Lin"]
    plain = letters[0].get_body(("plain",))
    assert plain is not None
    text, _, way_out = plain.get_content().strip().partition("\n")
    assert text.strip() == "Thank you, Lin."
    assert "/t/" in way_out, "marketing has a way out, also where its author gave none"
    messages = await ok(operator.get("/v1/campaigns/thanks/messages"))
    assert [(one["profile_id"], one["state"]) for one in messages["items"]] == [(profile["profile_id"], "accepted")]


async def test_history_counts_by_its_time_and_triggers_nothing(
    operator: httpx.AsyncClient, front_end: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    """A like of two days ago makes a member now, and no e-mail."""
    then = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    await ok(front_end.post("/v1/identify", json={"userId": "mo", "traits": {"email": "mo@example.com"}}))
    like = {"userId": "mo", "event": "Content Liked", "timestamp": then}
    await ok(front_end.post("/v1/track", json=like))

    async def changed() -> bool:
        return bool((await decided(front_end, "mo"))["reason"] == "segment:likers")

    await eventually(changed)
    members = (await ok(operator.get("/v1/segments/likers/members")))["items"]
    mo = (await ok(operator.get("/v1/profiles/user_id:mo")))["profile_id"]
    assert next(one["cause"] for one in members if one["profile_id"] == mo) == "history"
    await asyncio.sleep(0.5)
    assert mailbox.to("mo@example.com") == []


async def test_another_system_triggers_a_campaign_over_the_bus(
    town: Suite, operator: httpx.AsyncClient, front_end: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    """One message on `triggers.<name>` is one e-mail, also when it is published twice."""
    await ok(front_end.post("/v1/identify", json={"userId": "an", "traits": {"email": "an@example.com"}}))
    content = {"subject": "Come back", "body": "We miss you."}
    body = {"name": "Win back", "trigger": {"bus": "win_back"}, "channel": "email", "content": content}
    await ok(operator.put("/v1/campaigns/win-back", json=body))
    await ok(operator.post("/v1/campaigns/win-back/start"))
    await eventually(lambda: _known(operator, "user_id:an"))

    client = await nats.connect(town.nats_url("external"), inbox_prefix="_INBOX_external")
    for _ in range(2):
        headers = {"Nats-Msg-Id": "order-17"}
        await client.jetstream().publish("triggers.win_back", b'{"userId": "an"}', headers=headers)
    await client.close()

    await eventually(lambda: bool(mailbox.to("an@example.com")))
    await asyncio.sleep(0.5)
    assert len(mailbox.to("an@example.com")) == 1


async def _known(operator: httpx.AsyncClient, ref: str) -> bool:
    return (await operator.get(f"/v1/profiles/{ref}")).status_code == 200


async def test_a_click_leads_on_and_is_counted_once(operator: httpx.AsyncClient, front_end: httpx.AsyncClient) -> None:
    """Impression and click links work for anyone who has them; a link's repeat counts once."""
    decision = await decided(front_end, "passer-by")
    assert decision["reason"] == "everyone"
    async with httpx.AsyncClient() as browser:
        for _ in range(2):
            seen = await browser.get(decision["impression_url"])
            clicked = await browser.get(decision["click_url"])
        forged = await browser.get(decision["click_url"][:-3] + "abc")
    assert seen.is_success
    assert (clicked.status_code, clicked.headers["location"]) == (302, "https://example.com/hello")
    assert forged.status_code == 404

    async def counted() -> None:
        report = await ok(operator.get("/v1/placements/home-top/report"))
        hello = [row for row in report["days"] if row["creative"] == "hello"]
        assert [(row["shown"], row["clicked"]) for row in hello] == [(1, 1)]

    await eventually(counted)


async def test_popular_items_are_recommended(operator: httpx.AsyncClient, front_end: httpx.AsyncClient) -> None:
    """What others open comes first; what is not in the catalogue never comes."""
    items = [{"id": key, "kind": "video", "title": f"Video {key}"} for key in ("a", "b", "c")]
    await ok(operator.post("/v1/items/bulk", json={"items": items}))
    opened = [("b", "x"), ("b", "y"), ("a", "x"), ("not-listed", "x"), ("not-listed", "y")]
    batch = [
        {"type": "track", "userId": user, "event": "Content Opened", "properties": {"content_id": item}}
        for item, user in opened
    ]
    await ok(front_end.post("/v1/batch", json={"batch": batch}))

    async def ranked() -> None:
        answer = await ok(front_end.get("/v1/recommendations", params={"userId": "z", "kind": "video", "limit": 2}))
        assert [one["item_id"] for one in answer["items"]] == ["b", "a"]

    await eventually(ranked)


async def test_the_documents_describe_what_runs(town: Suite) -> None:
    """One OpenAPI of all services, an AsyncAPI of the bus, and pages that answer."""
    async with town.client(key=None) as client:
        paths = (await ok(client.get("/openapi.json")))["paths"]
        for path in (
            "/v1/batch",
            "/v1/decide",
            "/v1/profiles/{ref}",
            "/v1/segments/preview",
            "/v1/campaigns/{key}/start",
        ):
            assert path in paths
        assert "/v1/placements/{key}" in paths
        assert (await ok(client.get("/asyncapi.json")))["asyncapi"].startswith("3.")
        assert (await client.get("/docs")).status_code == 200
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await client.get(path)).status_code == 200
