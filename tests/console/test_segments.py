"""Segments and insight in a browser: the builder, a segment's life, lists, imports, and from a chart to its people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import Console, use, wait_drawn
from tests.console.test_rule_shape import documented

OpenPage = Callable[..., Page]

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
def test_every_page_is_drawn(console: Console, open_page: OpenPage, language: str) -> None:
    """Without an error in the browser's console: the fixture looks at that."""
    key = f"drawn-{language}"
    made(console, key, RULE)
    page = open_page("admin", width=1280)
    use(page, language)
    tabs = [f"/segments/{key}?tab={tab}" for tab in ("overview", "members", "versions", "explain", "uses")]
    asked = [f"/insight?kind={kind}" for kind in KINDS]
    for path in ["/segments", "/segments?show=archived", "/segments/import", builder(RULE), *tabs, *asked]:
        page.goto(path)
        wait_drawn(page)
        expect(page.locator(".m-alert.m-bad")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_the_builder_shows_the_whole_language_and_changes_nothing(open_page: OpenPage) -> None:
    rule = {"any": documented()}
    page = open_page("admin")
    use(page, "en")
    page.goto(builder(rule))
    wait_drawn(page)
    assert page.locator(".m-rule-leaf").count() >= 25
    page.get_by_role("button", name="JSON", exact=True).click()
    assert json.loads(page.locator("textarea").input_value()) == rule


def test_a_rule_is_built_counted_saved_changed_and_archived(console: Console, open_page: OpenPage) -> None:
    page = open_page("admin")
    use(page, "en")
    page.goto("/segments/new")
    page.get_by_role("button", name="Add a condition").click()
    page.locator(".q-item", has_text="so often or so much").click()
    expect(page.get_by_text("The rule is not whole yet")).to_be_visible()
    page.get_by_label("Event").click()
    page.get_by_label("Event").fill("Content Opened")
    page.get_by_role("option", name="Content Opened").first.click()
    expect(page.locator(".m-big")).to_have_text(re.compile("^[1-9]"))
    expect(page.locator(".m-sample").first).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Readers of the week")
    page.get_by_role("button", name="Save segment").click()
    page.wait_for_url("**/segments/readers-of-the-week")
    page.goto("/segments/readers-of-the-week/edit")
    page.get_by_label("Number").fill("2")
    expect(page.locator(".m-big")).to_have_text(re.compile("^[0-9]"))
    page.get_by_role("button", name="Save as new version").click()
    page.wait_for_url("**/segments/readers-of-the-week")
    with console.tool() as tool:
        told = tool.get("/v1/segments/readers-of-the-week").json()
    assert told["version"] == 2
    assert told["rule"] == {"all": [{"did": "Content Opened", "times": {"gte": 2}, "within": "7d"}]}
    page.goto("/segments/readers-of-the-week?tab=versions")
    expect(page.locator(".m-diff")).to_contain_text("all[0].times.gte")
    page.get_by_role("button", name="Go back to it").click()
    page.get_by_role("dialog").get_by_role("button", name="Go back to it").click()
    page.wait_for_url("**/segments/readers-of-the-week")
    page.get_by_role("button", name="More").click()
    page.get_by_text("Archive", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    page.wait_for_url("**/segments")
    with console.tool() as tool:
        told = tool.get("/v1/segments/readers-of-the-week").json()
    assert (told["version"], told["archived"]) == (4, True)


def test_what_is_wrong_stands_at_its_place(open_page: OpenPage) -> None:
    page = open_page("admin")
    use(page, "en")
    page.goto(builder({"all": [{"tag": "anime"}, {"trait": "age", "between": [9, 1]}, {"has": "email"}]}))
    expect(page.locator(".m-rule-leaf").nth(1).locator("[role=alert]")).to_contain_text("lower number first")
    expect(page.locator(".m-rule-leaf").nth(0).locator("[role=alert]")).to_be_hidden()


def test_a_file_is_put_on_a_list_and_strangers_are_named(console: Console, open_page: OpenPage) -> None:
    made(console, "panel", None)
    with console.tool() as tool:
        known = [str(one["profile_id"]) for one in tool.get("/v1/profiles", params={"limit": 3}).json()["items"]]
    page = open_page("admin")
    use(page, "en")
    page.goto("/segments/panel?tab=list")
    wait_drawn(page)
    content = "\n".join(["profile_id", *known, "999999999"]).encode()
    page.set_input_files("input[type=file]", {"name": "who.csv", "mimeType": "text/csv", "buffer": content})
    expect(page.get_by_text("1 match nobody")).to_be_visible()
    expect(page.get_by_text("999999999")).to_be_visible()
    page.goto("/segments/panel?tab=members")
    expect(page.locator(".m-table tbody tr")).to_have_count(3)


def test_a_rule_of_another_system_is_read_with_its_notes(open_page: OpenPage) -> None:
    page = open_page("admin")
    use(page, "en")
    page.goto("/segments/import")
    body = {
        "entryNode": {"type": "And", "id": "1", "children": ["2", "3"]},
        "nodes": [
            {"type": "Performed", "id": "2", "event": "Video Watched", "times": 3, "timesOperator": ">="},
            {"type": "Broadcast", "id": "3", "broadcastId": "b"},
        ],
    }
    page.get_by_label("From").click()
    page.get_by_role("option", name="Dittofeed").click()
    page.get_by_label("JSON").fill(json.dumps(body))
    page.get_by_role("button", name="Read it").click()
    expect(page.locator(".m-note").first).to_be_visible()


def test_a_number_leads_to_its_people_and_they_become_a_segment(console: Console, open_page: OpenPage) -> None:
    page = open_page("admin")
    use(page, "en")
    page.goto("/insight")
    page.locator(".m-cross button").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("tbody a").first).to_be_visible()
    dialog.get_by_role("button", name="Save as segment").click()
    page.get_by_label("Name", exact=True).last.fill("Openers of a day")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Key")).to_have_value("openers-of-a-day")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/segments/openers-of-a-day")
    with console.tool() as tool:
        assert tool.get("/v1/segments/openers-of-a-day").json()["kind"] == "static"


def test_a_viewer_is_explained(console: Console, open_page: OpenPage) -> None:
    made(console, "explained", RULE)
    with console.tool() as tool:
        known = tool.post("/v1/segments/preview", json={"rule": RULE}).json()["sample"][0]
    page = open_page("viewer")
    use(page, "zh")
    page.goto(f"/segments/explained?tab=explain&ref={known}")
    expect(page.locator(".m-explained .m-good").first).to_be_visible()


def test_a_viewer_by_role_changes_nothing(open_page: OpenPage) -> None:
    page = open_page("viewer")
    use(page, "en")
    page.goto("/segments")
    expect(page.get_by_role("button", name="New segment")).to_have_count(0)
    page.goto("/segments/new")
    expect(page.get_by_text("Your role does not include this page")).to_be_visible()
