"""Who sits before this browser: the session token in a cookie that only this process can open.

The cookie is sealed (AES-256-GCM) and HttpOnly: neither the browser's scripts nor the disk ever see the token, and a
console that starts again, or a second one, knows everyone still.
"""

from __future__ import annotations

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response

COOKIE = "marquee"
PURPOSE = "console cookie"
LONGEST = 7 * 24 * 3600
"""Seconds; the gateway ends a session after as long."""

_NONCE = 12


def seal(key: bytes, token: str) -> str:
    """The cookie's value for a session token."""
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(key).encrypt(nonce, token.encode(), COOKIE.encode())
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(key: bytes, value: str) -> str | None:
    """The session token of a cookie, None when it is not one of ours."""
    try:
        raw = base64.b64decode(value, altchars=b"-_", validate=True)
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], COOKIE.encode()).decode()
    except (ValueError, InvalidTag):
        return None


def token(request: Request, key: bytes) -> str | None:
    """The session token of a request, None when it has none."""
    value = request.cookies.get(COOKIE)
    return unseal(key, value) if value else None


def take(request: Request, answer: Response, key: bytes, token: str) -> None:
    """Let this browser sit with that token."""
    answer.set_cookie(
        COOKIE, seal(key, token), max_age=LONGEST, httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )


def leave(answer: Response) -> None:
    """Forget who sits before this browser."""
    answer.delete_cookie(COOKIE, httponly=True, samesite="lax")


def inside(target: str | None) -> str:
    """Where to go on after signing in: a path of the console, whatever a link says."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\n" in target or "\r" in target:
        return "/"
    return target
