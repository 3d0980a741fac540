"""Names that try to be scripts: sent by anyone with a public write key, or given by an operator. They stay texts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from playwright.async_api import Page, expect

from tests.console.conftest import PATIENCE, Console, wait_drawn

OpenPage = Callable[..., Awaitable[Page]]

HOSTILE = """a' b" :title="window.ran=1" onclick="window.ran=1" <img src=/x onerror=window.ran=1>"""
RULE = {"all": [{"did": "Content Shown", "within": "30d"}]}


async def ran(page: Page) -> bool:
    """Whether a script of theirs ran on that page."""
    return bool(await page.evaluate("window.ran === 1 || document.querySelector('img[src=\"/x\"]') !== null"))


async def refused(page: Page, console: Console) -> None:
    """Send an event of that name until the list of refused events has it."""
    key = console.suite.secrets()["write_key"]
    row = page.get_by_role("row", name="<img")
    for _ in range(30):
        console.track({"userId": "hostile-1", "event": HOSTILE}, key=key).raise_for_status()
        await page.goto("/sources?tab=refused")
        await wait_drawn(page)
        if await row.count():
            return
    raise AssertionError("no refused event of that name")


async def test_an_events_name_stays_a_text(open_page: OpenPage, console: Console) -> None:
    page = await open_page("admin")
    with console.tool() as tool:
        plan = {"schema": {"type": "object", "required": ["grade"]}, "mode": "refuse"}
        tool.put(f"/v1/event-types/{quote(HOSTILE, safe='')}", json=plan).raise_for_status()
    await refused(page, console)
    await page.get_by_role("row", name="<img").first.get_by_role("button").first.click()
    await expect(page.get_by_role("dialog")).to_contain_text(HOSTILE)
    assert not await ran(page)
    await page.goto(f"/people/{quote(HOSTILE)}")
    assert not await ran(page)


async def test_names_of_segments_and_campaigns_stay_texts(open_page: OpenPage, console: Console) -> None:
    with console.tool() as tool:
        for key in ("hostile-one", "hostile-two"):
            tool.post("/v1/segments", json={"key": key, "name": HOSTILE, "rule": RULE}).raise_for_status()
        wanted = {
            "name": HOSTILE,
            "trigger": {"manual": {"segment": "hostile-one"}},
            "channel": "inbox",
            "content": {"subject": HOSTILE, "body": HOSTILE},
        }
        tool.put("/v1/campaigns/hostile", json=wanted).raise_for_status()
    page = await open_page("admin")
    await page.goto("/campaigns/hostile")
    await wait_drawn(page)
    await page.get_by_role("button", name="Archive").click()
    dialog = page.get_by_role("dialog", name=HOSTILE)
    await expect(dialog).to_contain_text(HOSTILE)
    await page.keyboard.press("Escape")
    for path in ("/campaigns", "/segments", "/segments/hostile-one", "/campaigns/hostile/edit?step=message"):
        await page.goto(path)
        await wait_drawn(page)
        assert not await ran(page), path
    await page.goto("/segments/hostile-one")
    await wait_drawn(page)
    await page.get_by_role("button", name="Work out").click()
    heat = page.locator("canvas").last
    await expect(heat).to_be_visible(timeout=PATIENCE)
    await heat.hover()
    await expect(page.get_by_text(HOSTILE).last).to_be_visible()
    assert not await ran(page)
