"""Who is calling: the gateway tells services in a header it signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Annotated

import msgspec
from fastapi import Depends, Request
from fastapi.params import Depends as DependsClass

from shared.contracts import ROLES
from shared.errors import Forbidden, Unauthorised

HEADER = "x-marquee-caller"
LIFETIME = 60
"""Seconds a signature is good for: one request's way, with room for clocks."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in caller: `id` names the key, `role` what it may do."""

    id: str
    role: str
    expires: int = 0

    def may(self, permission: str) -> bool:
        """Whether the role allows it."""
        allowed = ROLES.get(self.role, ())
        return "*" in allowed or permission in allowed


def sign(key: bytes, caller: Caller) -> str:
    """The header's value for this caller."""
    body = msgspec.json.encode(msgspec.structs.replace(caller, expires=int(time.time()) + LIFETIME))
    text = base64.urlsafe_b64encode(body).decode().rstrip("=")
    return f"{text}.{hmac.new(key, text.encode(), hashlib.sha256).hexdigest()}"


def read(key: bytes, header: str) -> Caller:
    """The caller of a header. Raises Unauthorised."""
    text, _, signature = header.partition(".")
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        raise Unauthorised("call through the gateway with a secret key")
    try:
        caller = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Caller)
    except (ValueError, msgspec.MsgspecError) as error:
        raise Unauthorised("call through the gateway with a secret key") from error
    if caller.expires < time.time():
        raise Unauthorised("the gateway's signature has expired")
    return caller


def caller(request: Request) -> Caller:
    """Who is calling this request, as the gateway signed it."""
    header = request.headers.get(HEADER)
    if not header:
        raise Unauthorised("call through the gateway with a secret key")
    return read(request.app.state.house.caller_key, header)


CallerDep = Annotated[Caller, Depends(caller)]


class Permission(DependsClass):
    """A route's declared permission; the app refuses to start with a route that has none."""


def allow(permission: str) -> Permission:
    """Only callers whose role has this permission: `dependencies=[allow("segment:read")]`."""

    def check(who: CallerDep) -> None:
        if not who.may(permission):
            raise Forbidden(f"the role {who.role!r} lacks the permission {permission!r}")

    return _permission(check, permission)


def anyone(why: str) -> Permission:
    """A route open to all, or guarded in its own way; says why."""

    def check() -> None:
        """Open."""

    return _permission(check, f"open: {why}")


def _permission(check: object, name: str) -> Permission:
    check.__marquee_permission__ = name  # type: ignore[attr-defined]
    return Permission(dependency=check)  # type: ignore[arg-type]
