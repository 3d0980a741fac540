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


def eta(now: datetime, *, left: int, rate: float, last: datetime | None) -> datetime | None:
    """When everything will have ended: `left` messages at `rate` per second, and those that wait, the last till `last`.

    None when nothing is left, or nothing moves.
    """
    if left > 0 and rate <= 0:
        return None
    ends = now + timedelta(seconds=left / rate) if left > 0 else None
    return max((one for one in (ends, last) if one is not None), default=None)
