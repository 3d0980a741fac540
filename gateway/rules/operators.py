"""What a session is, how long it lasts, and what a password must be."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import argon2

LONGEST_PASSWORD = 200
SHORTEST_PASSWORD = 10
LONGEST_PREFERENCES = 16_384
"""Characters of an operator's preferences as JSON."""

PURPOSE = "sign-in tries"
ADDRESS = "console address"
"""Purposes of keys: for hashes of accounts and addresses, and for the address that the console vouches for."""

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
"""A session ends after being unused for so long, and after so long at all."""

TOUCH = timedelta(minutes=1)
"""How exactly it is known when a session was last used."""

WINDOW = timedelta(minutes=15)
TRIES = 10
"""So many wrong tries within so long lock an account for the address they come from, until the first is past."""
ACCOUNT_TRIES = 100
"""So many lock an account for everywhere: whoever has many addresses guesses no faster than this."""
ADDRESS_TRIES = 300
"""So many lock an address for every account. Far more than for one, since behind a proxy that is not trusted, or in an
office, all operators share an address: what one of them (or a stranger) gets wrong must not lock out the others."""

PREFIX = "ses_"

_hasher = argon2.PasswordHasher()
"""argon2id with the second recommendation of RFC 9106, section 4: 64 MiB, three passes."""

NOBODY = _hasher.hash(secrets.token_hex(16))
"""What the password of an account that does not exist is compared with, so that it takes as long."""


def login(text: str) -> str:
    """A login in the one spelling that is stored and compared."""
    return text.strip().casefold()


def token() -> str:
    """A fresh session token (256 bits)."""
    return PREFIX + secrets.token_hex(32)


def digest(text: str) -> bytes:
    """What is stored of a session token. Plain SHA-256 is enough, as the token is random and long."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def disguised(key: bytes, text: str) -> bytes:
    """An account or an address as the table of tries keeps it: the same text gives the same bytes, and no more."""
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def expires(created: datetime, used: datetime) -> datetime:
    """When a session ends unless it is used before."""
    return min(created + LONGEST, used + IDLE)


class Try(NamedTuple):
    """A try to sign in: when, and whether it was for this account, and from this address."""

    at: datetime
    account: bool
    address: bool


def locked_for(tries: Sequence[Try], now: datetime) -> int | None:
    """Seconds until enough of these tries (oldest first, none older than the window) are past; None when not locked."""
    counted = (
        (TRIES, [one.at for one in tries if one.account and one.address]),
        (ACCOUNT_TRIES, [one.at for one in tries if one.account]),
        (ADDRESS_TRIES, [one.at for one in tries if one.address]),
    )
    return max((_until(times[-limit], now) for limit, times in counted if len(times) >= limit), default=None)


def _until(first: datetime, now: datetime) -> int:
    return max(1, int((first + WINDOW - now).total_seconds()) + 1)


def hashed(password: str) -> str:
    """The argon2id hash of a password; takes about 50 ms and 64 MiB."""
    return _hasher.hash(password)


def proves(stored: str, password: str) -> bool:
    """Whether this is the password of that hash; takes as long either way."""
    try:
        return _hasher.verify(stored, password)
    except argon2.exceptions.VerificationError:
        return False


def one_time() -> str:
    """A password that a person can type once: 80 bits in four groups."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def weakness(password: str, *, login: str, old: str) -> str | None:
    """Why this cannot be the new password, None when it can."""
    if len(password) < SHORTEST_PASSWORD:
        return f"must have at least {SHORTEST_PASSWORD} characters"
    if login in password.casefold():
        return "must not contain the login"
    if password == old:
        return "must not be the old one"
    if len(set(password)) < 4:
        return "must have at least four different characters"
    return None
