"""What a shown creative carries along, so that its impression and click can be attributed without asking anybody."""

from __future__ import annotations

from typing import Any

from services.recommend.rules.creatives import Choice


def visitor(*, user_id: str | None, anonymous_id: str | None) -> dict[str, str]:
    """Who it was decided for, as the front-end claimed."""
    return {name: value for name, value in (("u", user_id), ("a", anonymous_id)) if value is not None}


def shown(placement: str, choice: Choice) -> dict[str, Any]:
    """What was decided: kind, placement, creative, probability, target. Short names, since it stands in URLs."""
    creative = choice.creative
    told: dict[str, Any] = {"k": "banner", "p": placement, "c": creative.shown.key, "pr": round(choice.probability, 6)}
    if creative.link_url is not None:
        told["to"] = creative.link_url
    return told
