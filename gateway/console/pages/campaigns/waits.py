"""Why a campaign that was started does not plan on: what it waits for, what comes next, and where to see to it."""

from __future__ import annotations

from typing import Any

from gateway.console import parts, texts
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import words


def draw(desk: Desk, one: dict[str, Any], why: str, segments: dict[str, str]) -> None:
    """A sentence with the segment's name and a way to it; a reason that has no sentence yet stands as a word."""
    key = (one["trigger"].get("manual") or {}).get("segment") or ""
    sentence = f"campaigns.waits.{why}"
    if not texts.known(desk.language, sentence):
        parts.alert(words.reason(desk, why))
        return
    with parts.alert(t(sentence, name=segments.get(key, key)), detail=t(f"campaigns.waits_hint.{why}")):
        if key and why != "segment_unknown":
            with parts.row():
                parts.button(t("campaigns.to_segment"), href=f"/segments/{key}", icon="donut_large")
