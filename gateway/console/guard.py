"""What stands before every request of the console: no other site acts through a signed-in browser, or frames a page.

Cookies with `SameSite=Lax` do not stop a form of another site from signing somebody in (to an account of the
attacker's), nor a sister site under the same domain. Browsers say where a request comes from: `Sec-Fetch-Site` where
the page has TLS or is local, `Origin` with everything that is not a plain GET. A request with neither is no browser's,
and has no cookie to lend.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.console import frame, texts

READING = frozenset({"GET", "HEAD", "OPTIONS"})
OURS = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site` of a page of ours, and of an address typed by hand."""
PORTS = {"http": ":80", "https": ":443"}
"""How addresses end that say what goes without saying."""

POLICY = "; ".join(
    (
        "default-src 'self'",
        # NiceGUI starts its pages with inline scripts and compiles their templates in the browser, so scripts cannot be
        # narrowed further than to our own host; that texts never become scripts is the business of parts.attributes.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: https:",  # https: pictures of an e-mail that is looked at before it is sent
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class Guard:
    """ASGI middleware: refuses what another site sends, and tells the browser what pages may load."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with 403; a refused websocket is closed before it opens, which is a 403 too."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        changes = scope["type"] == "websocket" or scope["method"] not in READING
        if changes and not ours(Headers(scope=scope)):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            told = texts.text(frame.language_of(Request(scope)), "signin.other_site")
            await PlainTextResponse(f"{told}\n", 403)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, with_headers)


def ours(headers: Headers) -> bool:
    """Whether a request that changes something comes from a page of the console itself, or from no browser at all."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in OURS
    origin = headers.get("origin")
    if origin is None:
        return True
    scheme, separator, place = origin.partition("://")  # `null`, of a sandboxed page, is no address
    port = PORTS.get(scheme, "")
    return bool(separator) and place.lower().removesuffix(port) == headers.get("host", "").lower().removesuffix(port)
