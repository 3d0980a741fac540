"""The console as an operator sees it: from the click until the last region of a page is drawn, in Chromium, on a demo.

Beside it a NiceGUI page with one line of text, loaded by the same browser in the same run.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time

import httpx
from playwright.sync_api import Page, sync_playwright

from deploy.local import screenshots
from deploy.local.plan import BEHIND
from deploy.tools import demo
from tests.bench.load import Failed
from tests.bench.report import Line, line
from tests.bench.suite import Suite, standing

VIEWERS = 1_200
DAYS = 60
ROUNDS = 7


async def measure(*, viewers: int = VIEWERS, rounds: int = ROUNDS) -> list[Line]:
    """Each page so many times after one that fills the browser's cache."""
    path = screenshots.browser()
    if path is None:
        raise Failed(f"no browser on this machine ({', '.join(screenshots.BROWSERS)}); MARQUEE_BROWSER may name one")
    async with standing("gateway", *BEHIND, "console") as suite, suite.bus() as bus:
        with contextlib.redirect_stdout(sys.stderr):
            await asyncio.to_thread(_load, suite, viewers)
        await suite.caught_up(bus)
        bare = await suite.start_bare_page()
        took = await asyncio.to_thread(_timed, suite, path, bare, rounds)
    beside = took.pop("bare")
    return [
        line(
            f"page drawn: {name} / a bare NiceGUI page",
            [1000 * one for one in each],
            "ms",
            [1000 * one for one in beside],
        )
        for name, each in took.items()
    ]


def _load(suite: Suite, viewers: int) -> None:
    """The demo, through the public API."""
    there = suite.door
    doors = ("--url", there.url, "--write-key", there.write_key, "--secret-key", there.secret_key)
    size = ("--viewers", str(viewers), "--days", str(DAYS), "--state", str(suite.folder / "demo.json"))
    if demo.main([*doors, *size]):
        raise Failed("the demo could not be loaded")


def _timed(suite: Suite, path: str, bare: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of every load by the name of the page; `bare` is the baseline."""
    headers = {"Authorization": f"Bearer {suite.door.secret_key}"}
    with httpx.Client(base_url=suite.door.url, headers=headers, timeout=30, trust_env=False) as tool:
        shown = screenshots.pages(tool)
        _, password = screenshots.account(tool)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=screenshots.ARGUMENTS)
        context = browser.new_context(
            base_url=suite.plan.url("console"), viewport={"width": screenshots.WIDTH, "height": screenshots.HEIGHT}
        )
        context.set_default_timeout(screenshots.PATIENCE)
        page = context.new_page()
        screenshots.sign_in(page, password)
        places = {"bare": bare, **shown}
        took: dict[str, list[float]] = {name: [] for name in places}
        for turn in range(rounds + 1):
            for name, where in places.items():
                seconds = _load_page(page, where, "bare" if name == "bare" else "m-body")
                if turn:  # the first one fills the caches
                    took[name].append(seconds)
        browser.close()
    return took


def _load_page(page: Page, where: str, landmark: str) -> float:
    """Seconds until the page's own part is there and nothing in it is being loaded."""
    began = time.perf_counter()
    answer = page.goto(where, wait_until="commit")
    if answer is None or answer.status != 200:
        raise Failed(f"{where}: {answer and answer.status}")
    page.wait_for_function(
        "landmark => document.querySelector('.' + landmark) && !document.querySelector('.m-skeleton')", arg=landmark
    )
    return time.perf_counter() - began
