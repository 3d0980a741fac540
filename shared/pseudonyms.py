"""Pseudonyms of viewers in files for analysts."""

from __future__ import annotations

import base64
import hashlib
import hmac

from shared.settings import Settings

LETTERS = 26
"""Base32 letters that are kept: 130 bits, so that two viewers never meet by chance."""


def pseudonym(settings: Settings, domain: str, profile_id: int) -> str:
    """What stands for a viewer in a domain: the same word in every file of that domain, another one in any other.

    A domain is whoever gets the files (`analytics`, a partner, one study). Without the key nobody finds out who it is,
    nor that two words of two domains are the same viewer. All services agree. A new MARQUEE_SECRET begins new ones.
    HMAC-SHA256 (RFC 2104) with a key for each domain.
    """
    digest = hmac.digest(settings.key(f"pseudonym:{domain}"), str(profile_id).encode(), hashlib.sha256)
    return base64.b32encode(digest).decode().lower()[:LETTERS]
