"""What a shown creative carries along, so that its impression and click can be attributed without asking anybody."""

from __future__ import annotations

from typing import Any

from services.recommend.rules.creatives import Choice


def payload(
    decision_id: str, placement: str, choice: Choice, *, user_id: str | None, anonymous_id: str | None
) -> dict[str, Any]:
    """Decision, placement, creative, viewer as claimed, target and probability. Short names: it stands in URLs."""
    told: dict[str, Any] = {
        "k": "banner",
        "d": decision_id,
        "p": placement,
        "c": choice.creative.shown.key,
        "pr": round(choice.probability, 6),
    }
    if user_id is not None:
        told["u"] = user_id
    if anonymous_id is not None:
        told["a"] = anonymous_id
    if choice.creative.link_url is not None:
        told["to"] = choice.creative.link_url
    return told
