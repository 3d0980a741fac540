"""Every page in both languages and in both colours, and what each role may see and do."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.console.conftest import PASSWORD, Console, set_password, sign_in, use, wait_drawn

OpenPage = Callable[..., Awaitable[Page]]

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
async def test_every_page_is_drawn(open_page: OpenPage, language: str, dark: bool, width: int) -> None:
    page = await open_page("admin", width=width)
    await use(page, language, dark=dark)
    for path, titles in PAGES.items():
        await page.goto(path)
        await wait_drawn(page)
        await expect(page.locator("h1")).to_have_text(titles[language == "zh"])
        assert await page.locator("html").get_attribute("lang") == ("zh-CN" if language == "zh" else "en-US")
        assert (await page.locator("body.body--dark").count() == 1) is dark, path
        assert await page.locator(".m-alert.m-bad").all_text_contents() == [], path
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
        unnamed = "button:not([aria-label])"
        nameless = [one for one in await page.locator(unnamed).all() if not (await one.text_content() or "").strip()]
        assert nameless == [], f"{path}: a button without a name"
    await use(page, "en")


async def test_an_address_that_is_no_page_has_the_frame_and_a_way_home(open_page: OpenPage, console: Console) -> None:
    page = await open_page("viewer", width=1280)
    for language, title in (("zh", "页面不存在"), ("en", "No such page")):
        await use(page, language)
        answer = await page.goto("/nothing/here?x=<b>")
        assert answer is not None
        assert answer.status == 404
        await expect(page.locator("h1")).to_have_text(title)
        assert await page.locator("nav a").count() > 3
    await page.locator(".m-empty a, .m-empty button").click()
    await expect(page.locator("h1")).to_have_text("Home")
    stranger = await open_page(None, width=1280)
    await stranger.goto("/nothing/here")
    await expect(stranger.locator("h1")).to_have_text("Sign in")
    for path in ("/assets/nothing.js", "/_nicegui/nothing", "/nothing"):
        bare = await stranger.request.get(f"{console.url}{path}", headers={"accept": "*/*"})
        assert (bare.status, "json" in bare.headers["content-type"]) == (404, True)


@pytest.mark.parametrize(
    ("language", "words"), [("en", ("Sign in", "Set your password")), ("zh", ("登录", "设置密码"))]
)
async def test_the_doors_speak_both_languages(open_page: OpenPage, language: str, words: tuple[str, str]) -> None:
    """Before anyone is signed in, and where a one-time password is changed."""
    for role, path, title in ((None, "/signin", words[0]), ("viewer", "/password", words[1])):
        page = await open_page(role, width=1280)
        await page.goto(f"/preferences?language={language}&next={path}")
        await expect(page.locator("h1")).to_have_text(title)
        assert await page.locator("html").get_attribute("lang") == ("zh-CN" if language == "zh" else "en-US")
        assert await page.locator("input:visible").count() == (2 if role is None else 3)
        await page.goto("/preferences?language=en&next=/healthz")


async def test_whoever_is_not_signed_in_comes_back_to_where_he_wanted(open_page: OpenPage, console: Console) -> None:
    password = console.account("deep", "viewer")
    page = await open_page(None)
    await page.goto("/people?q=anime")
    assert page.url.startswith(f"{console.url}/signin?next=")
    await page.fill("[name=login]", "deep")
    await page.fill("[name=password]", "not this one")
    await page.press("[name=password]", "Enter")
    await expect(page.get_by_role("alert")).to_contain_text("wrong")
    assert await page.input_value("[name=login]") == "deep"
    assert "not this one" not in page.url
    await page.fill("[name=password]", password)
    await page.click("button[type=submit]")
    await set_password(page, password, PASSWORD)
    await page.goto("/people")
    await page.get_by_role("button", name="Account").click()
    await page.get_by_text("Sign out").click()
    await page.wait_for_url("**/signin")
    await page.goto("/people")
    assert "/signin" in page.url
    await sign_in(page, console.url, "deep", PASSWORD)
    await page.goto("/people?q=zzz")
    await expect(page.get_by_text("Nobody fits")).to_be_visible()


async def test_ten_wrong_passwords_lock_out(open_page: OpenPage, console: Console) -> None:
    password = console.account("locked", "viewer")
    page = await open_page(None, address="10.1.2.3")
    await page.goto("/preferences?language=zh&next=/signin")
    for _ in range(11):
        await page.fill("[name=login]", "locked")
        await page.fill("[name=password]", "wrong")
        await page.press("[name=password]", "Enter")
        await page.wait_for_url("**/signin?error=*")
    await expect(page.get_by_role("alert")).to_contain_text("错误次数过多")
    other = await open_page(None, address="10.1.2.4")
    await sign_in(other, console.url, "locked", password)
    await other.wait_for_url("**/password")


async def test_a_viewer_looks_and_changes_nothing(open_page: OpenPage) -> None:
    page = await open_page("viewer")
    await page.goto("/people/1?tab=consent")
    await wait_drawn(page)
    await expect(page.get_by_role("link", name="People")).to_be_visible()
    for name in ("Audit", "Accounts"):
        await expect(page.get_by_role("link", name=name)).to_have_count(0)
    await expect(page.get_by_role("button", name="Withdraw")).to_have_count(0)
    for path in ("/audit", "/operators"):
        await page.goto(path)
        await expect(page.get_by_text("Your role does not include this page")).to_be_visible()
    await page.goto("/sources?tab=keys")
    await expect(page.get_by_text("Keys are managed by admins")).to_be_visible()
    await page.goto("/sources?tab=plan")
    await wait_drawn(page)
    await expect(page.get_by_role("button", name="Add an event")).to_have_count(0)
    await page.goto("/people/1")
    await wait_drawn(page)
    content = await page.locator("#content").inner_text()
    assert re.search(r"[\w.]{3,}@example\.com", content) is None, "contact data is masked"


async def test_people_are_narrowed_and_exported(open_page: OpenPage) -> None:
    page = await open_page("operator")
    await page.goto("/people")
    await wait_drawn(page)
    await page.get_by_role("button", name="Trait", exact=True).click()
    await page.get_by_label("Trait").last.fill("age")
    await page.get_by_label("Trait").last.press("Enter")
    await page.get_by_label("Value").fill("200")
    await page.get_by_label("Value").press("Enter")
    await page.wait_for_url("**/people?trait=age*")
    await expect(page.get_by_text("Nobody fits")).to_be_visible()
    await page.get_by_role("link", name="Clear").first.click()
    await page.wait_for_url("**/people")
    await wait_drawn(page)
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="Export").click()
    download = await waiting.value
    lines = (await download.path()).read_text(encoding="utf-8-sig").splitlines()
    assert lines[0].replace('"', "").startswith("profile_id")
    await expect(page.get_by_role("dialog")).to_contain_text(f"Done: {len(lines) - 1} lines")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_programs_are_left_out_until_they_are_asked_for(open_page: OpenPage, console: Console) -> None:
    with console.tool() as tool:
        programs = tool.get("/v1/profiles", params={"bot": "true", "limit": 200}).json()["items"]
    assert programs
    page = await open_page("operator")
    await page.goto("/people?sort=last_seen")
    await wait_drawn(page)
    await expect(page.locator("td .m-badge", has_text="program")).to_have_count(0)
    await page.get_by_label("Programs").click()
    await page.get_by_role("option", name="only programs").click()
    await page.wait_for_url("**/people?programs=only*")
    await wait_drawn(page)
    await expect(page.locator("td .m-badge", has_text="program")).to_have_count(len(programs))
    await page.get_by_role("button", name="Save as segment").click()
    await expect(page.get_by_text("Programs cannot become a segment")).to_be_visible()
    await page.goto(f"/people?q={programs[0]['profile_id']}")
    await wait_drawn(page)
    await page.locator("td a").first.click()
    await page.wait_for_url("**/people/*")
    await expect(page.locator("#content .m-badge", has_text="program").first).to_be_visible()


async def test_columns_are_chosen_and_kept(open_page: OpenPage) -> None:
    page = await open_page("operator")
    await page.goto("/people")
    await wait_drawn(page)
    await expect(page.get_by_role("columnheader", name="First seen")).to_have_count(0)
    await page.get_by_role("button", name="Columns").click()
    await page.get_by_role("checkbox", name="First seen").click()
    await expect(page.get_by_role("columnheader", name="First seen")).to_be_visible()
    await page.wait_for_timeout(300)
    await page.goto("/people")
    await wait_drawn(page)
    await expect(page.get_by_role("columnheader", name="First seen")).to_be_visible()


async def test_ids_are_taken_apart_after_saying_what_happens(open_page: OpenPage, console: Console) -> None:
    with console.tool() as tool:
        everybody = tool.get("/v1/profiles", params={"limit": 200, "has": "email"}).json()["items"]
    ids = [{known["namespace"]: known["value"] for known in one["identities"]} for one in everybody]
    found, both = next(pair for pair in zip(everybody, ids, strict=True) if {"user_id", "anonymous_id"} <= set(pair[1]))
    user, device = both["user_id"], both["anonymous_id"]
    page = await open_page("operator")
    await page.goto(f"/people/user_id:{user}?tab=identity")
    await wait_drawn(page)
    await page.get_by_role("row", name=re.compile(device)).get_by_role("button", name="Take away").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("events go along to")
    await dialog.get_by_role("button", name="Take these ids away").click()
    await expect(dialog).to_contain_text("This is needed")
    await dialog.get_by_label("Reason (kept and shown)").fill("a shared tablet")
    await dialog.get_by_role("button", name="Take these ids away").click()
    await page.wait_for_url("**/people/*?tab=identity")
    await wait_drawn(page)
    await expect(page.get_by_text("a shared tablet")).to_be_visible()
    with console.tool() as tool:
        parted = tool.get(f"/v1/profiles/anonymous_id:{device}").json()
    assert parted["profile_id"] != found["profile_id"]


async def test_a_consent_is_noted(open_page: OpenPage, console: Console) -> None:
    page = await open_page("operator")
    await page.goto("/people/2?tab=consent")
    await wait_drawn(page)
    await page.locator(".m-row", has_text="Marketing").last.get_by_role("button", name="Withdraw").click()
    await page.get_by_label("Proof").fill("letter of today")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.locator(".m-row", has_text="Marketing").last).to_contain_text("denied")
    with console.tool() as tool:
        assert tool.get("/v1/profiles/2/consents").json()["current"]["marketing"] is False


async def test_a_key_is_made_shown_once_and_revoked(open_page: OpenPage, console: Console) -> None:
    page = await open_page("admin")
    await page.goto("/sources?tab=keys")
    await wait_drawn(page)
    await page.get_by_role("button", name="Make a key").click()
    await page.get_by_role("dialog").get_by_role("button", name="Make the key").click()
    await expect(page.get_by_role("dialog")).to_contain_text("at least 1 character")
    await page.get_by_role("dialog").get_by_label("Name").fill("a web page")
    await page.get_by_role("dialog").get_by_role("button", name="Make the key").click()
    text = await page.locator("[data-secret]").text_content() or ""
    assert console.track({"userId": "k1", "event": "Content Liked"}, key=text).status_code == 200
    await page.keyboard.press("Escape")
    await page.get_by_role("row", name=re.compile("a web page")).get_by_role("button", name="Revoke").click()
    await page.get_by_role("dialog").get_by_role("button", name="Revoke the key").click()
    await expect(page.get_by_role("row", name=re.compile("a web page"))).to_contain_text("revoked")
    await page.goto("/audit?action=keys.revoke")
    await wait_drawn(page)
    await expect(page.get_by_role("row").nth(1)).to_contain_text("Revoked a key")
    await page.get_by_role("button", name="Prove the log").click()
    await expect(page.get_by_text(re.compile("All .* lines are as they were written"))).to_be_visible()


async def test_refused_events_go_in_after_the_plan_was_mended(open_page: OpenPage, console: Console) -> None:
    secrets = console.suite.secrets()
    page = await open_page("admin")
    await page.goto("/sources?tab=plan")
    await wait_drawn(page)
    await page.get_by_role("button", name="Add an event").click()
    await page.get_by_role("dialog").get_by_label("Event").fill("Test Taken")
    await page.get_by_label("JSON Schema").fill("{not json")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Not JSON")
    await page.get_by_label("JSON Schema").fill('{"type": "object", "required": ["grade"]}')
    await page.get_by_label("When it does not fit").click()
    await page.get_by_role("option", name="refuse the event").click()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("row", name=re.compile("Test Taken"))).to_contain_text("refuse")
    row = page.get_by_role("row", name=re.compile("Test Taken"))
    for _ in range(30):
        console.track({"userId": "k1", "event": "Test Taken"}, key=secrets["write_key"]).raise_for_status()
        await page.goto("/sources?tab=refused")
        await wait_drawn(page)
        if await row.count():
            break
    with console.tool() as tool:
        tool.delete("/v1/event-types/Test%20Taken").raise_for_status()
    await row.first.get_by_role("button", name="Take in again").click()
    await page.get_by_role("dialog").get_by_role("button", name="Take them in").click()
    await expect(page.get_by_text(re.compile("events of Test Taken went in again"))).to_be_visible()


async def test_what_the_gateway_turned_away_is_told_with_a_remedy(open_page: OpenPage, console: Console) -> None:
    made = {"kind": "write", "name": "An old app"}
    with console.tool() as tool:
        key = tool.post("/v1/keys", json=made).json()["key"]
        for wrong in ({"event": "Content Liked"}, {"event": "Content Liked", "userId": "bob@example.com"}):
            assert console.track(wrong, key=key).status_code == 400

        def told() -> bool:
            found = tool.get("/v1/refused-events/turned-away", params={"source": key.removeprefix("pk_")}).json()
            return len(found) == 2

        console.suite.wait(told)
    page = await open_page("viewer")
    await page.goto("/sources?tab=refused")
    await wait_drawn(page)
    row = page.get_by_role("row", name=re.compile("contact data for an id")).filter(has_text="An old app")
    await expect(row).to_contain_text("Send an id of your own, and the address as a trait")
    await row.get_by_role("button", name="Look").click()
    await expect(page.get_by_role("dialog")).to_contain_text("contact_as_id")
    await page.keyboard.press("Escape")
    await use(page, "zh")
    await page.goto("/sources?tab=refused")
    await wait_drawn(page)
    await expect(page.get_by_role("row", name=re.compile("缺少用户 ID")).first).to_contain_text("每次上报都要带")
    await page.goto("/sources?tab=refused&event=Never")
    await expect(page.get_by_text("没有被拒收的请求")).to_be_visible()
    await use(page, "en")


async def test_an_account_is_made_and_deactivated(open_page: OpenPage, console: Console) -> None:
    page = await open_page("admin")
    await page.goto("/operators")
    await page.get_by_role("button", name="Add an account").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("E-mail or short name").fill("with space")
    await dialog.get_by_label("Name", exact=True).fill("New One")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_contain_text("match pattern")
    await dialog.get_by_label("E-mail or short name").fill("new@example.com")
    await dialog.get_by_role("button", name="Save").click()
    password = await page.locator("[data-secret]").text_content() or ""
    other = await open_page(None, address="10.3.3.3")
    await sign_in(other, console.url, "new@example.com", password)
    await other.wait_for_url("**/password")
    await page.keyboard.press("Escape")
    await page.get_by_role("row", name=re.compile("New One")).get_by_role("button", name="Deactivate").click()
    await page.get_by_role("dialog").get_by_role("button", name="Deactivate the account").click()
    await expect(page.get_by_role("row", name=re.compile("New One"))).to_contain_text("inactive")
    await other.goto("/")
    assert "/signin" in other.url


def ready(url: str) -> bool:
    """Whether the gateway answers again."""
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


async def test_the_gateway_may_be_away(open_page: OpenPage, console: Console) -> None:
    page = await open_page("viewer")
    await page.goto("/people")
    await wait_drawn(page)
    console.suite.kill("gateway")
    await page.get_by_role("button", name="Columns").click()
    await page.get_by_role("checkbox", name="user_id").click()
    await expect(page.get_by_text("The gateway does not answer")).to_be_visible()
    await page.goto("/people")
    again = page.get_by_role("button", name="Try again")
    await expect(again.or_(page.get_by_role("columnheader").first)).to_be_visible()
    console.suite.wait(lambda: ready(console.suite.url))
    await page.goto("/people")
    await wait_drawn(page)
    await expect(page.get_by_role("columnheader").first).to_be_visible()
