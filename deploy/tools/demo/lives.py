"""Life-cycles: when each viewer came, how often he is there on each day, when he went silent, and when he came back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deploy.tools.demo.dice import Flags, Floats, Ints, dice, pick

STAGES = ("new", "active", "loyal", "fading", "silent", "churned", "returned", "passing")
NEW, ACTIVE, LOYAL, FADING, SILENT, CHURNED, RETURNED, PASSING = range(len(STAGES))
SHARES = (0.12, 0.27, 0.14, 0.11, 0.12, 0.10, 0.08, 0.06)
VISITS = (0.32, 0.17, 0.34, 0.24, 0.19, 0.19, 0.20, 0.0)
"""Visits a day while he is there, of who is neither keen nor lazy."""
LEAST_DAYS = 30
"""A shorter time has no room for all stages."""
QUIET = 15
"""Whoever is silent has been so for this many days at least: more than the two weeks that operators ask for."""
AWAY = 21
"""Whoever returned was away for this many days at least."""


class Lives(NamedTuple):
    """One row a viewer; days count from the first of the simulated time, the last is cut off by its end.

    `joined` is below 0 for who was there before; `last` is the last day with a visit for certain, and for good of who
    is silent or churned; `left` and `back` enclose the absence of who returned (-1 for the others).
    """

    stage: Ints
    joined: Ints
    last: Ints
    left: Ints
    back: Ints
    visits: Floats
    """Mean visits, viewers × days."""
    certain: Flags
    """Days with a visit for certain, viewers × days."""


def lives(seed: int, viewers: int, days: int) -> Lives:
    """Draw the life of each viewer within `days` full days and the day on which they end."""
    throw = dice(seed, "lives")
    stage = pick(throw, SHARES, viewers)
    quiet_until = QUIET + max(1, (days - QUIET) * 2 // 5)
    ago_least = np.array([1, 1, 1, 4, QUIET, quiet_until + 1, 1, 2])[stage]
    ago_most = np.array([2, 4, 3, 11, quiet_until, days - 4, 1, days - 2])[stage]
    last = days - throw.integers(ago_least, ago_most + 1)
    joined = -throw.integers(1, 700, size=viewers)
    within = (stage == NEW) | (stage == PASSING)
    recent = throw.integers(1, min(14, days // 4) + 1, size=viewers)
    joined = np.where(within, np.where(stage == NEW, np.minimum(days - recent, last), last), joined)
    early = (throw.random(viewers) < 0.2) & np.isin(stage, (ACTIVE, FADING, SILENT, CHURNED)) & (last > 3)
    joined = np.where(early, (throw.random(viewers) * (last - 2)).astype(np.int64), joined)
    is_back = stage == RETURNED
    back = np.where(is_back, days - throw.integers(1, 7, size=viewers), -1)
    least_gap = max(AWAY, int(days * 0.35))
    most_gap = max(least_gap + 1, days - 12)
    left = np.where(is_back, np.maximum(back - throw.integers(least_gap, most_gap, size=viewers), 2), -1)
    last = np.where(is_back, np.maximum(last, back), last)

    day = np.arange(days + 1)[None, :]
    keen = throw.gamma(2.5, 1 / 2.5, size=viewers)
    visits = (np.array(VISITS)[stage] * keen)[:, None] * np.ones(days + 1)[None, :]
    fading = np.linspace(1.3, 0.05, days + 1)[None, :]
    visits = np.where((stage == FADING)[:, None], visits * fading, visits)
    ends = np.isin(stage, (FADING, SILENT, CHURNED, PASSING))
    visits = np.where((day < joined[:, None]) | (ends[:, None] & (day > last[:, None])), 0.0, visits)
    visits = np.where(is_back[:, None] & (day > left[:, None]) & (day < back[:, None]), 0.0, visits)
    certain = (day == last[:, None]) | (day == joined[:, None])
    certain |= is_back[:, None] & ((day == left[:, None]) | (day == back[:, None]))
    return Lives(stage, joined.astype(np.int64), last.astype(np.int64), left, back, visits, certain)
