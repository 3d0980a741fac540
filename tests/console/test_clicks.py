"""No click is lost: not one before the page is connected, nor one while what stands there is being drawn anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from playwright.async_api import Page, WebSocketRoute, expect

from tests.console.conftest import use, wait_drawn

OpenPage = Callable[..., Awaitable[Page]]
SOCKET = "**/_nicegui_ws/**"
LATE = 1.0
"""Seconds that what the browser says is on its way."""


async def distant(page: Page) -> None:
    """From now on the console hears what pages of this browser say a while later, each in its turn."""

    def opened(near: WebSocketRoute) -> None:
        far = near.connect_to_server()
        said: asyncio.Queue[str | bytes] = asyncio.Queue()

        async def carry() -> None:
            while not page.is_closed():
                message = await said.get()
                await asyncio.sleep(LATE)
                far.send(message)

        near.on_message(said.put_nowait)
        carriers.append(asyncio.create_task(carry()))

    def closed(_: Page) -> None:
        for one in carriers:
            one.cancel()

    carriers: list[asyncio.Task[None]] = []
    await page.route_web_socket(SOCKET, opened)
    page.on("close", closed)


async def test_a_click_before_the_page_is_connected_is_heard(open_page: OpenPage) -> None:
    page = await open_page("viewer")
    await use(page, "en")
    connected = asyncio.Event()

    async def opened(near: WebSocketRoute) -> None:
        await connected.wait()
        near.connect_to_server()

    await page.route_web_socket(SOCKET, opened)
    await page.goto("/people")
    await page.get_by_role("button", name="Columns").click()
    await page.get_by_role("button", name="Trait", exact=True).click()
    assert await page.evaluate("window.did_handshake") is False
    connected.set()
    await expect(page.get_by_role("dialog").get_by_label("Value")).to_be_visible()


async def test_a_click_on_what_is_being_renewed_is_not_lost(open_page: OpenPage) -> None:
    page = await open_page("viewer")
    await use(page, "en")
    await distant(page)
    await page.goto("/insight?kind=hours")
    await wait_drawn(page)
    number = page.locator(".m-cross button").first
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.locator("[inert] .m-cross")).to_have_count(1)
    await number.evaluate("button => button.focus()")
    assert await page.evaluate("document.activeElement.closest('.m-cross')") is None, "what goes is not to be chosen"
    await wait_drawn(page)
    await number.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog").get_by_role("columnheader", name="Name")).to_be_visible()
