"""One installation with a console and a small audience per run, and one browser; each test has a page of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from deploy.local import processes, screenshots
from tests.harness.suite import Suite

PASSWORD = "a-password-of-the-tests"
PATIENCE = 20_000
"""Milliseconds a page may take on a machine that does much else."""


NONE = f"no browser on this machine ({', '.join(screenshots.BROWSERS)}); MARQUEE_BROWSER may name one"


@dataclass(frozen=True, kw_only=True)
class Console:
    """The console of a running installation."""

    suite: Suite
    url: str

    def tool(self) -> httpx.Client:
        """The gateway as a tool with the secret key calls it."""
        headers = {"Authorization": f"Bearer {self.suite.secrets()['secret_key']}"}
        return httpx.Client(base_url=self.suite.url, headers=headers, timeout=30)

    def account(self, login: str, role: str) -> str:
        """An account of that role; its one-time password."""
        with self.tool() as tool:
            made = tool.post("/v1/operators", json={"login": login, "name": login.title(), "role": role})
            assert made.status_code == 201, made.text
            password: str = made.json()["password"]
            return password

    def track(self, event: dict[str, str], *, key: str) -> httpx.Response:
        """Send an event as a source with that write key does."""
        return httpx.post(f"{self.suite.url}/v1/track", json=event, auth=(key, ""))


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """An installation with its console, and the smallest demo audience in it."""
    if screenshots.browser() is None:
        pytest.skip(NONE)
    port = processes.free_port()
    folder: Path = tmp_path_factory.mktemp("console") / "data"
    env = {"MARQUEE_CONSOLE_PORT": str(port), "MARQUEE_SMTP_URL": "sink:", "MARQUEE_QUIET_HOURS": "22:00-08:00"}
    with Suite.started(folder, env) as suite:
        done = suite.run("demo", "--viewers", "60", "--days", "30", timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Console(suite=suite, url=f"http://127.0.0.1:{port}")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The run's browser."""
    path = screenshots.browser()
    if path is None:
        pytest.skip(NONE)
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=path, args=screenshots.ARGUMENTS)
        yield opened
        await opened.close()


@pytest.fixture(scope="session")
async def signed_in(console: Console, browser: Browser) -> Callable[[str], Awaitable[str]]:
    """`await signed_in("admin")`: where the cookies of someone of that role are kept; each role signs in once a run."""
    folder = console.suite.data.parent
    states: dict[str, str] = {}

    async def state(role: str) -> str:
        if role not in states:
            login = "admin" if role == "admin" else f"{role}-of-tests"
            first = console.suite.secrets()["admin_password"] if role == "admin" else console.account(login, role)
            context = await browser.new_context(timezone_id="Asia/Shanghai", locale="en-US")
            page = await context.new_page()
            await sign_in(page, console.url, login, first)
            await set_password(page, first, PASSWORD)
            states[role] = str(folder / f"{role}.json")
            await context.storage_state(path=states[role])
            await context.close()
        return states[role]

    return state


async def sign_in(page: Page, url: str, login: str, password: str) -> None:
    """Fill the form and send it with Enter."""
    await page.goto(f"{url}/signin")
    await page.fill("[name=login]", login)
    await page.fill("[name=password]", password)
    await page.press("[name=password]", "Enter")
    await page.wait_for_load_state("load")


async def set_password(page: Page, old: str, new: str) -> None:
    """Fill the form of a new password and send it."""
    await page.wait_for_url("**/password")
    await page.fill("[name=old]", old)
    await page.fill("[name=new]", new)
    await page.fill("[name=again]", new)
    await page.press("[name=again]", "Enter")
    await page.wait_for_url("**/?said=password")


@pytest.fixture
async def open_page(
    browser: Browser, console: Console, signed_in: Callable[[str], Awaitable[str]]
) -> AsyncIterator[Callable[..., Awaitable[Page]]]:
    """`page = await open_page("admin")`: a page of someone of that role (None: of a stranger).

    An error in the browser's console or in a script fails the test. `await wait_drawn(page)` waits for all regions.
    """
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    async def open_(role: str | None = "admin", *, width: int = 1440, address: str | None = None) -> Page:
        context = await browser.new_context(
            base_url=console.url,
            viewport={"width": width, "height": 900},
            storage_state=await signed_in(role) if role else None,
            timezone_id="Asia/Shanghai",
            locale="en-US",
            extra_http_headers={"X-Forwarded-For": address} if address else {},
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = await context.new_page()

        def heard(said: ConsoleMessage) -> None:
            # that a page's own address is none is told as an error, too
            if said.type == "error" and not (said.location["url"] == page.url and "status of 404" in said.text):
                wrong.append(f"{page.url}: {said.text}")

        page.on("console", heard)
        page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
        return page

    yield open_
    for context in contexts:
        await context.close()
    assert not wrong, wrong


async def wait_drawn(page: Page) -> None:
    """Wait until nothing on the page is being loaded any more, nor drawn anew."""
    await expect(page.locator(".m-skeleton, [inert]")).to_have_count(0, timeout=PATIENCE)


async def use(page: Page, language: str, *, dark: bool = False) -> None:
    """Switch language and colours, as the buttons of the frame do."""
    await page.goto(f"/preferences?language={language}&dark={int(dark)}&next=/healthz")
