"""The whole story of a simulated platform: drawn from a seed, cut at an instant, in the order in which it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from deploy.tools.demo import flaws, past, people
from deploy.tools.demo.catalogue import Catalogue, catalogue
from deploy.tools.demo.dice import DAY, HOUR, SECOND, Ints, dice, ranks
from deploy.tools.demo.flaws import Flaws
from deploy.tools.demo.lives import lives
from deploy.tools.demo.log import IDENTIFY, SIGNED_IN, SIGNED_UP, Log, Who, joined, rows
from deploy.tools.demo.past import Past
from deploy.tools.demo.people import SLOTS, Names, People
from deploy.tools.demo.visits import happened, visits

NEVER = np.iinfo(np.int64).max
BEFORE, AFTER = 0, 1
"""Parts of the story: up to the campaign of the past, and since."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """Everything, in the order in which it is sent; `part` (BEFORE, AFTER) says which half a row is of.

    `entered` (viewers × devices) is when somebody signed in there, NEVER where he did not. `group` is the viewer whose
    device it is: calls of one group must arrive in order. `times` is how often a row is sent.
    """

    seed: int
    start: int
    until: int
    days: int
    them: People
    names: Names
    traits: list[dict[str, Any]]
    offered: Catalogue
    past: Past
    flaws: Flaws
    log: Log
    entered: Ints
    part: Ints
    group: Ints
    times: Ints


def story(*, seed: int, viewers: int, days: int, until: int) -> Story:
    """Draw it. `until` in milliseconds since 1970: nothing is later; and only sign-ups are `days` days earlier."""
    start = until // DAY * DAY - days * DAY
    them = people.people(seed, lives(seed, viewers, days))
    offered = catalogue(seed)
    once = past.past(seed, them, until, days)
    right = joined([happened(seed, them, visits(seed, them, start, days), offered, until), past.bought(once)])
    right = right.at_places(np.flatnonzero((right.at >= start) & (right.at < until)))
    entered, signing = _signing(seed, them, right, start)
    wrong = flaws.flaws(seed, right, viewers, start, until)
    whole = joined([right, signing, wrong.log])
    whole = whole.at_places(np.flatnonzero(whole.at < until))
    group = np.append(np.arange(viewers), np.arange(viewers, viewers + wrong.programs))[whole.viewer]
    shared = np.append(them.partner, np.full(wrong.programs, -1))[whole.viewer]
    group = np.where(shared >= 0, shared, group)
    part = np.where(whole.at < once.at, BEFORE, AFTER)
    # At one instant he signs up or in before anything else.
    order = np.lexsort((np.where(whole.kind == IDENTIFY, 0, whole.kind + 1), whole.at, group, part))
    log = whole.at_places(order)
    return Story(
        seed=seed,
        start=start,
        until=until,
        days=days,
        them=them,
        names=Names(seed, them),
        traits=people.traits(seed, them, until),
        offered=offered,
        past=once,
        flaws=wrong,
        log=log,
        entered=entered,
        part=part[order],
        group=group[order],
        times=flaws.again(seed, log.rows, log.kind),
    )


def _signing(seed: int, them: People, right: Log, start: int) -> tuple[Ints, Log]:
    """When each viewer signed in on each device, and the calls that say so.

    On a device he is unknown at first; he signs up or in after a few events (up: who was there before had done so).
    On a device of two everybody signs in at once: whose an unknown visit there was, nobody could know.
    """
    throw = dice(seed, "signing")
    entered = np.full((them.size, SLOTS), NEVER, np.int64)
    order = np.lexsort((right.at, right.slot, right.viewer))
    mine = right.at_places(order)
    place = mine.viewer * SLOTS + mine.slot
    rank = ranks(place)
    heads = np.flatnonzero(rank == 0)
    viewer, slot, first = mine.viewer[heads], mine.slot[heads], mine.at[heads]
    soon = mine.at < np.repeat(first, np.diff(np.append(heads, mine.rows))) + 2 * HOUR
    events = np.add.reduceat(soon.astype(np.int64), heads)
    after = np.minimum(throw.integers(1, 5, size=heads.shape[0]), events - 1)
    has_partner = them.partner[viewer] >= 0
    is_shared = (slot == 1) & (has_partner | np.isin(viewer, them.partner[them.partner >= 0]))
    after = np.where(is_shared, 0, after)
    at = mine.at[heads + after] - SECOND // 2
    signed_up_before = people.joined_at(them, start)
    own = (slot == 0) & (them.lives.joined[viewer] < 0)
    at = np.where(own, signed_up_before[viewer], at)
    known = them.is_known[viewer]
    entered[viewer[known], slot[known]] = at[known]
    ups, ins = known & (slot == 0), known & (slot > 0)
    # Who is only ever seen on his second device has signed up on his first.
    unseen = np.flatnonzero(them.is_known & (entered[:, 0] == NEVER) & (them.lives.joined < 0))
    entered[unseen, 0] = signed_up_before[unseen]
    up_viewer = np.append(viewer[ups], unseen)
    up_at = np.append(at[ups], signed_up_before[unseen])
    up = Who(up_viewer, np.zeros(up_viewer.shape[0], np.int64))
    in_again = Who(viewer[ins], slot[ins])
    parts = [
        rows(IDENTIFY, up, up_at),
        rows(SIGNED_UP, up, up_at),
        rows(IDENTIFY, in_again, at[ins]),
        rows(SIGNED_IN, in_again, at[ins]),
    ]
    return entered, joined(parts)
