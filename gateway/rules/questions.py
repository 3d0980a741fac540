"""What a front-end may ask about a visitor, read from strangers' bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.rules import events
from gateway.rules.events import Refused
from shared.contracts import DecideAsked, RecommendAsked

PLACEMENTS = 50
"""One question asks for at most this many placements."""

ITEMS = 100
"""One question asks for at most this many items."""


class _Decide(msgspec.Struct, rename="camel", kw_only=True):
    placements: list[str]
    user_id: str | None = None
    anonymous_id: str | None = None
    context: dict[str, Any] | None = None


_decide = msgspec.json.Decoder(_Decide)


def decide(body: bytes) -> DecideAsked:
    """The question in a body `{userId|anonymousId, placements, context}`; Refused else."""
    told = events.read(body, _decide)
    _who(told.user_id, told.anonymous_id)
    if not told.placements:
        raise Refused(400, "no_placement", "placements is empty", field="placements")
    if len(told.placements) > PLACEMENTS:
        raise Refused(400, "too_many_placements", f"at most {PLACEMENTS} placements at once", field="placements")
    return DecideAsked(
        placements=told.placements,
        user_id=told.user_id or None,
        anonymous_id=told.anonymous_id or None,
        context=told.context or {},
    )


def recommend(query: Mapping[str, str]) -> RecommendAsked:
    """The question in query parameters; Refused else."""
    user_id, anonymous_id = query.get("userId") or None, query.get("anonymousId") or None
    _who(user_id, anonymous_id)
    told = query.get("limit", "20")
    limit = int(told) if told.isascii() and told.isdigit() and len(told) < 6 else 0
    if not 1 <= limit <= ITEMS:
        raise Refused(400, "invalid_limit", f"limit is a number from 1 to {ITEMS}", field="limit")
    for field in ("kind", "item"):
        _text(field, query.get(field))
    return RecommendAsked(
        user_id=user_id,
        anonymous_id=anonymous_id,
        kind=query.get("kind") or None,
        limit=limit,
        item=query.get("item") or None,
    )


def _who(user_id: str | None, anonymous_id: str | None) -> None:
    if not user_id and not anonymous_id:
        raise Refused(400, "missing_id", "userId or anonymousId is required", field="userId")
    _text("userId", user_id)
    _text("anonymousId", anonymous_id)


def _text(field: str, text: str | None) -> None:
    if text is None:
        return
    if len(text) > events.TEXT:
        raise Refused(400, "too_long", f"{field} may have {events.TEXT} characters", field=field)
    if "\x00" in text:
        raise Refused(400, "invalid_text", "text must not contain NUL", field=field)
