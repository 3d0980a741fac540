"""One installation with a console and a small audience per run, and one browser; each test has a page of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

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


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """An installation with its console, and the smallest demo audience in it."""
    if screenshots.browser() is None:
        pytest.skip(NONE)
    port = processes.free_port()
    folder: Path = tmp_path_factory.mktemp("console") / "data"
    with Suite.started(folder, {"MARQUEE_CONSOLE_PORT": str(port)}) as suite:
        done = suite.run("demo", "--viewers", "60", "--days", "30", timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Console(suite=suite, url=f"http://127.0.0.1:{port}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The run's browser."""
    path = screenshots.browser()
    if path is None:
        pytest.skip(NONE)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=screenshots.ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def signed_in(console: Console, browser: Browser) -> Callable[[str], str]:
    """`signed_in("admin")`: where the cookies of someone of that role are kept; each role signs in once a run."""
    folder = console.suite.data.parent
    states: dict[str, str] = {}

    def state(role: str) -> str:
        if role not in states:
            login = "admin" if role == "admin" else f"{role}-of-tests"
            first = console.suite.secrets()["admin_password"] if role == "admin" else console.account(login, role)
            context = browser.new_context(timezone_id="Asia/Shanghai", locale="en-US")
            page = context.new_page()
            sign_in(page, console.url, login, first)
            set_password(page, first, PASSWORD)
            states[role] = str(folder / f"{role}.json")
            context.storage_state(path=states[role])
            context.close()
        return states[role]

    return state


def sign_in(page: Page, url: str, login: str, password: str) -> None:
    """Fill the form and send it with Enter."""
    page.goto(f"{url}/signin")
    page.fill("[name=login]", login)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    page.wait_for_load_state("load")


def set_password(page: Page, old: str, new: str) -> None:
    """Fill the form of a new password and send it."""
    page.wait_for_url("**/password")
    page.fill("[name=old]", old)
    page.fill("[name=new]", new)
    page.fill("[name=again]", new)
    page.press("[name=again]", "Enter")
    page.wait_for_url("**/?said=password")


@pytest.fixture
def open_page(browser: Browser, console: Console, signed_in: Callable[[str], str]) -> Iterator[Callable[..., Page]]:
    """`page = open_page("admin")`: a page of someone of that role (None: of a stranger).

    An error in the browser's console or in a script fails the test. `wait_drawn(page)` waits for all regions.
    """
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def open_(role: str | None = "admin", *, width: int = 1440, address: str | None = None) -> Page:
        context = browser.new_context(
            base_url=console.url,
            viewport={"width": width, "height": 900},
            storage_state=signed_in(role) if role else None,
            timezone_id="Asia/Shanghai",
            locale="en-US",
            extra_http_headers={"X-Forwarded-For": address} if address else {},
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: wrong.append(f"{page.url}: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not wrong, wrong


def wait_drawn(page: Page) -> None:
    """Wait until nothing on the page is being loaded any more."""
    expect(page.locator(".m-skeleton")).to_have_count(0, timeout=PATIENCE)


def use(page: Page, language: str, *, dark: bool = False) -> None:
    """Switch language and colours, as the buttons of the frame do."""
    page.goto(f"/preferences?language={language}&dark={int(dark)}&next=/healthz")
