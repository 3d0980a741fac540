"""What viewers do: visits at their hours, what they are shown there, and what they make of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from deploy.tools.demo import people
from deploy.tools.demo.catalogue import EACH, LIVES, PRODUCTS, Catalogue
from deploy.tools.demo.dice import DAY, HOUR, SECOND, Flags, Floats, Ints, dice, pick, pick_each, ranks, running
from deploy.tools.demo.log import (
    COMMENTED,
    DANMAKU,
    DISLIKED,
    FOLLOWED,
    GIFT,
    LIKED,
    LIVE_IN,
    LIVE_OUT,
    OPENED,
    ORDER,
    REFUND,
    SAVED,
    SEARCHED,
    SHARED,
    SHOWN,
    WATCHED,
    Log,
    Who,
    joined,
    rows,
)
from deploy.tools.demo.people import People
from deploy.tools.demo.words import CATEGORIES, CITIES, COMMENTS, CRISIS
from deploy.tools.demo.words import DANMAKU as FLYING

SHOWN_EACH = 2.6
"""Things shown in a visit, on average."""
CRISIS_CATEGORY = [one.key for one in CATEGORIES].index("tech")
CRISIS_DAYS = 6
"""For so many days before the end, comments on this category are mostly angry."""


class Visits(NamedTuple):
    """One row a visit: who, on which device, from when; in order of viewer and time."""

    viewer: Ints
    slot: Ints
    at: Ints


def visits(seed: int, them: People, start: int, days: int) -> Visits:
    """When everybody is there. `start` is the first instant of day 0 in UTC; days are those of the viewer's zone."""
    throw = dice(seed, "visits")
    base = datetime.fromtimestamp(start / 1000, UTC).date()
    dates = [base + timedelta(days=day) for day in range(days + 1)]
    weekend = np.array([date.weekday() >= 5 for date in dates])
    factor = np.array([people.WEEKENDS[habit] for habit in people.HABITS])[them.habit]
    mean = them.lives.visits * np.where(weekend[None, :], factor[:, None], 1.0)
    count = np.maximum(throw.poisson(mean), them.lives.certain)
    viewer, day = np.nonzero(count)
    many = count[viewer, day]
    viewer, day = np.repeat(viewer, many), np.repeat(day, many)
    hour = pick_each(throw, people.hours()[them.habit[viewer], weekend[day].astype(np.int64)])
    local = hour * HOUR + throw.integers(0, HOUR, size=hour.shape[0])
    offsets = np.array([[_offset(city.zone, date) for date in dates] for city in CITIES], np.int64)
    at = start + day * DAY + local - offsets[them.city[viewer], day]
    slot = pick_each(throw, np.array(people.USES)[them.slots[viewer] - 1])
    slot = np.where(day == them.lives.joined[viewer], 0, slot)  # he signs up on his own device
    order = np.lexsort((at, viewer))
    return Visits(viewer[order].astype(np.int64), slot[order], at[order].astype(np.int64))


def _offset(zone: str, date: object) -> int:
    noon = datetime.fromisoformat(f"{date}T12:00:00").replace(tzinfo=ZoneInfo(zone))
    offset = noon.utcoffset()
    return int(offset.total_seconds()) * SECOND if offset else 0


class _Views(NamedTuple):
    """One row a thing that was shown: in which visit, which, when, whether opened, and until when it was watched."""

    visit: Ints
    thing: Ints
    category: Ints
    at: Ints
    fond: Floats
    opened: Flags
    completion: Floats
    until: Ints


def happened(seed: int, them: People, there: Visits, offered: Catalogue, until: int) -> Log:
    """Everything that viewers did in these visits. `until` is the end of time: the last days have a crisis."""
    views = _views(seed, them, there, offered)
    parts = [*_watching(views, there), *_reactions(seed, them, views, there, until)]
    parts += _besides(seed, them, there, views)
    return joined([*parts, *_spending(seed, them, there, views)])


def _views(seed: int, them: People, there: Visits, offered: Catalogue) -> _Views:
    throw = dice(seed, "views")
    many = throw.geometric(1 / SHOWN_EACH, size=there.at.shape[0])
    many = np.minimum(many, 12)
    visit = np.repeat(np.arange(there.at.shape[0]), many)
    viewer = there.viewer[visit]
    # A third of what is shown is for everybody, the rest is chosen by taste.
    weights = 0.67 * them.tastes[viewer] + 0.33 / len(CATEGORIES)
    category = pick_each(throw, weights)
    thing = category * EACH + pick(throw, offered.popular, visit.shape[0])
    taste = them.tastes[viewer, category]
    fond = taste / them.tastes.max(axis=1)[viewer]
    opened = throw.random(visit.shape[0]) < 0.22 + 0.55 * fond
    completion = throw.beta(1.1 + 3.2 * fond, 1.5)
    pause = throw.integers(3, 25, size=visit.shape[0]) * SECOND
    watched = np.where(opened, (completion * offered.seconds[thing]).astype(np.int64) * SECOND + 2 * SECOND, 0)
    # What he does with one thing takes some seconds after it, and the next one is shown later than that.
    whole = pause + watched + np.where(opened, 12 * SECOND, 0)
    begins = running(whole, visit) - whole + pause
    at = there.at[visit] + begins
    return _Views(visit, thing, category, at, fond, opened, completion, at + watched)


def _watching(views: _Views, there: Visits) -> list[Log]:
    who = _who(views, there)
    seen = np.flatnonzero(views.opened)
    return [
        rows(SHOWN, who, views.at, number=ranks(views.visit).astype(np.float64)),
        rows(OPENED, who.some(seen), views.at[seen] + SECOND),
        rows(WATCHED, who.some(seen), views.until[seen], number=np.round(views.completion[seen], 3)),
    ]


