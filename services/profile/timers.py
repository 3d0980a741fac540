"""Door: what the clock calls."""

from __future__ import annotations

from services.profile.actions import search
from shared.clock import Every

TIMERS = (Every(1.0, search.refresh, "search"),)
