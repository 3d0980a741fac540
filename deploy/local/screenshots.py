"""`screenshots`: the pictures of the README, taken of the running installation with the demo in it.

It signs in as an operator of its own, whose account is made inactive again at the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from deploy.local import installation, secrets
from deploy.local.installation import HOME
from deploy.local.processes import CannotStart

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LANGUAGES = ("en", "zh")
LOGIN = "screenshots"
WIDTH, HEIGHT = 1440, 900
PATIENCE = 30_000
"""Milliseconds a page may take to be drawn."""


def browser() -> str | None:
    """A browser of this machine: MARQUEE_BROWSER, else the first that is installed."""
    return os.environ.get("MARQUEE_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)


def main(argv: Sequence[str]) -> int:
    """Take every picture; the exit status."""
    parser = argparse.ArgumentParser(prog="marquee screenshots", description="Pictures of the running console.")
    parser.add_argument("--to", type=Path, default=HOME / "docs" / "pictures", help="folder (default: docs/pictures)")
    parser.add_argument("--dark", action="store_true", help="with dark colours")
    options = parser.parse_args(list(argv))
    place = installation.installation()
    state, kept = installation.running(place), secrets.read(place.data)
    console = state["urls"].get("console")
    if console is None:
        raise CannotStart("The console does not run: start ./marquee up without MARQUEE_CONSOLE_PORT=0.")
    headers = {"Authorization": f"Bearer {kept.secret_key}"}
    with httpx.Client(base_url=state["url"], headers=headers, timeout=30) as tool:
        shown = pages(tool)
        if not shown:
            raise CannotStart("There is nothing to show yet: load an audience with ./marquee demo.")
        taker, password = account(tool)
        try:
            _take(console, password, shown, options.to, dark=options.dark)
        finally:
            tool.patch(f"/v1/operators/{taker}", json={"active": False})
    return 0


def pages(tool: httpx.Client) -> dict[str, str]:
    """What is shown, by the name of its picture; nothing when nobody is there."""
    people: dict[str, str | int] = {"sort": "events", "has": "email", "limit": 1}
    busy = tool.get("/v1/profiles", params=people).raise_for_status().json()["items"]
    if not busy:
        return {}
    segments = tool.get("/v1/segments", params={"limit": 1}).raise_for_status().json()["items"]
    campaigns = tool.get("/v1/campaigns", params={"limit": 200}).raise_for_status().json()["items"]
    sent = [one["key"] for one in campaigns if one["state"] not in ("draft", "archived")]
    found = {
        "home": "/",
        "people": "/people?sort=last_seen",
        "person": f"/people/{busy[0]['profile_id']}",
        "sources": "/sources",
        "segments": "/segments",
        "insight": "/insight",
        "campaigns": "/campaigns",
    }
    if segments:
        found["segment"] = f"/segments/{segments[0]['key']}"
    if sent:
        found["report"] = f"/campaigns/{sent[0]}/report"
    return found


def account(tool: httpx.Client) -> tuple[str, str]:
    """Id and one-time password of the account the pictures are taken with."""
    accounts: list[dict[str, Any]] = tool.get("/v1/operators", params={"limit": 200}).raise_for_status().json()["items"]
    known = next((one["id"] for one in accounts if one["login"] == LOGIN), None)
    if known is None:
        wanted = {"login": LOGIN, "name": "Lin", "role": "operator"}
        made = tool.post("/v1/operators", json=wanted).raise_for_status().json()
    else:
        tool.patch(f"/v1/operators/{known}", json={"active": True}).raise_for_status()
        made = tool.post(f"/v1/operators/{known}/password").raise_for_status().json()
    return made["id"], made["password"]


def _take(console: str, password: str, shown: dict[str, str], folder: Path, *, dark: bool) -> None:
    from playwright.sync_api import sync_playwright

    path = browser()
    if path is None:
        raise CannotStart(f"No browser on this machine ({', '.join(BROWSERS)}); MARQUEE_BROWSER may name one.")
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        context = opened.new_context(base_url=console, viewport={"width": WIDTH, "height": HEIGHT})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        sign_in(page, password)
        for language in LANGUAGES:
            page.goto(f"/preferences?language={language}&dark={int(dark)}&next=/healthz")
            for name, where in shown.items():
                file = folder / f"{name}-{language}{'-dark' if dark else ''}.png"
                answer = page.goto(where)
                if answer is None or answer.status != 200:
                    print(f"{where}: not there, left out", file=sys.stderr)
                    continue
                wait_drawn(page)
                page.screenshot(path=file)
                print(file)
        opened.close()


def sign_in(page: Page, password: str) -> None:
    """Through the forms, as a person does: a one-time password first, then one of his own."""
    page.goto("/signin")
    page.fill("[name=login]", LOGIN)
    page.fill("[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url("**/password")
    page.fill("[name=old]", password)
    page.fill("[name=new]", password[::-1])
    page.fill("[name=again]", password[::-1])
    page.click("button[type=submit]")
    page.wait_for_url("**/?said=password")


def wait_drawn(page: Page) -> None:
    """Until nothing is being loaded and the charts stand still."""
    page.wait_for_function("!document.querySelector('.m-skeleton')")
    page.wait_for_timeout(800)
