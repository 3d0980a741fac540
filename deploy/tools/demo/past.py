"""The campaign of the past: who got its e-mail, who was held out, and how many of each bought a membership after it.

The numbers of buyers are planted, not drawn: the rates in both groups are exactly the true ones (rounded to whole
viewers), so a report that counts rightly shows the true difference, and an interval around what it counts contains it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deploy.tools.demo.dice import DAY, HOUR, SECOND, Flags, Ints, dice, pick
from deploy.tools.demo.lives import ACTIVE, FADING, LOYAL
from deploy.tools.demo.log import MEMBERSHIP, SHOWN, Log, Who, joined, rows
from deploy.tools.demo.people import People

KEY = "membership-festival"
HELD_OUT = 0.2
RATE, RATE_HELD_OUT = 0.20, 0.08
"""Who buys a membership within `DAYS`, of those who got the e-mail and of those held out."""
DAYS = 7
PRICES = (68.0, 168.0, 488.0)
PRICE_SHARES = (0.5, 0.35, 0.15)
DELIVERED, OPENED, CLICKED = 0.98, 0.46, 0.35
"""Of those sent to; of those delivered; of those who opened."""


class Past(NamedTuple):
    """One row a viewer who was meant; `opened` and `clicked` are instants, 0 where he did not, as is `bought`."""

    at: int
    viewer: Ints
    held: Flags
    delivered: Flags
    opened: Ints
    clicked: Ints
    bought: Ints
    price: Ints


def past(seed: int, them: People, until: int, days: int) -> Past:
    """Draw it: meant are viewers with an e-mail address who agreed, there before and after."""
    throw = dice(seed, "past")
    at = (until - (21 if days >= 45 else 12) * DAY) // DAY * DAY + 10 * HOUR
    meant = them.is_known & them.email & (them.agreed == 1) & np.isin(them.lives.stage, (ACTIVE, LOYAL, FADING))
    meant &= them.lives.joined < days // 2 - 2
    viewer = throw.permutation(np.flatnonzero(meant)).astype(np.int64)
    size = viewer.shape[0]
    held = np.arange(size) < round(size * HELD_OUT)
    delivered = ~held & (throw.random(size) < DELIVERED)
    bought = np.zeros(size, np.int64)
    for group, rate in ((held, RATE_HELD_OUT), (~held, RATE)):
        among = np.flatnonzero(group)
        buys = throw.choice(among, size=round(rate * among.shape[0]), replace=False)
        # Who got the e-mail buys soon after it; the others on any day.
        after = throw.random(buys.shape[0]) if group is held else np.minimum(throw.exponential(0.25, buys.shape), 0.97)
        bought[buys] = at + HOUR + np.asarray(after * (DAYS * DAY - 2 * HOUR), np.int64)
    chance = np.where(bought > 0, 0.85, OPENED)
    opens = delivered & (throw.random(size) < chance)
    later = np.asarray(throw.exponential(9, size) * HOUR, np.int64)
    opened = np.where(opens, at + 60 * SECOND + later, 0)
    opened = np.where(opens & (bought > 0), np.minimum(opened, bought - 1800 * SECOND), opened)
    clicks = opens & (throw.random(size) < np.where(bought > 0, 0.9, CLICKED))
    clicked = np.where(clicks, opened + throw.integers(5, 300, size) * SECOND, 0)
    price = pick(throw, PRICE_SHARES, size)
    return Past(at, viewer, held, delivered, opened, clicked, bought, price)


def bought(them: Past) -> Log:
    """The orders, each after something was shown."""
    some = np.flatnonzero(them.bought)
    none = np.zeros(some.shape[0], np.int64)
    who, at = Who(them.viewer[some], none, none), them.bought[some]
    price = np.array(PRICES)[them.price[some]]
    return joined(
        [
            rows(SHOWN, who, at - 90 * SECOND),
            rows(MEMBERSHIP, who, at, number=price),
        ]
    )
