"""Door for the clock."""

from __future__ import annotations

from services.campaign.actions import life, messages, parcels, progress
from shared.clock import Every

TIMERS = (
    Every(1.0, messages.expire, name="leases"),
    Every(1.0, life.finish, name="finish"),
    Every(15.0, progress.fold, name="tallies"),
    Every(3600.0, parcels.forget, name="forget"),
)
