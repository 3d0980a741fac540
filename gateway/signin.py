"""Who calls the admin door: a secret key or a session becomes a caller, and nobody else's word for it is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import operators
from gateway.rules import operators as rules
from shared import caller as callers
from shared import clock
from shared.caller import Caller
from shared.errors import Forbidden, Problem, Unauthorised, respond
from shared.house import House

if TYPE_CHECKING:
    from gateway.memory import Memory

CALLER = "marquee.caller"
"""Where the scope keeps the caller of a request."""

_HEADER = callers.HEADER.encode()
_SECRETS = ("/v1/keys", "/v1/operators", "/v1/sessions")
"""Where answers have a secret in them."""
_OWN = (*_SECRETS, "/v1/audit", "/v1/viewers/", "/v1/services/gateway/")
_SESSION = rules.PREFIX.encode()
_OPEN_TO_NEW = ("/v1/sessions/current", "/v1/operators/me", "/v1/operators/me/password")
"""What an operator may call while he has a one-time password."""


class NeedsSecretKey(Unauthorised):
    """A secret key is needed"""


class SessionEnded(Unauthorised):
    """This session has ended"""


class PasswordMustChange(Forbidden):
    """The one-time password must be changed first"""


class SignIn:
    """ASGI middleware: drops any caller header from outside and reads `Authorization: Bearer sk_…` or `ses_…`.

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
            try:
                if token.startswith(_SESSION):
                    caller = await _operator(house, token, scope)
                else:
                    caller = _tool(memory, token)
            except Problem as refused:
                challenge = {"WWW-Authenticate": "Bearer"} if refused.status == Unauthorised.status else {}
                await respond(refused.document(), challenge)(scope, receive, send)
                return
            scope[CALLER] = caller
            if scope["path"].startswith(_OWN):
                headers.append((_HEADER, callers.sign(house.caller_key, caller).encode()))
                if scope["path"].startswith(_SECRETS):
                    # The record of an idempotent call keeps its answer, and these have a secret in them.
                    scope["headers"] = [(name, value) for name, value in headers if name != b"idempotency-key"]
        await self.app(scope, receive, send)


def _tool(memory: Memory, token: bytes) -> Caller:
    """The caller with this secret key. Raises NeedsSecretKey."""
    key = memory.keyring.secret(token.decode("latin-1"), clock.now())
    if key is None:
        raise NeedsSecretKey("this one is unknown, revoked or expired")
    return Caller(id=key.id, role=key.role or "")


async def _operator(house: House, token: bytes, scope: Scope) -> Caller:
    """The operator with this session. Raises SessionEnded, PasswordMustChange."""
    found = await operators.seated(house, token.decode("latin-1"))
    if found is None:
        raise SessionEnded("sign in again at POST /v1/sessions")
    seat, scope[operators.SEAT] = found
    if seat.operator.must_change and scope["path"] not in _OPEN_TO_NEW:
        raise PasswordMustChange("set your own password at POST /v1/operators/me/password")
    return Caller(id=seat.operator.id, role=seat.operator.role)
