"""Every page in both languages and in both colours, and what each role may see and do."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import PASSWORD, Console, set_password, sign_in, use, wait_drawn

OpenPage = Callable[..., Page]

PAGES = {
    "/": ("Home", "首页"),
    "/?days=30": ("Home", "首页"),
    "/people": ("People", "用户查询"),
    "/people?trait=age%3Agte%3A30&seen=30&sort=events": ("People", "用户查询"),
    "/people?segment=anime-fans": ("People", "用户查询"),
    "/people/1": ("Person", "用户画像"),
    "/people/1?tab=timeline": ("Person", "用户画像"),
    "/people/1?tab=identity": ("Person", "用户画像"),
    "/people/1?tab=segments": ("Person", "用户画像"),
    "/people/1?tab=messages": ("Person", "用户画像"),
    "/people/1?tab=consent": ("Person", "用户画像"),
    "/sources": ("Sources", "数据接入"),
    "/sources?tab=keys": ("Sources", "数据接入"),
    "/sources?tab=plan": ("Sources", "数据接入"),
    "/sources?tab=refused": ("Sources", "数据接入"),
    "/audit": ("Audit", "审计日志"),
    "/operators": ("Accounts", "账号"),
}


@pytest.mark.parametrize(("language", "dark", "width"), [("en", False, 1280), ("zh", True, 1920)])
def test_every_page_is_drawn(open_page: OpenPage, language: str, dark: bool, width: int) -> None:
    page = open_page("admin", width=width)
    use(page, language, dark=dark)
    for path, titles in PAGES.items():
        page.goto(path)
        wait_drawn(page)
        expect(page.locator("h1")).to_have_text(titles[language == "zh"])
        assert page.locator("html").get_attribute("lang") == ("zh-CN" if language == "zh" else "en-US")
        assert (page.locator("body.body--dark").count() == 1) is dark, path
        assert page.locator(".m-alert.m-bad").all_text_contents() == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        unnamed = "button:not([aria-label])"
        nameless = [one for one in page.locator(unnamed).all() if not (one.text_content() or "").strip()]
        assert nameless == [], f"{path}: a button without a name"
    use(page, "en")


def test_whoever_is_not_signed_in_comes_back_to_where_he_wanted(open_page: OpenPage, console: Console) -> None:
    password = console.account("deep", "viewer")
    page = open_page(None)
    page.goto("/people?q=anime")
    assert page.url.startswith(f"{console.url}/signin?next=")
    page.fill("[name=login]", "deep")
    page.fill("[name=password]", "not this one")
    page.press("[name=password]", "Enter")
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    assert page.input_value("[name=login]") == "deep"
    assert "not this one" not in page.url
    page.fill("[name=password]", password)
    page.click("button[type=submit]")
    set_password(page, password, PASSWORD)
    page.goto("/people")
    page.get_by_role("button", name="Account").click()
    page.get_by_text("Sign out").click()
    page.wait_for_url("**/signin")
    page.goto("/people")
    assert "/signin" in page.url
    sign_in(page, console.url, "deep", PASSWORD)
    page.goto("/people?q=zzz")
    expect(page.get_by_text("Nobody fits")).to_be_visible()


def test_ten_wrong_passwords_lock_out(open_page: OpenPage, console: Console) -> None:
    console.account("locked", "viewer")
    page = open_page(None, address="10.1.2.3")
    page.goto("/preferences?language=zh&next=/signin")
    for _ in range(11):
        page.fill("[name=login]", "locked")
        page.fill("[name=password]", "wrong")
        page.press("[name=password]", "Enter")
        page.wait_for_url("**/signin?error=*")
    expect(page.get_by_role("alert")).to_contain_text("错误次数过多")
    other = open_page(None, address="10.1.2.4")
    sign_in(other, console.url, "locked", "wrong")
    expect(other.get_by_role("alert")).to_contain_text("Too many wrong tries")


def test_a_viewer_looks_and_changes_nothing(open_page: OpenPage) -> None:
    page = open_page("viewer")
    page.goto("/people/1?tab=consent")
    wait_drawn(page)
    expect(page.get_by_role("link", name="People")).to_be_visible()
    for name in ("Audit", "Accounts"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    expect(page.get_by_role("button", name="Withdraw")).to_have_count(0)
    for path in ("/audit", "/operators"):
        page.goto(path)
        expect(page.get_by_text("Your role does not include this page")).to_be_visible()
    page.goto("/sources?tab=keys")
    expect(page.get_by_text("Keys are managed by admins")).to_be_visible()
    page.goto("/sources?tab=plan")
    wait_drawn(page)
    expect(page.get_by_role("button", name="Add an event")).to_have_count(0)
    page.goto("/people/1")
    wait_drawn(page)
    assert re.search(r"[\w.]{3,}@example\.com", page.locator("#content").inner_text()) is None, "contact data is masked"


def test_people_are_narrowed_and_exported(open_page: OpenPage) -> None:
    page = open_page("operator")
    page.goto("/people")
    wait_drawn(page)
    page.get_by_role("button", name="Trait", exact=True).click()
    page.get_by_label("Trait").last.fill("age")
    page.get_by_label("Trait").last.press("Enter")
    page.get_by_label("Value").fill("200")
    page.get_by_label("Value").press("Enter")
    page.wait_for_url("**/people?trait=age*")
    expect(page.get_by_text("Nobody fits")).to_be_visible()
    page.get_by_role("link", name="Clear").first.click()
    page.wait_for_url("**/people")
    wait_drawn(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export").click()
    lines = waiting.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].replace('"', "").startswith("profile_id")
    expect(page.get_by_role("dialog")).to_contain_text(f"Done: {len(lines) - 1} lines")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_columns_are_chosen_and_kept(open_page: OpenPage) -> None:
    page = open_page("operator")
    page.goto("/people")
    wait_drawn(page)
    expect(page.get_by_role("columnheader", name="First seen")).to_have_count(0)
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="First seen").click()
    expect(page.get_by_role("columnheader", name="First seen")).to_be_visible()
    page.wait_for_timeout(300)
    page.goto("/people")
    wait_drawn(page)
    expect(page.get_by_role("columnheader", name="First seen")).to_be_visible()


def test_ids_are_taken_apart_after_saying_what_happens(open_page: OpenPage, console: Console) -> None:
    with console.tool() as tool:
        everybody = tool.get("/v1/profiles", params={"limit": 200, "has": "email"}).json()["items"]
    ids = [{known["namespace"]: known["value"] for known in one["identities"]} for one in everybody]
    found, both = next(pair for pair in zip(everybody, ids, strict=True) if {"user_id", "anonymous_id"} <= set(pair[1]))
    user, device = both["user_id"], both["anonymous_id"]
    page = open_page("operator")
    page.goto(f"/people/user_id:{user}?tab=identity")
    wait_drawn(page)
    page.get_by_role("row", name=re.compile(device)).get_by_role("button", name="Take away").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("events go along to")
    dialog.get_by_role("button", name="Take these ids away").click()
    expect(dialog).to_contain_text("This is needed")
    dialog.get_by_label("Reason (kept and shown)").fill("a shared tablet")
    dialog.get_by_role("button", name="Take these ids away").click()
    page.wait_for_url("**/people/*?tab=identity")
    wait_drawn(page)
    expect(page.get_by_text("a shared tablet")).to_be_visible()
    with console.tool() as tool:
        parted = tool.get(f"/v1/profiles/anonymous_id:{device}").json()
    assert parted["profile_id"] != found["profile_id"]


def test_a_consent_is_noted(open_page: OpenPage, console: Console) -> None:
    page = open_page("operator")
    page.goto("/people/2?tab=consent")
    wait_drawn(page)
    page.locator(".m-row", has_text="Marketing").last.get_by_role("button", name="Withdraw").click()
    page.get_by_label("Proof").fill("letter of today")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".m-row", has_text="Marketing").last).to_contain_text("denied")
    with console.tool() as tool:
        assert tool.get("/v1/profiles/2/consents").json()["current"]["marketing"] is False


def test_a_key_is_made_shown_once_and_revoked(open_page: OpenPage, console: Console) -> None:
    page = open_page("admin")
    page.goto("/sources?tab=keys")
    wait_drawn(page)
    page.get_by_role("button", name="Make a key").click()
    page.get_by_role("dialog").get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("dialog")).to_contain_text("at least 1 character")
    page.get_by_role("dialog").get_by_label("Name").fill("a web page")
    page.get_by_role("dialog").get_by_role("button", name="Make the key").click()
    text = page.locator("[data-secret]").text_content() or ""
    track = {"userId": "k1", "event": "Content Liked"}
    assert httpx.post(f"{console.suite.url}/v1/track", json=track, auth=(text, "")).status_code == 200
    page.keyboard.press("Escape")
    page.get_by_role("row", name=re.compile("a web page")).get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke the key").click()
    expect(page.get_by_role("row", name=re.compile("a web page"))).to_contain_text("revoked")
    page.goto("/audit?action=keys.revoke")
    wait_drawn(page)
    expect(page.get_by_role("row").nth(1)).to_contain_text("Revoked a key")
    page.get_by_role("button", name="Prove the log").click()
    expect(page.get_by_text(re.compile("All .* lines are as they were written"))).to_be_visible()


def test_refused_events_go_in_after_the_plan_was_mended(open_page: OpenPage, console: Console) -> None:
    secrets = console.suite.secrets()
    page = open_page("admin")
    page.goto("/sources?tab=plan")
    wait_drawn(page)
    page.get_by_role("button", name="Add an event").click()
    page.get_by_role("dialog").get_by_label("Event").fill("Test Taken")
    page.get_by_label("JSON Schema").fill("{not json")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_contain_text("Not JSON")
    page.get_by_label("JSON Schema").fill('{"type": "object", "required": ["grade"]}')
    page.get_by_label("When it does not fit").click()
    page.get_by_role("option", name="refuse the event").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("Test Taken"))).to_contain_text("refuse")
    track = {"userId": "k1", "event": "Test Taken"}
    row = page.get_by_role("row", name=re.compile("Test Taken"))
    for _ in range(30):
        httpx.post(f"{console.suite.url}/v1/track", json=track, auth=(secrets["write_key"], "")).raise_for_status()
        page.goto("/sources?tab=refused")
        wait_drawn(page)
        if row.count():
            break
    with console.tool() as tool:
        tool.delete("/v1/event-types/Test%20Taken").raise_for_status()
    row.first.get_by_role("button", name="Take in again").click()
    page.get_by_role("dialog").get_by_role("button", name="Take them in").click()
    expect(page.get_by_text(re.compile("events of Test Taken went in again"))).to_be_visible()


def test_an_account_is_made_and_deactivated(open_page: OpenPage, console: Console) -> None:
    page = open_page("admin")
    page.goto("/operators")
    page.get_by_role("button", name="Add an account").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("E-mail or short name").fill("with space")
    dialog.get_by_label("Name", exact=True).fill("New One")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_contain_text("match pattern")
    dialog.get_by_label("E-mail or short name").fill("new@example.com")
    dialog.get_by_role("button", name="Save").click()
    password = page.locator("[data-secret]").text_content() or ""
    other = open_page(None, address="10.3.3.3")
    sign_in(other, console.url, "new@example.com", password)
    other.wait_for_url("**/password")
    page.keyboard.press("Escape")
    page.get_by_role("row", name=re.compile("New One")).get_by_role("button", name="Deactivate").click()
    page.get_by_role("dialog").get_by_role("button", name="Deactivate the account").click()
    expect(page.get_by_role("row", name=re.compile("New One"))).to_contain_text("inactive")
    other.goto("/")
    assert "/signin" in other.url


def ready(url: str) -> bool:
    """Whether the gateway answers again."""
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_the_gateway_may_be_away(open_page: OpenPage, console: Console) -> None:
    page = open_page("viewer")
    page.goto("/people")
    wait_drawn(page)
    console.suite.kill("gateway")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="user_id").click()
    expect(page.get_by_text("The gateway does not answer")).to_be_visible()
    page.goto("/people")
    expect(page.get_by_role("button", name="Try again").or_(page.get_by_role("columnheader").first)).to_be_visible()
    console.suite.wait(lambda: ready(console.suite.url))
    page.goto("/people")
    wait_drawn(page)
    expect(page.get_by_role("columnheader").first).to_be_visible()
