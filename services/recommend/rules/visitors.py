"""Who is asking: which of the claimed ids are worth looking up, and what the visitor's bucket is drawn by."""

from __future__ import annotations

LONGEST_ID = 512
"""In characters; what the gateway lets through."""


def claimed(value: str | None) -> str | None:
    """The id a front-end claims, or None when it cannot be anybody's (empty, too long, NUL)."""
    if value is None or not 0 < len(value) <= LONGEST_ID or "\x00" in value:
        return None
    return value


def unit(profile_id: int | None, *, user_id: str | None, anonymous_id: str | None) -> str:
    """What sticky buckets are drawn by: the profile where it is known, else the anonymous id, else the claimed user."""
    if profile_id is not None:
        return str(profile_id)
    return anonymous_id or user_id or ""
