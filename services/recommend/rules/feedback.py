"""Which events say that a creative was shown or clicked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date

from shared.contracts import EventRecorded

SHOWN = "Banner Shown"
CLICKED = "Banner Clicked"


def counts(events: Iterable[EventRecorded]) -> dict[tuple[str, str, date], tuple[int, int]]:
    """Times shown and clicked by (placement, creative, UTC day); events that name no creative are passed over."""
    totals: dict[tuple[str, str, date], tuple[int, int]] = {}
    for event in events:
        if event.event not in (SHOWN, CLICKED):
            continue
        placement, creative = event.properties.get("placement"), event.properties.get("creative")
        if not isinstance(placement, str) or not isinstance(creative, str) or "\x00" in placement + creative:
            continue
        slot = (placement, creative, event.time.astimezone(UTC).date())
        shown, clicked = totals.get(slot, (0, 0))
        totals[slot] = (shown + (event.event == SHOWN), clicked + (event.event == CLICKED))
    return totals
