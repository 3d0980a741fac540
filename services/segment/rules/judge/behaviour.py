"""Leaves about what a viewer did: counted and measured in windows, first and last, regularly, stopped, restarted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from services.segment.rules.judge import measures, windows
from services.segment.rules.judge.comparing import Aging, is_moving, matcher, moving_matcher, soonest
from services.segment.rules.judge.found import Found, Matches
from services.segment.rules.judge.measures import Measured
from services.segment.rules.judge.nodes import Answer, Memo, Node
from services.segment.rules.judge.viewer import Event, Viewer
from services.segment.schemas.rule import Did, First, Last, Regularly, Restarted, Stopped, span

LOOKS = 64
"""How many instants a leaf looks ahead for the one that changes its answer; the last is given if none of them does."""
WORK = 20_000
"""Events it reads for that at most, roughly."""

Holds = Callable[[Found, datetime], bool]
Following = Callable[[windows.Times, datetime], datetime | None]


class Behaviour(Node):
    """A question about the times and properties of such events."""

    __slots__ = ("_actual", "always", "empty", "following", "holds", "horizon", "matches")
    cost = 2
    looks = LOOKS

    def __init__(
        self,
        matches: Matches,
        holds: Holds,
        following: Following,
        horizon: timedelta | None,
        actual: Callable[[Found, datetime], Any],
    ) -> None:
        self.matches = matches
        self.holds = holds
        self.following = following
        self.horizon = horizon
        self._actual = actual
        self.empty = holds(Found((), ()), _ANY)

    def judge(self, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
        found = self.matches.find(viewer, at, memo)
        if not found.times:
            return Answer(self.empty, found.flips)
        inside = self.holds(found, at)
        return Answer(inside, self._next(found, at, inside=inside))

    def _next(self, found: Found, at: datetime, *, inside: bool) -> datetime | None:
        change = self.following(found.times, at)
        if found.flips is not None:
            return change if change is not None and change < found.flips else found.flips
        looks = min(self.looks, 1 + WORK // len(found.times))
        while change is not None and looks and self.holds(found, change) is inside:
            looks -= 1
            if looks:
                change = self.following(found.times, change)
        return change

    def actual(self, viewer: Viewer, at: datetime, memo: Memo) -> Any:
        return self._actual(self.matches.find(viewer, at, memo), at)


_ANY = datetime(2000, 1, 1, tzinfo=UTC)
"""An instant for questions about nothing, whose answer no instant changes."""


class AtLeast(Behaviour):
    """So many events in a window that ends now, or fewer: the most common question, answered without looking ahead."""

    __slots__ = ("least", "length", "wanted")

    def __init__(self, base: Behaviour, length: timedelta, least: int, *, wanted: bool) -> None:
        super().__init__(base.matches, base.holds, base.following, base.horizon, base._actual)
        self.length = length
        self.least = least
        self.wanted = wanted

    def judge(self, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
        found = self.matches.find(viewer, at, memo)
        times = found.times
        if not times or times[-1] > at or found.flips is not None:
            return super().judge(viewer, at, memo)
        place = len(times) - self.least
        if place >= 0 and times[place] > at - self.length:
            return Answer(self.wanted, times[place] + self.length)
        return Answer(not self.wanted)


class Shrinking(Behaviour):
    """A measure over a window that ends now: while nothing lies ahead, events only leave it, the oldest first."""

    __slots__ = ("length", "measured")

    def __init__(self, base: Behaviour, length: timedelta, measured: Measured) -> None:
        super().__init__(base.matches, base.holds, base.following, base.horizon, base._actual)
        self.length = length
        self.measured = measured

    def judge(self, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
        found = self.matches.find(viewer, at, memo)
        times = found.times
        if not times or times[-1] > at or found.flips is not None:
            return super().judge(viewer, at, memo)
        low, most = bisect_right(times, at - self.length), len(times)
        values, holds = self.measured.shrinking(found), self.measured.holds
        inside = holds(values[low])
        for place in range(low + 1, most + 1):
            # events of one instant leave together
            if holds(values[place]) is not inside and (place == most or times[place] != times[place - 1]):
                return Answer(inside, times[place - 1] + self.length)
        return Answer(inside)


def did(rule: Did, matches: Matches) -> Node:
    """A leaf that measures."""
    window = windows.window(rule)
    measure = measures.measured(rule)

    def value(found: Found, at: datetime) -> float | None:
        return measure.value(found, *window.bounds(found.times, at))

    leaf = Behaviour(
        matches,
        lambda found, at: measure.holds(value(found, at)),
        window.following,
        window.horizon,
        lambda found, at: measure.shown(value(found, at)),
    )
    if not window.sliding:
        return leaf
    if rule.measure.kind == "count" and len(rule.times.bounds) == 1:
        ((operator, bound),) = rule.times.bounds
        if operator in ("gte", "gt", "lt", "lte"):
            least = bound + (operator in ("gt", "lte"))
            if least >= 1:
                return AtLeast(leaf, window.sliding, least, wanted=operator in ("gte", "gt"))
    return Shrinking(leaf, window.sliding, measure)


def occurrence(rule: First | Last, matches: Matches) -> Node:
    """A leaf about the first or the last event."""
    window = windows.window(rule)
    still, moving = matcher(rule.having), moving_matcher(rule.having)
    first = isinstance(rule, First)

    def find(found: Found, at: datetime) -> Event | None:
        come = bisect_right(found.times, at)
        return (found.events[0 if first else come - 1]) if come else None

    def holds(found: Found, at: datetime) -> bool:
        one = find(found, at)
        if one is None:
            return False
        low, high = window.bounds([one.time], at)
        return high > low and (not still or still(one.properties)) and (not moving or moving(one.properties, at)[0])

    def actual(found: Found, at: datetime) -> Any:
        one = find(found, at)
        return {"time": one.time.isoformat(), "properties": dict(one.properties)} if one else None

    # the first ever may be older than any window
    horizon = None if first else window.horizon
    leaf = Behaviour(matches, holds, window.following, horizon, actual)
    return Dating(leaf, moving, find) if any(map(is_moving, rule.having)) and moving else leaf


class Dating(Behaviour):
    """An occurrence whose own properties are compared with the instant of asking."""

    __slots__ = ("find", "having")

    def __init__(
        self,
        base: Behaviour,
        having: Aging,
        find: Callable[[Found, datetime], Event | None],
    ) -> None:
        super().__init__(base.matches, base.holds, base.following, base.horizon, base._actual)
        self.having = having
        self.find = find

    def _next(self, found: Found, at: datetime, *, inside: bool) -> datetime | None:
        one = self.find(found, at)
        flips = self.having(one.properties, at)[1] if one else None
        return soonest((flips, found.flips, self.following(found.times, at)))


class Recurring(Behaviour):
    """Periods move with every instant: looking 8 of them ahead costs 20 µs, and saves most needless deadlines."""

    __slots__ = ()
    looks = 8


def regularly(rule: Regularly, matches: Matches) -> Node:
    """A leaf about periods of one length, counted back from now."""
    every = span(rule.every)
    whole = every * rule.periods

    edges = [every * place for place in range(rule.periods + 1)]

    def periods(found: Found, at: datetime) -> int:
        places = [bisect_right(found.times, at - edge) for edge in edges]
        return sum(older < newer for newer, older in pairwise(places))

    following = windows.moves(edges)
    return Recurring(matches, lambda found, at: periods(found, at) >= rule.at_least, following, whole, periods)


def stopped(rule: Stopped, matches: Matches) -> Node:
    """A leaf about somebody who did and does no longer."""
    quiet, whole = span(rule.quiet), span(rule.quiet) + span(rule.before)

    def holds(found: Found, at: datetime) -> bool:
        come = bisect_right(found.times, at)
        return bool(come) and at - whole < found.times[come - 1] <= at - quiet

    return Behaviour(matches, holds, windows.moves((windows.NOTHING, quiet, whole)), whole, _latest)


def restarted(rule: Restarted, matches: Matches) -> Node:
    """A leaf about somebody who did, paused, and does again."""
    recent = span(rule.recent)
    quiet = recent + span(rule.quiet)
    whole = quiet + span(rule.before)

    def holds(found: Found, at: datetime) -> bool:
        places = [bisect_right(found.times, at - one) for one in (whole, quiet, recent, windows.NOTHING)]
        return places[0] < places[1] == places[2] < places[3]

    return Behaviour(matches, holds, windows.moves((windows.NOTHING, recent, quiet, whole)), whole, _latest)


def _latest(found: Found, at: datetime) -> str | None:
    come = bisect_right(found.times, at)
    return found.times[come - 1].isoformat() if come else None
