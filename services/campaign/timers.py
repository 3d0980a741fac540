"""Door for the clock."""

from __future__ import annotations

from services.campaign.actions import messages
from shared.clock import Every

TIMERS = (Every(1.0, messages.expire, name="leases"),)
