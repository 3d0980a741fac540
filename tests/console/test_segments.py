"""Segments and insight in a browser: the builder, a segment's life, lists, imports, and from a chart to its people."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Page, expect

from tests.console.conftest import Console, use, wait_drawn
from tests.console.test_rule_shape import documented

OpenPage = Callable[..., Awaitable[Page]]

KINDS = ("trends", "funnels", "retention", "hours", "distribution")
RULE = {"all": [{"did": "Content Opened", "times": {"gte": 1}, "within": "30d"}]}


def builder(rule: dict[str, Any], **more: str) -> str:
    """The address that hands a rule to the builder."""
    query = "".join(f"&{name}={quote(value)}" for name, value in more.items())
    return f"/segments/new?rule={quote(json.dumps(rule))}{query}"


def made(console: Console, key: str, rule: dict[str, Any] | None) -> None:
    """A segment (without a rule: a list) that a test begins with."""
    with console.tool() as tool:
        body = {"key": key, "name": key.title(), **({"rule": rule} if rule else {"kind": "static"})}
        answer = tool.post("/v1/segments", json=body)
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_page_is_drawn(console: Console, open_page: OpenPage, language: str) -> None:
    """Without an error in the browser's console: the fixture looks at that."""
    key = f"drawn-{language}"
    made(console, key, RULE)
    page = await open_page("admin", width=1280)
    await use(page, language)
    tabs = [f"/segments/{key}?tab={tab}" for tab in ("overview", "members", "versions", "explain", "uses")]
    asked = [f"/insight?kind={kind}" for kind in KINDS]
    for path in ["/segments", "/segments?show=archived", "/segments/import", builder(RULE), *tabs, *asked]:
        await page.goto(path)
        await wait_drawn(page)
        await expect(page.locator(".m-alert.m-bad")).to_have_count(0)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


async def test_the_builder_shows_the_whole_language_and_changes_nothing(open_page: OpenPage) -> None:
    rule = {"any": documented()}
    page = await open_page("admin")
    await use(page, "en")
    await page.goto(builder(rule))
    await wait_drawn(page)
    assert await page.locator(".m-rule-leaf").count() >= 25
    await page.get_by_role("button", name="JSON", exact=True).click()
    assert json.loads(await page.locator("textarea").input_value()) == rule


