"""A segment is written to: approved, sent by SMTP, opened, clicked, bought, reported; and one viewer says goodbye."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.harness.eventually import eventually
from tests.harness.suite import Suite
from tests.stories.conftest import Mailbox
from tests.stories.test_path import ok

PEOPLE = 12
CAMPAIGN = "/v1/campaigns/back"
BROWSER = {"user-agent": "Mozilla/5.0 (Macintosh) AppleWebKit/605"}


async def test_an_operator_writes_to_a_segment_and_sees_what_it_brought(
    town: Suite, mailbox: Mailbox, operator: httpx.AsyncClient, front_end: httpx.AsyncClient
) -> None:
    calls = [
        {"type": "identify", "userId": f"w{n}", "traits": {"email": f"w{n}@example.com", "name": f"N{n}", "wave": 1}}
        for n in range(PEOPLE)
    ]
    await ok(front_end.post("/v1/batch", json={"batch": calls}))
    await ok(operator.post("/v1/segments", json={"key": "wave", "name": "Wave", "rule": {"trait": "wave", "eq": 1}}))

    async def everybody() -> None:
        members = await ok(operator.get("/v1/segments/wave/members", params={"limit": 100}))
        assert len(members["items"]) == PEOPLE

    await eventually(everybody, timeout=60)
    body: dict[str, Any] = {
        "name": "Come back",
        "trigger": {"manual": {"segment": "wave"}},
        "channel": "email",
        "content": {
            "subject": "Hi {{ profile.traits.name }}",
            "body": "Come back: {{ unsubscribe_url }}",
            "html": '<p>Hi</p><a href="https://shop.test/back">Come back</a>',
        },
        "conversion": {"event": "Order Completed", "value": "revenue"},
    }
    await ok(operator.put(CAMPAIGN, json=body))
    estimate = await ok(operator.post(f"{CAMPAIGN}/estimate"))
    assert (estimate["audience"], estimate["planned"]) == (PEOPLE, PEOPLE)
    shown = await ok(operator.post(f"{CAMPAIGN}/preview", json={"ref": "user_id:w3"}))
    assert (shown["subject"], shown["reachable"]) == ("Hi N3", True)
    await ok(operator.post(f"{CAMPAIGN}/submit"))
    await approved(town, operator)
    await ok(operator.post(f"{CAMPAIGN}/start"))

    async def sent() -> None:
        progress = await ok(operator.get(f"{CAMPAIGN}/progress"))
        assert (progress["state"], progress["states"]["accepted"]) == ("finished", PEOPLE), progress

    await eventually(sent, timeout=60)
    [letter] = mailbox.to("w3@example.com")
    html = letter.get_body(("html",))
    assert html is not None
    links = re.findall(r'(?:href|src)="([^"]+)"', html.get_content())
    way_out = str(letter["List-Unsubscribe"]).strip("<>")
    [mine] = (await ok(operator.get("/v1/messages", params={"profile": "user_id:w3"})))["items"]
    # Who follows a link the moment it was sent counts as a scanner.
    readable = datetime.fromisoformat(mine["called_at"]) + timedelta(seconds=6)
    await eventually(lambda: datetime.now(UTC) > readable)
    async with httpx.AsyncClient(headers=BROWSER, trust_env=False) as reader:
        # The author gave none in the html part: the way out was added.
        click, _, picture = (town_url(town, one) for one in links)
        assert (await reader.get(picture)).headers["content-type"] == "image/gif"
        led = await reader.get(click)
        assert (led.status_code, led.headers["location"]) == (302, "https://shop.test/back")
        order = {"userId": "w3", "event": "Order Completed", "properties": {"revenue": 42}}
        await ok(front_end.post("/v1/track", json=order | {"timestamp": datetime.now(UTC).isoformat()}))

        async def reported() -> None:
            funnel = (await ok(operator.get(f"{CAMPAIGN}/report")))["funnel"]
            assert (funnel["opened"], funnel["clicked"], funnel["converted"]) == (1, 1, 1), funnel

        await eventually(reported, timeout=30)
        report = await ok(operator.get(f"{CAMPAIGN}/report"))
        assert report["revenue"]["sent_total"] == 42
        assert report["links"][0]["url"] == "https://shop.test/back"

        asked = await reader.get(town_url(town, way_out))
        assert "<form" in asked.text
        consents = await ok(operator.get("/v1/profiles/user_id:w3/consents"))
        assert "marketing" not in consents["current"], "asking changes nothing"
        said = await reader.post(town_url(town, way_out), data={"List-Unsubscribe": "One-Click"})
        assert said.status_code == 200
    consents = await ok(operator.get("/v1/profiles/user_id:w3/consents"))
    assert consents["current"]["marketing"] is False
    assert (await ok(operator.get(f"{CAMPAIGN}/report")))["funnel"]["unsubscribed"] == 1
    again = "/v1/campaigns/again"
    await ok(operator.put(again, json=body | {"trigger": {"manual": {"list": ["user_id:w3", "user_id:w4"]}}}))
    estimate = await ok(operator.post(f"{again}/estimate"))
    assert (estimate["planned"], estimate["unreachable"]) == (1, {"no_consent": 1})
    whole = await ok(operator.get("/v1/messages", params={"profile": "user_id:w3"}))
    assert [(one["campaign"], one["state"]) for one in whole["items"]] == [("back", "accepted")]


async def approved(town: Suite, operator: httpx.AsyncClient) -> None:
    """Somebody else approves: who submitted may not, where the installation does not say otherwise."""
    made = await ok(operator.post("/v1/keys", json={"kind": "secret", "name": "boss", "role": "approver"}))
    async with town.client() as boss:
        await ok(boss.post(f"{CAMPAIGN}/approve", headers={"Authorization": f"Bearer {made['key']}"}))


def town_url(town: Suite, url: str) -> str:
    """The same path at the address the suite listens on."""
    parts = urlsplit(url)
    return f"{town.url}{parts.path}"
