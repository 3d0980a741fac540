"""How many messages a campaign with a rate may begin now, so that over any time it keeps to its rate."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

AHEAD = 0.25
"""Seconds of messages that may begin at once: the sending step looks several times a second."""


def quota(rate: float, until: datetime | None, now: datetime) -> int:
    """Messages that may begin at `now`; `until` is when what began before has used up its time."""
    ahead = max(AHEAD, 1 / rate)
    begun = max(0.0, (until - now).total_seconds()) if until else 0.0
    # A hair more than whole: ten times 0.1 must be one.
    return max(0, math.floor((ahead - begun) * rate + 1e-6))


def after(rate: float, until: datetime | None, now: datetime, begun: int) -> datetime:
    """The new `until` once so many have begun."""
    return max(until or now, now) + timedelta(seconds=begun / rate)