async def test_a_rule_is_built_counted_saved_changed_and_archived(console: Console, open_page: OpenPage) -> None:
    page = await open_page("admin")
    await use(page, "en")
    await page.goto("/segments/new")
    await page.get_by_role("button", name="Add a condition").click()
    await page.locator(".q-item", has_text="so often or so much").click()
    await expect(page.get_by_text("The rule is not whole yet")).to_be_visible()
    await page.get_by_label("Event").click()
    await page.get_by_label("Event").fill("Content Opened")
    await page.get_by_role("option", name="Content Opened").first.click()
    await expect(page.locator(".m-big")).to_have_text(re.compile("^[1-9]"))
    await expect(page.locator(".m-sample").first).to_be_visible()
    await page.get_by_label("Name", exact=True).fill("Readers of the week")
    await page.get_by_role("button", name="Save segment").click()
    await page.wait_for_url("**/segments/readers-of-the-week")
    await page.goto("/segments/readers-of-the-week/edit")
    await page.get_by_label("Number").fill("2")
    await expect(page.locator(".m-big")).to_have_text(re.compile("^[0-9]"))
    await page.get_by_role("button", name="Save as new version").click()
    await page.wait_for_url("**/segments/readers-of-the-week")
    with console.tool() as tool:
        told = tool.get("/v1/segments/readers-of-the-week").json()
    assert told["version"] == 2
    assert told["rule"] == {"all": [{"did": "Content Opened", "times": {"gte": 2}, "within": "7d"}]}
    await page.goto("/segments/readers-of-the-week?tab=versions")
    await expect(page.locator(".m-diff")).to_contain_text("all[0].times.gte")
    await page.get_by_role("button", name="Go back to it").click()
    await page.get_by_role("dialog").get_by_role("button", name="Go back to it").click()
    await page.wait_for_url("**/segments/readers-of-the-week")
    await page.get_by_role("button", name="More").click()
    await page.get_by_text("Archive", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    await page.wait_for_url("**/segments")
    with console.tool() as tool:
        told = tool.get("/v1/segments/readers-of-the-week").json()
    assert (told["version"], told["archived"]) == (4, True)


async def test_what_is_wrong_stands_at_its_place(open_page: OpenPage) -> None:
    page = await open_page("admin")
    await use(page, "en")
    await page.goto(builder({"all": [{"tag": "anime"}, {"trait": "age", "between": [9, 1]}, {"has": "email"}]}))
    await expect(page.locator(".m-rule-leaf").nth(1).locator("[role=alert]")).to_contain_text("lower number first")
    await expect(page.locator(".m-rule-leaf").nth(0).locator("[role=alert]")).to_be_hidden()


async def test_a_file_is_put_on_a_list_and_strangers_are_named(console: Console, open_page: OpenPage) -> None:
    made(console, "panel", None)
    with console.tool() as tool:
        known = [str(one["profile_id"]) for one in tool.get("/v1/profiles", params={"limit": 3}).json()["items"]]
    page = await open_page("admin")
    await use(page, "en")
    await page.goto("/segments/panel?tab=list")
    await wait_drawn(page)
    content = "\n".join(["profile_id", *known, "999999999"]).encode()
    await page.set_input_files("input[type=file]", {"name": "who.csv", "mimeType": "text/csv", "buffer": content})
    await expect(page.get_by_text("1 match nobody")).to_be_visible()
    await expect(page.get_by_text("999999999")).to_be_visible()
    await page.goto("/segments/panel?tab=members")
    await expect(page.locator(".m-table tbody tr")).to_have_count(3)


async def test_a_rule_of_another_system_is_read_with_its_notes(open_page: OpenPage) -> None:
    page = await open_page("admin")
    await use(page, "en")
    await page.goto("/segments/import")
    body = {
        "entryNode": {"type": "And", "id": "1", "children": ["2", "3"]},
        "nodes": [
            {"type": "Performed", "id": "2", "event": "Video Watched", "times": 3, "timesOperator": ">="},
            {"type": "Broadcast", "id": "3", "broadcastId": "b"},
        ],
    }
    await page.get_by_label("From").click()
    await page.get_by_role("option", name="Dittofeed").click()
    await page.get_by_label("JSON").fill(json.dumps(body))
    await page.get_by_role("button", name="Read it").click()
    await expect(page.locator(".m-note").first).to_be_visible()


async def test_a_number_leads_to_its_people_and_they_become_a_segment(console: Console, open_page: OpenPage) -> None:
    page = await open_page("admin")
    await use(page, "en")
    await page.goto("/insight")
    await page.locator(".m-cross button").first.click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator("tbody a").first).to_be_visible()
    await dialog.get_by_role("button", name="Save as segment").click()
    await page.get_by_label("Name", exact=True).last.fill("Openers of a day")
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Key")).to_have_value("openers-of-a-day")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.wait_for_url("**/segments/openers-of-a-day")
    with console.tool() as tool:
        assert tool.get("/v1/segments/openers-of-a-day").json()["kind"] == "static"


async def test_a_viewer_is_explained(console: Console, open_page: OpenPage) -> None:
    made(console, "explained", RULE)
    with console.tool() as tool:
        known = tool.post("/v1/segments/preview", json={"rule": RULE}).json()["sample"][0]
    page = await open_page("viewer")
    await use(page, "zh")
    await page.goto(f"/segments/explained?tab=explain&ref={known}")
    await expect(page.locator(".m-explained .m-good").first).to_be_visible()


async def test_a_viewer_by_role_changes_nothing(open_page: OpenPage) -> None:
    page = await open_page("viewer")
    await use(page, "en")
    await page.goto("/segments")
    await expect(page.get_by_role("button", name="New segment")).to_have_count(0)
    await page.goto("/segments/new")
    await expect(page.get_by_text("Your role does not include this page")).to_be_visible()


@pytest.mark.parametrize("kind", ["hours", "distribution"])
async def test_the_people_behind_a_chart_are_reached_by_keyboard(open_page: OpenPage, kind: str) -> None:
    page = await open_page("viewer")
    await page.goto(f"/insight?kind={kind}")
    await page.get_by_role("button", name="Show", exact=True).click()
    await wait_drawn(page)
    await page.locator(".m-cross button").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog").get_by_role("columnheader", name="Name")).to_be_visible()
