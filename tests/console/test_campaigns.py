"""Campaigns in the console: the list, the way from a draft to its report, what each role is offered, both languages."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import asyncpg
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
    f"/campaigns/{PAST}/recipients?state=unknown",
    f"/campaigns/{PAST}/recipients?state=skipped&reason=no_consent",
    "/outbox",
    "/outbox?channel=email",
    "/suppressions",
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
    other = await open_page("approver")
    await other.goto(f"/campaigns/{key}/edit?step=who")
    await wait_drawn(other)
    await expect(other.get_by_text("3 viewers are saved")).to_be_visible()
    await other.get_by_role("button", name="See the list").click()
    await expect(other.get_by_role("dialog").get_by_role("row", name="user_id:nobody-at-all")).to_be_visible()
    await other.keyboard.press("Escape")
    await other.get_by_label("Name", exact=True).fill("To a few others")
    await other.get_by_role("button", name="Save and close").click()
    await other.wait_for_url(f"**/campaigns/{key}")
    with console.tool() as tool:
        renamed = tool.get(f"/v1/campaigns/{key}").json()
    assert (renamed["name"], renamed["trigger"]["manual"]["list_length"]) == ("To a few others", 3)


async def test_an_email_with_a_goal_and_a_hold_out_comes_to_its_report(open_page: OpenPage, console: Console) -> None:
    page = await open_page("admin")
    await page.goto("/campaigns/new?segment=reachable-by-email")
    await wait_drawn(page)
    await page.get_by_label("Name", exact=True).fill("A letter with proof")
    await page.get_by_role("button", name="Save and go on").click()
    await page.wait_for_url("**/edit?step=message")
    key = page.url.split("/")[-2]
    await wait_drawn(page)
    await expect(page.get_by_text("kept in the local sink")).to_be_visible()
    await page.get_by_label("Subject").fill("New this week")
    await page.get_by_label("Text", exact=True).fill("Come and see.")
    await page.get_by_role("button", name="5 Review").click()
    await page.wait_for_url("**/edit?step=review")
    await wait_drawn(page)
    await expect(
        page.get_by_text("It says nowhere how to unsubscribe"), "its letters say it by themselves"
    ).to_have_count(0)
    await expect(page.get_by_text("Opens and clicks are counted.")).to_be_visible()
    await expect(page.get_by_text("The installation's: 22:00 – 08:00")).to_be_visible()
    await page.get_by_role("button", name="2 Message").click()
    await page.wait_for_url("**/edit?step=message")
    await wait_drawn(page)
    await page.get_by_role("button", name="Insert a value").click()
    await page.get_by_text("The viewer's way out").click()
    await expect(page.get_by_label("Text", exact=True)).to_have_value(
        re.compile("Come and see.*unsubscribe_url", re.DOTALL)
    )
    html = '<p><a href="https://example.com/new">See</a> <a href="{{ unsubscribe_url }}">No more</a></p>'
    await page.get_by_label("HTML").fill(html)
    await page.get_by_role("button", name="Save and go on").click()
    await page.wait_for_url("**/edit?step=time")
    await wait_drawn(page)
    await expect(page.get_by_text("At most 5 marketing messages per viewer in 7 days")).to_be_visible()
    await page.get_by_role("combobox", name="Quiet hours").click()
    await page.get_by_role("option", name="None", exact=True).click()
    await page.get_by_role("button", name="Save and go on").click()
    await page.wait_for_url("**/edit?step=proof")
    await wait_drawn(page)
    await page.get_by_role("combobox", name="Event").fill("Order Completed")
    await page.get_by_role("combobox", name="Event").press("Enter")
    await page.get_by_label("Share").fill("30")
    await page.get_by_role("button", name="Save and go on").click()
    await page.wait_for_url("**/edit?step=review")
    await wait_drawn(page)
    await expect(page.get_by_text("It says nowhere how to unsubscribe")).to_have_count(0)
    await expect(page.get_by_text("Opens and clicks are counted.")).to_be_visible()
    await page.get_by_role("button", name="Submit for approval").click()
    await page.wait_for_url(f"**/campaigns/{key}")
    for act in ("Approve", "Start"):
        await page.get_by_role("button", name=act).click()
        await page.get_by_role("dialog").get_by_role("button", name=act).click()
    await expect(page.get_by_text("finished", exact=True)).to_be_visible(timeout=PATIENCE)
    await page.goto(f"/campaigns/{key}/report")
    await wait_drawn(page)
    with console.tool() as tool:
        told = tool.get(f"/v1/campaigns/{key}/report").json()
        assert tool.get(f"/v1/campaigns/{key}/funnel").json() == told["funnel"]
    assert told["groups"]["held"] > 0
    assert told["conversion_event"] == "Order Completed"
    effect = page.locator(".m-panel", has_text="What it brought")
    await expect(effect).to_contain_text(f"0 of {told['groups']['sent']}")
    await expect(effect).to_contain_text(f"0 of {told['groups']['held']}")
    await page.goto("/campaigns")
    await wait_drawn(page)
    await expect(page.get_by_role("row", name="A letter with proof")).to_contain_text(str(told["funnel"]["sent"]))


async def test_a_campaign_is_paused_goes_on_and_is_stopped(open_page: OpenPage, console: Console) -> None:
    """One message in ten seconds: it is far from its end whatever this machine does meanwhile."""
    wanted = {**DRAWN, "name": "Slowly", "time": None, "quiet_hours": "none", "rate": 0.1, "holdout": 0.0}
    wanted["trigger"] = {"manual": {"segment": "reachable-by-email"}}
    with console.tool() as tool:
        assert tool.put("/v1/campaigns/slowly", json=wanted).is_success
        for act in ("submit", "approve", "start"):
            assert tool.post(f"/v1/campaigns/slowly/{act}").is_success, act
        console.suite.wait(lambda: tool.get("/v1/campaigns/slowly/progress").json()["planning_done"])
    page = await open_page("operator")
    await page.goto("/campaigns/slowly")
    await wait_drawn(page)
    await expect(page.get_by_text(re.compile(r"\d+ of \d+ messages done"))).to_be_visible()
    for act, question, state in (
        ("Pause", True, "paused"),
        ("Go on", False, "running"),
        ("Stop for good", True, "cancelled"),
    ):
        await page.get_by_role("button", name=act).click()
        if question:
            await page.get_by_role("dialog").get_by_role("button", name=act).click()
        await expect(page.get_by_text(state, exact=True)).to_be_visible()
        await wait_drawn(page)
    await page.get_by_role("link", name="the campaign was stopped").click()
    await page.wait_for_url("**/recipients?reason=cancelled")
    await wait_drawn(page)
    await expect(page.get_by_role("row", name="the campaign was stopped").first).to_be_visible()


async def test_a_time_that_is_past_is_asked_about(open_page: OpenPage, console: Console) -> None:
    wanted = {**DRAWN, "name": "Too late", "time": {"at": "2020-01-01T09:00:00Z"}}
    with console.tool() as tool:
        assert tool.put("/v1/campaigns/too-late", json=wanted).is_success
    page = await open_page("operator")
    await page.goto("/campaigns/too-late")
    await wait_drawn(page)
    await page.get_by_role("button", name="Submit for approval").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Its time is past")
    await page.get_by_role("button", name="Submit all the same").click()
    await expect(page.get_by_text("to be approved")).to_be_visible()


async def test_the_second_of_two_editors_is_told(open_page: OpenPage, console: Console) -> None:
    with console.tool() as tool:
        assert tool.put("/v1/campaigns/both", json={**DRAWN, "name": "Both"}).is_success
    first, second = await open_page("operator"), await open_page("approver")
    for page in (first, second):
        await page.goto("/campaigns/both/edit?step=message")
        await wait_drawn(page)
    await first.get_by_label("Subject").first.fill("Of the first")
    await first.get_by_role("button", name="Save and close").click()
    await first.wait_for_url("**/campaigns/both")
    await second.get_by_label("Subject").first.fill("Of the second")
    await second.get_by_role("button", name="Save and close").click()
    await expect(second.get_by_role("dialog")).to_contain_text("Somebody changed it meanwhile")
    await second.get_by_role("button", name="See what is there now").click()
    await expect(second.get_by_label("Subject").first).to_have_value("Of the first")
    with console.tool() as tool:
        assert tool.get("/v1/campaigns/both").json()["content"]["subject"] == "Of the first"


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


@pytest.fixture(scope="module")
async def texted(console: Console) -> str:
    """The key of a finished campaign by SMS, which has no provider here; the end of one message is not known."""
    key = "texted"
    wanted = {
        "name": "A text for everybody",
        "trigger": {"manual": {"segment": "silent-two-weeks"}},
        "channel": "sms",
        "content": {"body": "We missed you, {{ profile.traits.name }}"},
        "quiet_hours": "none",
    }
    with console.tool() as tool:
        assert tool.put(f"/v1/campaigns/{key}", json=wanted).is_success
        for act in ("submit", "approve", "start"):
            assert tool.post(f"/v1/campaigns/{key}/{act}").is_success, act
        console.suite.wait(lambda: tool.get(f"/v1/campaigns/{key}").json()["state"] == "finished")
        told = tool.get(f"/v1/campaigns/{key}").json()
        assert told["reasons"]["no_address"], told
        assert told["messages"]["accepted"] > 1, told
    database = await asyncpg.connect(console.suite.database_url("campaign"))
    changed = await database.execute(
        "UPDATE messages SET state = 'unknown', reason = 'connection_lost' WHERE id = ("
        " SELECT max(m.id) FROM messages m JOIN campaigns c ON c.id = m.campaign_id"
        " WHERE c.key = $1 AND m.state = 'accepted')",
        key,
    )
    await database.close()
    assert changed == "UPDATE 1"
    return key


async def test_what_was_not_sent_is_listed_with_its_reason(open_page: OpenPage, texted: str, console: Console) -> None:
    page = await open_page("viewer")
    await page.goto(f"/campaigns/{texted}")
    await wait_drawn(page)
    await page.get_by_role("link", name="no address").click()
    await page.wait_for_url("**/recipients?reason=no_address")
    await wait_drawn(page)
    with console.tool() as tool:
        told = tool.get(f"/v1/campaigns/{texted}").json()
    rows = page.get_by_role("row", name="no address")
    await expect(rows).to_have_count(min(25, told["reasons"]["no_address"]))
    await page.get_by_role("link", name="Not sent").click()
    await page.wait_for_url("**/recipients?state=skipped")
    await expect(page.get_by_text("Only:")).to_have_count(0)


WAITS = {
    "segment_filling": ("until the segment Anime fans is filled", "“Anime fans”计算完成"),
    "segment_unknown": ("Anime fans, which is not there", "该人群不存在"),
    "segment_archived": ("Anime fans, which is archived", "该人群已归档"),
    "segment_unreachable": ("the segment service does not answer", "人群服务无响应"),
    "profile_unreachable": ("the profile service does not answer", "用户服务无响应"),
}


async def test_a_campaign_that_waits_says_for_what(open_page: OpenPage, console: Console) -> None:
    """On every tab, live on that of its progress, and at home; with the way to its segment."""
    with console.tool() as tool:
        name = tool.get("/v1/segments/anime-fans").json()["name"]
        tool.put("/v1/campaigns/waits", json=DRAWN | {"name": "A slow start"}).raise_for_status()
    database = await asyncpg.connect(console.suite.database_url("campaign"))
    later = (
        "UPDATE campaigns SET state = 'running', started_at = now(), planned = 0, unknown = 0,"
        " plan_at = now() + interval '1 hour'"
    )
    page = await open_page("viewer")
    for why, said in WAITS.items():
        await database.execute(f"{later}, plan_waits = $1 WHERE key = 'waits'", why)
        for language, words in zip(("en", "zh"), said, strict=True):
            await use(page, language)
            for tab in ("setup", "progress"):
                await page.goto(f"/campaigns/waits/{tab}")
                alert = page.locator(".m-alert", has_text=words.replace("Anime fans", name))
                await expect(alert).to_have_count(1)
                linked = 0 if why == "segment_unknown" else 1
                await expect(alert.locator("a[href='/segments/anime-fans']")).to_have_count(linked)
    await use(page, "en")
    await page.goto("/")
    await wait_drawn(page)
    await expect(page.get_by_text("A slow start waits for its audience")).to_be_visible()
    await page.goto("/campaigns/waits/progress")
    await expect(page.locator(".m-alert", has_text="the profile service does not answer")).to_have_count(1)
    await database.execute("UPDATE campaigns SET plan_waits = NULL WHERE key = 'waits'")
    await expect(page.locator(".m-alert", has_text="the profile service does not answer")).to_have_count(0)
    await database.execute("UPDATE campaigns SET state = 'cancelled', finished_at = now() WHERE key = 'waits'")
    await database.close()


async def test_what_nobody_knows_the_end_of_is_told_at_home_and_listed(open_page: OpenPage, texted: str) -> None:
    page = await open_page("viewer")
    await page.goto("/")
    await wait_drawn(page)
    await page.get_by_text(re.compile("A text for everybody: the end of")).click()
    await page.wait_for_url(f"**/campaigns/{texted}/recipients?state=unknown")
    await wait_drawn(page)
    await expect(page.get_by_text("nobody knows whether they arrived")).to_be_visible()
    await expect(page.get_by_role("row", name="the connection broke off")).to_have_count(1)


@pytest.mark.usefixtures("texted")
async def test_what_would_have_been_sent_stands_in_the_sink(open_page: OpenPage) -> None:
    page = await open_page("viewer")
    await page.goto("/outbox?channel=sms")
    await wait_drawn(page)
    await page.get_by_role("row", name="We missed you").first.get_by_role("button", name="Look").click()
    await expect(page.get_by_role("dialog")).to_contain_text("We missed you")
    await page.goto("/outbox?channel=push")
    await expect(page.get_by_text("Nothing was kept back")).to_be_visible()


async def test_a_blocked_address_is_sent_to_again(open_page: OpenPage, console: Console) -> None:
    """One by itself, and all since a moment; who may not approve only looks."""
    database = await asyncpg.connect(console.suite.database_url("campaign"))
    blocked = "INSERT INTO suppressions (channel, digest, reason, at) VALUES ('sms', $1, 'bounced', now())"
    for digest in (b"1" * 16, b"2" * 16):
        await database.execute(blocked, digest)
    await database.close()
    page = await open_page("operator")
    await page.goto("/suppressions?channel=sms")
    await wait_drawn(page)
    await expect(page.get_by_role("row", name="bounced")).to_have_count(2)
    await expect(page.get_by_role("button", name="Send to it again")).to_have_count(0)
    approver = await open_page("approver")
    await approver.goto("/suppressions?channel=sms")
    await wait_drawn(approver)
    await approver.get_by_role("row", name="bounced").first.get_by_role("button", name="Send to it again").click()
    await approver.get_by_role("dialog").get_by_role("button", name="Send to it again").click()
    await expect(approver.get_by_role("row", name="bounced")).to_have_count(1)
    await approver.get_by_role("button", name="Unblock all since").click()
    dialog = approver.get_by_role("dialog")
    await dialog.get_by_role("combobox", name="Channel").click()
    await approver.get_by_role("option", name="SMS").click()
    await dialog.get_by_label("From this moment on").fill("2020-01-01T00:00")
    await dialog.get_by_role("button", name="Unblock them").click()
    await expect(approver.get_by_text("No address is blocked")).to_be_visible()
