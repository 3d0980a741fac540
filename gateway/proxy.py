"""The admin door: a call with a secret key is streamed to the service that owns its path, with the caller signed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import aiohttp
import httpx
from fastapi import APIRouter
from httpx_aiohttp import AiohttpTransport
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway import audit
from gateway.edge.door import EdgeRoute
from gateway.signin import CALLER, NeedsSecretKey
from shared import caller as callers
from shared import telemetry
from shared.app import anyone
from shared.audit import HEADER as NOTE
from shared.audit import REASON
from shared.contracts import PATHS, SERVICES
from shared.errors import NotFound, Problem
from shared.leaving import CallerLeft, while_there

if TYPE_CHECKING:
    from gateway.memory import Memory

log = telemetry.logger(__name__)
router = APIRouter(route_class=EdgeRoute)

BODY_BYTES = 10 * 1024 * 1024
FILE_BYTES = 50 * 1024 * 1024
FILES = re.compile(r"/v1/imports|/v1/segments/[^/]+/uploads")
"""Where bodies are files that people bring: events and profiles, the viewers of a list."""

QUESTIONS = re.compile(r"/v1/(segments/preview(/[a-z]+)?|insights/[a-z]+(/viewers)?)")
"""Paths that only ask, and take long: who goes away takes the question with him."""

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
_OURS = frozenset((b"host", b"authorization", b"cookie", b"traceparent", callers.HEADER.encode()))
"""Request headers that end here: who is calling is told by our own signature."""

_THEIRS = frozenset((b"date", b"server", b"x-trace-id", NOTE.encode()))
"""Response headers that this process writes itself, and the one that is for it."""


OWNERS = {prefix: name for name, prefixes in PATHS.items() for prefix in prefixes} | {
    f"/v1/services/{name}": name for name in SERVICES
}
"""Service of each path prefix."""


class TooLarge(Problem):
    """The body is too large"""

    status = 413


class ServiceAway(Problem):
    """The service is away"""

    status = 503


class ServiceBroke(Problem):
    """The service broke off"""

    status = 502


class ServiceSlow(Problem):
    """The service did not answer in time"""

    status = 504


def client() -> httpx.AsyncClient:
    """The one client of this process; plain httpx carries a fifth of what it does on aiohttp (design, decision 2)."""
    return httpx.AsyncClient(
        transport=AiohttpTransport(trust_env=False, limits=httpx.Limits(max_connections=256, keepalive_expiry=15.0)),
        timeout=httpx.Timeout(60.0, connect=2.0, pool=5.0),
        trust_env=False,
    )


def owner(path: str) -> str | None:
    """The service that owns a path, None when nobody does."""
    return next((name for prefix, name in OWNERS.items() if path == prefix or path.startswith(f"{prefix}/")), None)


async def forward(request: Request) -> Response:
    """Hand a signed-in call to the service that owns its path."""
    caller: callers.Caller | None = request.scope.get(CALLER)
    if caller is None:
        raise NeedsSecretKey("send it as Authorization: Bearer sk_…")
    house = request.app.state.house
    path = request.scope["path"]
    service = owner(path)
    if service is None or not {".", ".."}.isdisjoint(path.split("/")):
        # The client would resolve dots, and with them leave the prefix that was checked.
        raise NotFound(f"nobody owns {path}")
    signature = callers.sign(house.caller_key, caller)
    answer = await _streamed(request, house.memory.urls[service], signature, house.memory)
    if answer.note:
        await _written_down(request, answer, caller)
    return answer


async def _written_down(request: Request, answer: _Answer, caller: callers.Caller) -> None:
    """Put what the service says it did or showed into the audit log; else the caller does not see the answer."""
    try:
        await audit.noted(request.app.state.house, caller, answer.note, reason=request.headers.get(REASON, ""))
    except BaseException:
        await answer.answer.aclose()
        raise


async def _streamed(request: Request, address: str, signature: str, memory: Memory) -> _Answer:
    body = _Body(request)
    target = httpx.URL(address).copy_with(
        raw_path=request.scope["raw_path"] + (b"?" + query if (query := request.scope["query_string"]) else b"")
    )
    asks = QUESTIONS.fullmatch(request.scope["path"]) is not None
    content: AsyncIterator[bytes] | bytes | None = body.chunks() if body.expected else None
    if asks and body.expected:
        content = await body.whole()
    call = memory.services.build_request(request.method, target, headers=_onward(request, signature), content=content)
    sent = memory.services.send(call, stream=True)
    try:
        answer = await (while_there(request.receive, sent) if asks else sent)
    except Problem:
        raise
    except Exception as error:
        if body.problem is not None:
            raise body.problem from error
        raise _away(error, address) from error
    return _Answer(answer)


class _Body:
    """A request's body as it streams through, of at most 10 MB, 50 MB where it is a file."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.problem: Problem | None = None
        self._most = FILE_BYTES if FILES.fullmatch(request.scope["path"]) else BODY_BYTES
        headers = request.headers
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._most:
            raise TooLarge(f"a body may have {self._most} bytes")
        self.expected = (length.isdigit() and int(length) > 0) or "transfer-encoding" in headers

    async def whole(self) -> bytes:
        """All of it."""
        try:
            return b"".join([chunk async for chunk in self.chunks()])
        except ClientDisconnect:
            raise CallerLeft from None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The chunks as they come. What ends them early is kept in `problem`: the client wraps what it is told."""
        size = 0
        try:
            async for chunk in self._request.stream():
                size += len(chunk)
                if size > self._most:
                    self.problem = TooLarge(f"a body may have {self._most} bytes")
                    raise self.problem
                if chunk:
                    yield chunk
        except ClientDisconnect:
            self.problem = ServiceBroke("the caller went away")
            raise


def _onward(request: Request, signature: str) -> list[tuple[bytes, bytes]]:
    """The request's headers for the service: without what ends here, with the caller and the trace."""
    dropped = _HOP | _OURS | _named(request.headers.get("connection"))
    headers = [(name, value) for name, value in request.scope["headers"] if name not in dropped]
    trace = telemetry.trace.get() or telemetry.new_trace()
    headers.append((callers.HEADER.encode(), signature.encode()))
    headers.append((b"traceparent", f"00-{trace}-{trace[:16]}-01".encode()))
    return headers


