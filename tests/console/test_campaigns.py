"""Campaigns in the console: the list, the way from a draft to its report, what each role is offered, both languages."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.console.conftest import PATIENCE, Console, use, wait_drawn

OpenPage = Callable[..., Awaitable[Page]]

PAST = "membership-festival"
"""The finished campaign of the demo."""
PAGES = (
    "/campaigns",
    "/campaigns?show=automatic",
    "/campaigns?show=archived",
    "/campaigns/new?segment=anime-fans",
    f"/campaigns/{PAST}",
    f"/campaigns/{PAST}/report",
    f"/campaigns/{PAST}/recipients?step=clicked",
    f"/campaigns/{PAST}/setup",
    f"/campaigns/{PAST}/edit",
    "/campaigns/drawn/edit?step=who",
    "/campaigns/drawn/edit?step=message",
    "/campaigns/drawn/edit?step=time",
    "/campaigns/drawn/edit?step=proof",
    "/campaigns/drawn/edit?step=review",
    "/campaigns/drawn",
)
DRAWN = {
    "name": "A quiet weekend",
    "trigger": {"manual": {"segment": "anime-fans"}},
    "channel": "email",
    "content": {
        "subject": "{{ profile.traits.name }}, the weekend is yours",
        "body": "New episodes wait for you.",
        "html": "<p>New episodes wait for <b>you</b>.</p>",
        "variants": [{"when": {"tag": "anime"}, "subject": "Anime weekend", "body": "New anime waits for you."}],
    },
    "time": {"local": "2027-03-01T19:30:00"},
    "quiet_hours": {"from": "22:00", "to": "08:00"},
    "holdout": 0.1,
    "conversion": {"event": "Order Completed", "within": "7d", "value": "revenue"},
}


@pytest.fixture(scope="module")
def drawn(console: Console) -> str:
    """The key of a draft that has everything a draft can have."""
    with console.tool() as tool:
        made = tool.put("/v1/campaigns/drawn", json=DRAWN)
        assert made.is_success, made.text
    return "drawn"


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize(("language", "dark", "width"), [("en", False, 1280), ("zh", True, 1920)])
async def test_every_page_is_drawn(open_page: OpenPage, language: str, dark: bool, width: int) -> None:
    page = await open_page("admin", width=width)
    await use(page, language, dark=dark)
    for path in PAGES:
        await page.goto(path)
        await wait_drawn(page)
        assert await page.locator(".m-alert.m-bad").all_text_contents() == [], path
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
        unnamed = "button:not([aria-label])"
        nameless = [one for one in await page.locator(unnamed).all() if not (await one.text_content() or "").strip()]
        assert nameless == [], f"{path}: a button without a name"
    await use(page, "en")


async def test_a_campaign_is_made_approved_sent_and_reported(open_page: OpenPage, console: Console) -> None:
    page = await open_page("operator")
    await page.goto("/campaigns/new?segment=anime-fans")
    await wait_drawn(page)
    await page.get_by_role("button", name="Save and go on").click()
    await expect(page.get_by_text("This is needed")).to_be_visible()
    await page.get_by_label("Name", exact=True).fill("From the console")
    await page.get_by_role("button", name="Save and go on").click()
    await page.wait_for_url("**/edit?step=message")
    key = page.url.split("/")[-2]
    await wait_drawn(page)
    await page.get_by_role("combobox", name="Channel").click()
    await page.get_by_role("option", name="Inbox").click()
    await page.get_by_label("Title").fill("Hello {{ profile.traits.name }}")
    await page.get_by_label("Text", exact=True).fill("Something for you")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.locator(".m-letter")).to_contain_text("Something for you")
    await page.get_by_role("button", name="Save and go on").click()
    await page.wait_for_url("**/edit?step=time")
    await page.get_by_role("combobox", name="Quiet hours").click()
    await page.get_by_role("option", name="None").click()
    await page.get_by_role("button", name="Save and go on").click()
    await page.wait_for_url("**/edit?step=proof")
    await page.get_by_role("button", name="Save and go on").click()
    await page.wait_for_url("**/edit?step=review")
    await wait_drawn(page)
    await expect(page.get_by_text("Would get it", exact=True)).to_be_visible()
    await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    await page.get_by_role("button", name="Submit for approval").click()
    await page.wait_for_url(f"**/campaigns/{key}")
    await expect(page.get_by_text("to be approved")).to_be_visible()

    approver = await open_page("approver")
    await approver.goto(f"/campaigns/{key}")
    await wait_drawn(approver)
    await approver.get_by_role("button", name="Approve").click()
    dialog = approver.get_by_role("dialog")
    await expect(dialog).to_contain_text("viewers would get it now")
    await dialog.get_by_role("button", name="Approve").click()
    await approver.get_by_role("button", name="Start").click()
    await approver.get_by_role("dialog").get_by_role("button", name="Start").click()
    await expect(approver.get_by_text("finished", exact=True)).to_be_visible(timeout=PATIENCE)

    with console.tool() as tool:
        told = tool.get(f"/v1/campaigns/{key}/report").json()
    assert told["funnel"]["sent"] > 0
    await page.goto(f"/campaigns/{key}/report")
    await wait_drawn(page)
    figure = page.locator("a.m-figure", has_text="Sent").first
    await expect(figure).to_contain_text(str(told["funnel"]["sent"]))
    await figure.click()
    await page.wait_for_url("**/recipients?step=sent")
    await wait_drawn(page)
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="Export CSV").click()
    download = await waiting.value
    lines = (await download.path()).read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == told["funnel"]["sent"] + 1


async def test_a_list_is_pasted_and_kept_from_step_to_step(open_page: OpenPage, console: Console) -> None:
    page = await open_page("operator")
    await page.goto("/campaigns/new")
    await wait_drawn(page)
    await page.get_by_label("Name", exact=True).fill("To a few")
    await page.get_by_role("button", name="Save and go on").click()
    await expect(page.get_by_text("This is needed")).to_be_visible()
    await page.get_by_role("combobox", name="Who").click()
    await page.get_by_role("option", name="A list of viewers, once").click()
    await page.get_by_label("Viewers, one a line").fill("1\n2\n2\nuser_id:nobody-at-all")
    await expect(page.get_by_text("3 viewers")).to_be_visible()
    await page.get_by_role("button", name="Save and go on").click()
    await page.wait_for_url("**/edit?step=message")
    await page.get_by_label("Subject").fill("For a few")
    await page.get_by_role("button", name="5 Review").click()
    await page.wait_for_url("**/edit?step=review")
    await wait_drawn(page)
    await expect(page.get_by_text("The message is not written yet")).to_be_visible()
    await expect(page.get_by_text("List of 3")).to_be_visible()
    key = page.url.split("/")[-2]
    with console.tool() as tool:
        made = tool.get(f"/v1/campaigns/{key}").json()
    assert made["trigger"]["manual"]["list_length"] == 3
    assert made["content"]["subject"] == "For a few"


async def test_what_was_submitted_is_sent_back_with_a_word(open_page: OpenPage, console: Console) -> None:
    with console.tool() as tool:
        assert tool.put("/v1/campaigns/returned", json=DRAWN).is_success
        assert tool.post("/v1/campaigns/returned/submit").is_success
    page = await open_page("approver")
    await page.goto("/campaigns/returned")
    await wait_drawn(page)
    await page.get_by_role("button", name="Send back").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Send back").click()
    await expect(dialog).to_contain_text("This is needed")
    await dialog.get_by_label("What should be different?").fill("a warmer subject")
    await dialog.get_by_role("button", name="Send back").click()
    await expect(page.get_by_text("a warmer subject")).to_be_visible()
    with console.tool() as tool:
        assert tool.get("/v1/campaigns/returned").json()["state"] == "draft"


async def test_an_automatic_campaign_is_started_and_paused(open_page: OpenPage, console: Console) -> None:
    wanted = {**DRAWN, "name": "Welcome", "trigger": {"event": "Signed Up"}, "time": None}
    with console.tool() as tool:
        assert tool.put("/v1/campaigns/welcome-in-console", json=wanted).is_success
    page = await open_page("operator")
    await page.goto("/campaigns/welcome-in-console")
    await wait_drawn(page)
    await page.get_by_role("button", name="Start").click()
    await page.get_by_role("dialog").get_by_role("button", name="Start").click()
    await expect(page.get_by_text("running", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Pause").click()
    await page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    await expect(page.get_by_text("paused", exact=True)).to_be_visible()
    with console.tool() as tool:
        assert tool.get("/v1/campaigns/welcome-in-console").json()["state"] == "paused"


@pytest.mark.usefixtures("drawn")
async def test_a_viewer_looks_and_changes_nothing(open_page: OpenPage) -> None:
    page = await open_page("viewer")
    await page.goto("/campaigns")
    await wait_drawn(page)
    await expect(page.get_by_role("link", name="A quiet weekend").first).to_be_visible()
    await expect(page.get_by_role("link", name="New campaign")).to_have_count(0)
    await page.goto("/campaigns/drawn")
    await wait_drawn(page)
    for name in ("Submit for approval", "Archive", "Approve"):
        await expect(page.get_by_role("button", name=re.compile(name))).to_have_count(0)
    await page.goto("/campaigns/drawn/edit")
    await expect(page.get_by_text("Your role does not include this page")).to_be_visible()
