"""What edge calls share: who is calling (write key), from where (origin), how much, and errors as SDKs know them."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from gateway import limits
from gateway.edge import bodies
from gateway.edge.intake import NotTaken
from gateway.rules import events as rules
from gateway.rules.events import Refused
from gateway.rules.keys import Key
from shared import clock
from shared.app import anyone

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from gateway.memory import Memory

RETRY_AFTER = 2
"""Seconds a client should wait after 503."""

BY_WRITE_KEY = anyone("guarded by the write key")

PREFLIGHT_SECONDS = 3600

Act = Callable[["Visit"], Awaitable[Response]]

_encode = msgspec.json.Encoder().encode


class EdgeRoute(APIRoute):
    """A route whose endpoint takes the bare request: FastAPI documents it but does not parse for it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself."""
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


class Visit:
    """One edge call. Its key is known from the header at once, or else from the body when that is read."""

    __slots__ = ("agent", "authorization", "key", "memory", "now", "origin", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.memory: Memory = request.app.state.house.memory
        self.now: datetime = clock.now()
        self.key: Key | None = None
        self.origin: str | None = None
        self.authorization: str | None = None
        self.agent: str | None = None
        # One pass instead of three searches: 4 % of an event's way through the gateway.
        for name, value in request.scope["headers"]:
            if name == b"authorization":
                self.authorization = value.decode("latin-1")
            elif name == b"user-agent":
                self.agent = value.decode("latin-1")[:512]
            elif name == b"origin":
                self.origin = value.decode("latin-1")

    def authenticate(self) -> bool:
        """Take the key of the Authorization header; False when there is no such header."""
        if self.authorization is None:
            return False
        self._admit(_user_name(self.authorization))
        return True

    def authenticate_by(self, text: str | None) -> None:
        """Take a key from elsewhere: the body, the query."""
        self._admit(text)

    def _admit(self, text: str | None) -> None:
        key = self.memory.keyring.write(text, self.now) if text else None
        if key is None:
            raise Refused(401, "unauthorized", "a write key is needed that is known and not revoked")
        self.key = key
        if self.origin is not None and not key.admits(self.origin):
            raise Refused(403, "origin_not_allowed", f"this write key is not for pages of {self.origin}")
        wait = self.memory.buckets.take(key.id, 1, rate=key.rate)
        if wait:
            raise TooFast(wait)

    def charge(self, more: int) -> None:
        """Count further events of this call: they pass, and the next call waits for them."""
        if more > 0 and self.key is not None:
            self.memory.buckets.charge(self.key.id, more, rate=self.key.rate)

    def turned_away(self, turned: Iterable[rules.Turned]) -> None:
        """Count what is not taken in. Without a known key nothing is: anybody could fill the lists."""
        if self.key is not None:
            self.memory.turned.note(self.key.id, turned, self.now)

    async def body(self, limit: int) -> bytes:
        """The body; after it the key is known."""
        known = self.authenticate()
        body = await bodies.read(self.request.scope, self.request.receive, limit=limit)
        if not known:
            self.authenticate_by(rules.write_key(body))
        return body

    def arrival(self) -> rules.Arrival:
        """What the request itself says about its events."""
        assert self.key is not None
        client = self.request.scope.get("client")
        ip = client[0] if client else None
        return rules.Arrival(self.now, self.key.id, ip, self.agent, self.memory.addresses)


class TooFast(Refused):
    """The key has sent more than its rate."""

    def __init__(self, wait: float) -> None:
        super().__init__(429, "too_many_requests", "this write key sends more than its rate")
        self.wait = limits.seconds(wait)


async def serve(request: Request, act: Act) -> Response:
    """Answer one edge call: `act` does it, what it raises becomes `{"code", "message"}`."""
    visit = Visit(request)
    try:
        response = await act(visit)
    except TooFast as reason:
        response = refusal(reason)
        response.headers["Retry-After"] = str(reason.wait)
        response.headers["X-RateLimit-Reset"] = str(int(time.time()) + reason.wait)
    except Refused as reason:
        response = refusal(reason)
    except NotTaken:
        response = refusal(Refused(503, "unavailable", "not taken in, send it again"))
        response.headers["Retry-After"] = str(RETRY_AFTER)
    except bodies.Gone:
        return Response(status_code=400)
    if visit.origin is not None and _answerable(visit):
        response.headers["Access-Control-Allow-Origin"] = visit.origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After, X-RateLimit-Reset"
        response.headers["Vary"] = "Origin"
    return response


def _answerable(visit: Visit) -> bool:
    """Whether the page may read the answer."""
    assert visit.origin is not None
    return visit.key.admits(visit.origin) if visit.key else visit.memory.keyring.preflight(visit.origin)


async def preflight(request: Request) -> Response:
    """Answer the browser's question before a call. It carries no key, so any key's origin is good."""
    visit = Visit(request)
    if visit.origin is None or not visit.memory.keyring.preflight(visit.origin):
        return refusal(Refused(403, "origin_not_allowed", "no write key is for pages of this origin"))
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Origin": visit.origin,
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": request.headers.get(
                "access-control-request-headers", "authorization, content-type"
            ),
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            "Vary": "Origin, Access-Control-Request-Headers",
        },
    )


def refusal(reason: Refused) -> Response:
    """A refusal as tracking SDKs expect it."""
    told = {"code": reason.code, "message": reason.message}
    if reason.field is not None:
        told["field"] = reason.field
    headers = {"WWW-Authenticate": 'Basic realm="write key"'} if reason.status == 401 else None
    return answer(told, reason.status, headers=headers)


def answer(told: object, status: int = 200, *, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(_encode(told), status, headers=headers, media_type="application/json")


def answered(told: bytes) -> Response:
    """A JSON answer that is encoded already."""
    return Response(told, media_type="application/json")


def _user_name(authorization: str) -> str | None:
    """The user name of a Basic header, None of any other."""
    scheme, _, told = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(told.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None
