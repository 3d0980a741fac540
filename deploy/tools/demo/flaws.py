"""What is wrong on a real platform, too: programs that look like viewers, broken events, events sent twice."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deploy.tools.demo.catalogue import EACH
from deploy.tools.demo.dice import DAY, SECOND, Ints, dice
from deploy.tools.demo.log import MEMBERSHIP, ORDER, SEARCHED, SHOWN, WATCHED, Log, Who, joined, rows
from deploy.tools.demo.words import CATEGORIES

BROKEN = 100
"""Added to the kind of an event that is sent broken."""
AGAIN = 0.004
"""Share of calls that are sent twice."""
AGENTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
)
HASTY = 360
"""Events in one minute of a program that hides what it is."""


class Flaws(NamedTuple):
    """Broken events and what programs do. Programs are viewers with numbers from `first` on, `programs` of them."""

    log: Log
    first: int
    programs: int


def flaws(seed: int, right: Log, viewers: int, start: int, until: int) -> Flaws:
    """Broken copies of some events, and programs among the viewers: every fourth is too fast, the others say it."""
    throw = dice(seed, "flaws")
    parts = []
    for kind, share in ((ORDER, 0.015), (WATCHED, 0.003), (SEARCHED, 0.01)):
        among = np.flatnonzero(right.kind == kind)
        if not among.shape[0]:
            continue
        some = throw.choice(among, size=min(among.shape[0], max(3, round(share * among.shape[0]))), replace=False)
        broken = right.at_places(np.sort(some))
        parts.append(broken._replace(at=broken.at + 2 * SECOND, kind=broken.kind + BROKEN))
    programs = max(4, viewers // 500)
    for number in range(programs):
        viewer = viewers + number
        if number % 4 == 3:
            begin = throw.integers(start + DAY, until - DAY) // (60 * SECOND) * 60 * SECOND
            at = begin + np.sort(throw.integers(0, 60 * SECOND, size=HASTY))
        else:
            at = np.sort(throw.integers(start, until, size=90))
        size = at.shape[0]
        thing = np.asarray(throw.integers(0, EACH * len(CATEGORIES), size=size), np.int64)
        parts.append(rows(SHOWN, Who(np.full(size, viewer), np.zeros(size, np.int64), thing), at))
    return Flaws(joined(parts), viewers, programs)


def is_hasty(number: int) -> bool:
    """Whether the program of this number (from 0) is too fast and names itself a browser."""
    return number % 4 == 3


def again(seed: int, size: int, kinds: Ints) -> Ints:
    """How often each call is sent: 1, or 2 for a few. Money is not among them, lest a report be doubted for it."""
    twice = (dice(seed, "again").random(size) < AGAIN) & (kinds != MEMBERSHIP)
    return np.where(twice, 2, 1).astype(np.int64)