def _who(views: _Views, there: Visits) -> Who:
    return Who(there.viewer[views.visit], there.slot[views.visit], views.thing)


def _reactions(seed: int, them: People, views: _Views, there: Visits, until: int) -> list[Log]:
    throw = dice(seed, "reactions")
    who = _who(views, there)
    known = them.is_known[who.viewer] & views.opened
    joy = views.fond * views.completion
    parts = []
    for kind, chance in (
        (LIKED, 0.55 * joy),
        (SAVED, 0.14 * joy),
        (SHARED, 0.06 * joy),
        (FOLLOWED, 0.09 * joy),
        (DISLIKED, 0.05 * (1 - views.fond)),
        (COMMENTED, 0.10 + 0.08 * joy),
        (DANMAKU, 0.10 * np.ones_like(joy)),
    ):
        some = np.flatnonzero(known & (throw.random(joy.shape[0]) < chance))
        after = throw.integers(1, 9, size=some.shape[0]) * SECOND
        at = views.until[some] + after
        mood = them.mood[who.viewer[some]]
        what = None
        if kind == DANMAKU:
            at = np.maximum(views.until[some] - after, views.at[some] + 2 * SECOND)
            what = _said(throw, mood, [one.mood for one in FLYING])
        if kind == COMMENTED:
            what = _said(throw, mood, [one.mood for one in COMMENTS])
            in_crisis = (views.category[some] == CRISIS_CATEGORY) & (at > until - CRISIS_DAYS * DAY)
            angry = in_crisis & (throw.random(some.shape[0]) < 0.75)
            what = np.where(angry, len(COMMENTS) + throw.integers(0, len(CRISIS), size=some.shape[0]), what)
        parts.append(rows(kind, who.some(some), at, what=what))
    return parts


def _said(throw: np.random.Generator, mood: Floats, moods: list[int]) -> Ints:
    """For each writer's mood (0 annoyed … 1 content) a text: content at 0.75 of it, annoyed at half of what is left."""
    content = 0.75 * mood
    thrown = throw.random(mood.shape[0])
    wanted = np.select([thrown < content, thrown < (1 + content) / 2], [1, 0], -1)
    found = np.zeros(mood.shape[0], np.int64)
    for each in (-1, 0, 1):
        places = np.array([place for place, its in enumerate(moods) if its == each])
        mask = wanted == each
        found[mask] = throw.choice(places, size=int(mask.sum()))
    return found


def _besides(seed: int, them: People, there: Visits, views: _Views) -> list[Log]:
    """Searches before anything is shown, and live rooms after all."""
    throw = dice(seed, "besides")
    size = there.at.shape[0]
    searching = np.flatnonzero(throw.random(size) < 0.2)
    category = pick_each(throw, them.tastes[there.viewer[searching]])
    what = category * 4 + throw.integers(0, 4, size=searching.shape[0])
    searches = rows(SEARCHED, Who(there.viewer[searching], there.slot[searching]), there.at[searching], what=what)
    live = np.flatnonzero((throw.random(size) < 0.05) & them.is_known[there.viewer])
    category = pick_each(throw, them.tastes[there.viewer[live]])
    thing = category * EACH + throw.integers(LIVES.start, LIVES.stop, size=live.shape[0])
    who = Who(there.viewer[live], there.slot[live], thing)
    enters = _ends(views, size)[live] + 15 * SECOND
    seconds = throw.integers(30, 1500, size=live.shape[0])
    gives = np.flatnonzero((throw.random(live.shape[0]) < 0.5) & (them.order_rate[who.viewer] > 0))
    amount = throw.choice([1.0, 5.0, 10.0, 30.0, 66.0], size=gives.shape[0], p=[0.4, 0.3, 0.15, 0.1, 0.05])
    return [
        searches,
        rows(LIVE_IN, who, enters),
        rows(GIFT, who.some(gives), enters[gives] + seconds[gives] * SECOND // 2, number=amount),
        rows(LIVE_OUT, who, enters + seconds * SECOND, number=seconds.astype(np.float64)),
    ]


def _spending(seed: int, them: People, there: Visits, views: _Views) -> list[Log]:
    """Orders at the end of visits, by each viewer's own rate and mean; few are sent back."""
    throw = dice(seed, "orders")
    size = there.at.shape[0]
    rate = 1 - np.exp(-them.order_rate[there.viewer])
    buys = np.flatnonzero(throw.random(size) < rate)
    viewer = there.viewer[buys]
    value = throw.gamma(people.VALUE_P, them.order_mean[viewer] / people.VALUE_P)
    category = pick_each(throw, them.tastes[viewer])
    thing = category * EACH + throw.integers(PRODUCTS.start, PRODUCTS.stop, size=buys.shape[0])
    value = np.maximum(np.round(value, 2), 0.5)
    who, order = Who(viewer, there.slot[buys], thing), np.arange(buys.shape[0])
    at = _ends(views, size)[buys] + 10 * SECOND
    back = np.flatnonzero(throw.random(buys.shape[0]) < 0.04)
    later = at[back] + throw.integers(1, 12 * 60, size=back.shape[0]) * 60 * SECOND
    return [
        rows(ORDER, who, at, number=value, what=order),
        rows(REFUND, who.some(back), later, number=value[back], what=order[back]),
    ]


def _ends(views: _Views, visits: int) -> Ints:
    """When the last thing of each visit was over, with what he did about it."""
    ends = np.zeros(visits, np.int64)
    np.maximum.at(ends, views.visit, views.until + 10 * SECOND)
    return ends
