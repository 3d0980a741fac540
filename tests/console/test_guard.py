"""Which requests the console takes for its own pages', and what it tells browsers about them."""

from __future__ import annotations

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from gateway.console import guard


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://console.example"}, False),
        ({"origin": "https://console.example"}, True),
        ({"origin": "https://CONSOLE.example:443"}, True),
        ({"origin": "http://console.example:8081"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://console.example.evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "https://"}, False),
    ],
)
def test_a_page_of_ours_is_known_by_what_browsers_say(headers: dict[str, str], ours: bool) -> None:
    assert guard.ours(Headers({"host": "console.example", **headers})) is ours


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers everything, and opens every websocket."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await PlainTextResponse("done")(scope, receive, send)


def client() -> httpx.AsyncClient:
    """A browser before that app behind the guard."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(guard.Guard(app)), base_url="http://console.example")


async def test_another_site_changes_nothing_and_is_told_so_in_the_readers_language() -> None:
    async with client() as browser:
        theirs = {"Origin": "https://evil.example", "Accept-Language": "zh-CN"}
        refused = await browser.post("/signin", data={"login": "eve", "password": "hers"}, headers=theirs)
        assert refused.status_code == 403
        assert "其他网站" in refused.text
        assert (await browser.get("/people", headers={"Sec-Fetch-Site": "cross-site"})).text == "done", (
            "links lead here"
        )
        assert (await browser.post("/signin", headers={"Origin": "http://console.example"})).text == "done"


@pytest.mark.parametrize(
    ("origin", "answer"), [("https://evil.example", "websocket.close"), ("http://console.example", "websocket.accept")]
)
async def test_a_websocket_is_opened_to_our_own_pages(origin: str, answer: str) -> None:
    headers = [(b"host", b"console.example"), (b"origin", origin.encode())]
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await guard.Guard(app)({"type": "websocket", "headers": headers}, receive, send)
    assert [one["type"] for one in said] == [answer]


async def test_every_answer_says_what_a_page_may_load_and_that_nobody_frames_it() -> None:
    async with client() as browser:
        headers = (await browser.get("/")).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'self'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    assert headers["referrer-policy"] == "same-origin"