def _named(connection: str | None) -> frozenset[bytes]:
    """Headers that the Connection header declares as meant for this hop only."""
    return frozenset(name.strip().lower().encode("latin-1") for name in (connection or "").split(",") if name.strip())


def _away(error: Exception, address: str) -> Problem:
    log.warning("service did not answer", address=address, error=f"{type(error).__name__}: {error}"[:300])
    # The transport calls a connection that broke a ConnectTimeout too; only the cause says whether anything was sent.
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return ServiceAway("try again in a moment", headers={"Retry-After": "2"})
    if isinstance(cause, aiohttp.ServerTimeoutError):
        return ServiceSlow("it may still be at work")
    if isinstance(error, httpx.HTTPError | OSError):
        return ServiceBroke("what it did is unknown")
    raise error


class _Answer(Response):
    """A service's answer, passed on chunk by chunk."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status_code = answer.status_code
        self.background = None
        self.answer = answer
        self.note: str = answer.headers.get(NOTE, "")
        dropped = _HOP | _THEIRS | _named(answer.headers.get("connection"))
        self.raw_headers = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in dropped]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. A service that breaks off in the middle breaks this answer too: it must not look complete."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for chunk in self.answer.aiter_raw():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self.answer.aclose()


SIGNED_IN = anyone("the proxy asks for a secret key, the service for its permission")

for _prefix in OWNERS:
    router.add_api_route(
        f"{_prefix}{{rest:path}}", forward, methods=METHODS, dependencies=[SIGNED_IN], include_in_schema=False
    )
