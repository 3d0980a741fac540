"""Addresses without their text: a keyed hash recognises one again and tells nobody what it is."""

from __future__ import annotations

import hmac
import re

_EMAIL = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
WORDS = 500


def digest(key: bytes, address: str) -> bytes:
    """128 bits of HMAC-SHA256 over the address without case."""
    return hmac.digest(key, address.strip().lower().encode("utf-8", "replace"), "sha256")[:16]


def masked(address: str) -> str:
    """As people may see it: `b•••@example.com`, `•••67`."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}•••@{domain}" if at else f"•••{address[-2:]}"


def scrubbed(said: str, address: str = "", *, but: str = "") -> str:
    """A provider's words without the address they are about, or any e-mail address but this one of ours.

    Servers like to repeat whom they refuse, and these words are shown to everybody who may read a campaign. At most 500
    characters, of which a database takes every one.
    """

    def one(match: re.Match[str]) -> str:
        return match[0] if match[0].lower() == but.lower() else masked(match[0])

    text = _UNSTORABLE.sub("?", said)
    name, at, _ = address.rpartition("@")
    if address and not at:
        text = re.sub(re.escape(address), masked(address), text, flags=re.IGNORECASE)
    text = _EMAIL.sub(one, text)
    if len(name) > 2 and name.lower() in text.lower():  # `user bob unknown`
        text = re.sub(rf"(?<![\w.+-]){re.escape(name)}(?![\w.+@-])", "•••", text, flags=re.IGNORECASE)
    return text[:WORDS]
