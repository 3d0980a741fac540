"""Sealed values: contact data and free text, encrypted with the data key of the identity they came with.

A sealed value is the text `enc:<kind>:<base64url>`: AES-256-GCM over its JSON, bound to its origin and kind. It stands
where the value stood, in traits, events and facts. Destroying an origin's data key makes all of them unreadable.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.contracts import SEALED

MARK = SEALED
TEXT = "text"
"""Kind of free text, the only one that travels in facts. The others are contact data: `email`, `phone`, `contact`."""

NONCE = 12
KEY_BYTES = 32


class Unsealable(Exception):
    """A sealed value that this key does not open: it is another's, or somebody made it up."""


def is_sealed(value: Any) -> bool:
    """Whether this is a sealed value."""
    return isinstance(value, str) and value.startswith(MARK)


def kind(value: Any) -> str | None:
    """What is sealed here, None when nothing is."""
    return value.split(":", 2)[1] if is_sealed(value) else None


def seal(key: bytes, origin: str, of: str, value: Any) -> str:
    """The sealed value. The same value of the same origin seals to the same text, so that repeating it is no change.

    The nonce is an HMAC of the plain text under a key of its own, as in a synthetic IV (RFC 5297): it repeats only with
    the plain text itself.
    """
    plain = msgspec.json.encode(value)
    bound = f"{origin}\n{of}".encode("utf-8", "surrogatepass")
    nonce_key = hmac.digest(key, b"nonce", hashlib.sha256)
    nonce = hmac.digest(nonce_key, bound + b"\n" + plain, hashlib.sha256)[:NONCE]
    return f"{MARK}{of}:{base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, plain, bound)).decode()}"


def unseal(key: bytes, origin: str, sealed: str) -> Any:
    """The value. Raises Unsealable."""
    parts = sealed.split(":", 2)
    bound = f"{origin}\n{parts[1]}".encode("utf-8", "surrogatepass")
    try:
        raw = base64.urlsafe_b64decode(parts[2])
        return msgspec.json.decode(AESGCM(key).decrypt(raw[:NONCE], raw[NONCE:], bound))
    except (IndexError, ValueError, InvalidTag, msgspec.MsgspecError) as error:
        raise Unsealable from error


def wrap(root: bytes, origin: str, key: bytes) -> bytes:
    """A data key, encrypted with the installation's key and bound to its origin."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(root).encrypt(nonce, key, origin.encode("utf-8", "surrogatepass"))


def unwrap(root: bytes, origin: str, wrapped: bytes) -> bytes:
    """The data key. Raises Unsealable when it was wrapped with another key or for another origin."""
    try:
        return AESGCM(root).decrypt(wrapped[:NONCE], wrapped[NONCE:], origin.encode("utf-8", "surrogatepass"))
    except (ValueError, InvalidTag) as error:
        raise Unsealable from error


def name(root: bytes) -> str:
    """What an installation's key is called where its data keys stand; says nothing about it."""
    return hmac.digest(root, b"name", hashlib.sha256).hex()[:12]
