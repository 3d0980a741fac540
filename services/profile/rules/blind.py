"""The blind index: finds contact data by equality without keeping it readable."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

LETTERS = 26
"""Base32 letters that are kept: 130 bits, so that two addresses never meet by chance."""

MARK = "~"
"""Begins the value of a contact origin: `email:~abc…` can be nobody's address."""


def is_index(value: str) -> bool:
    """Whether a value is a blind index already."""
    return value.startswith(MARK) and len(value) == len(MARK) + LETTERS


def index(key: bytes, namespace: str, value: str) -> str:
    """HMAC-SHA256 of the normalised value in base32, 26 letters. Without the key nobody can try addresses out."""
    text = f"{namespace}:{normal(namespace, value)}"
    digest = hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:LETTERS]


def normal(namespace: str, value: str) -> str:
    """One spelling of an address: e-mail without case, numbers as digits with `+` or `00` for abroad, +86 at home."""
    if namespace != "phone":
        return value.strip().lower() if namespace == "email" else value.strip()
    number = re.sub(r"[^0-9+]", "", value)
    number = re.sub(r"^00", "+", number)
    return number.removeprefix("+86") if len(number) == 14 else number
