"""Who calls the admin door: a secret key becomes a caller, and nobody else's word for it is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from shared import caller as callers
from shared import clock
from shared.caller import Caller
from shared.errors import Unauthorised, respond

if TYPE_CHECKING:
    from gateway.memory import Memory

CALLER = "marquee.caller"
"""Where the scope keeps the caller of a request."""

_HEADER = callers.HEADER.encode()
_KEYS = "/v1/keys"
_OWN = (_KEYS, "/v1/audit", "/v1/viewers/", "/v1/services/gateway/")


class NeedsSecretKey(Unauthorised):
    """A secret key is needed"""


class SignIn:
    """ASGI middleware: drops any caller header from outside and reads `Authorization: Bearer sk_…`.

    For the gateway's own routes the caller is signed into the request's headers, as for a service. Calls that go on to
    a service are signed by the proxy instead, so that the record of an Idempotency-Key is kept there, not here too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        token = b""
        forged = False
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                token = value[7:].strip()
            elif name == _HEADER:
                forged = True
        if not token and not forged:
            await self.app(scope, receive, send)
            return
        headers = scope["headers"] = [(name, value) for name, value in scope["headers"] if name != _HEADER]
        if token:
            house = scope["app"].state.house
            memory: Memory = house.memory
            key = memory.keyring.secret(token.decode("latin-1"), clock.now())
            if key is None:
                refused = NeedsSecretKey("this one is unknown, revoked or expired")
                await respond(refused.document(), {"WWW-Authenticate": "Bearer"})(scope, receive, send)
                return
            caller = scope[CALLER] = Caller(id=key.id, role=key.role or "")
            if scope["path"].startswith(_OWN):
                headers.append((_HEADER, callers.sign(house.caller_key, caller).encode()))
                if scope["path"].startswith(_KEYS):
                    # The record of an idempotent call keeps its answer, and this one has a secret in it.
                    scope["headers"] = [(name, value) for name, value in headers if name != b"idempotency-key"]
        await self.app(scope, receive, send)
