"""What a key looks like, and what it may do."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["write", "secret"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class Key:
    """A key that works, as the gateway keeps it in memory. `digest` is SHA-256 of a whole secret key.

    `rate` is events per second, None for the installation's default; no `origins` means that any origin may use it.
    """

    id: str
    kind: Kind
    role: str | None = None
    digest: bytes | None = None
    origins: frozenset[str] = frozenset()
    rate: float | None = None
    expires_at: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now

    def admits(self, origin: str) -> bool:
        """Whether a page of this origin may use the key."""
        return not self.origins or origin in self.origins


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def new(kind: Kind) -> str:
    """A fresh key: `pk_<id>` (100 bits) or `sk_<id>_<secret>` (60 and 240 bits)."""
    return f"pk_{_random(20)}" if kind == "write" else f"sk_{_random(12)}_{_random(48)}"


def read(text: str) -> tuple[Kind, str] | None:
    """Kind and id of a key as a client sent it, None when it cannot be one."""
    head, _, rest = text.partition("_")
    if head == "pk" and _plain(rest):
        return "write", rest
    identity, _, secret = rest.partition("_")
    if head == "sk" and _plain(identity) and secret:
        return "secret", identity
    return None


def _plain(identity: str) -> bool:
    return 8 <= len(identity) <= 64 and identity.isascii() and identity.isalnum()


def digest(text: str) -> bytes:
    """What is stored of a secret key. Plain SHA-256 is enough, as the secret is random and long."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def proves(key: Key, text: str) -> bool:
    """Whether `text` is this secret key, in a time that tells nothing."""
    return key.digest is not None and hmac.compare_digest(key.digest, digest(text))


def preflight(live: Iterable[Key], origin: str) -> bool:
    """A preflight carries no key: its origin is good when any write key admits it."""
    return any(key.kind == "write" and key.admits(origin) for key in live)
