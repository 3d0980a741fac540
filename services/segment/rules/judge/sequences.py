"""The leaf about a sequence: events one after the other, found in one pass per step."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from services.segment.rules.judge.comparing import identity, reach, soonest
from services.segment.rules.judge.found import Found, Matches
from services.segment.rules.judge.nodes import NO, Answer, Memo, Node
from services.segment.rules.judge.viewer import Viewer
from services.segment.schemas.rule import Sequence as Rule
from services.segment.schemas.rule import span

Link: TypeAlias = tuple[datetime, datetime]
"""An event that ends a chain: its time, and the latest time at which such a chain can have begun."""


class Sequence_(Node):  # noqa: N801 - Sequence is taken
    """Steps, each strictly later than the one before.

    The best predecessor of an event is the latest one of the step before that ends a chain itself: it leaves the
    shortest gap, with the fewest events in it, and no other chain began later. So one pass over each step is enough.
    """

    __slots__ = ("gap", "length", "same", "steps", "without")
    cost = 3

    def __init__(self, rule: Rule, steps: Sequence[Matches], without: Sequence[Matches]) -> None:
        self.steps = steps
        self.without = without
        self.length = span(rule.within) if rule.within else None
        self.gap = span(rule.gap) if rule.gap else None
        self.same = (rule.same, reach(rule.same)) if rule.same else None

    def judge(self, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
        steps = [one.find(viewer, at, memo) for one in self.steps]
        without = [one.find(viewer, at, memo) for one in self.without]
        come = [bisect_right(one.times, at) for one in (*steps, *without)]
        # what lies ahead, or is filtered by the instant, may change it at its own time
        change = soonest(
            instant
            for one, place in zip((*steps, *without), come, strict=True)
            for instant in (one.flips, one.times[place] if place < len(one.times) else None)
        )
        if not all(come[: len(steps)]):
            return NO if change is None else Answer(inside=False, next=change)
        begun = self._begun(steps, without, come)
        if begun is None or (self.length is not None and begun <= at - self.length):
            return Answer(inside=False, next=change)
        return Answer(inside=True, next=change if self.length is None else soonest((change, begun + self.length)))

    def actual(self, viewer: Viewer, at: datetime, memo: Memo) -> Any:
        """How often each step happened within the time up to now, and when the latest whole chain began."""
        steps = [one.find(viewer, at, memo) for one in self.steps]
        without = [one.find(viewer, at, memo) for one in self.without]
        come = [bisect_right(one.times, at) for one in (*steps, *without)]
        begun = self._begun(steps, without, come) if all(come[: len(steps)]) else None
        old = [bisect_right(one.times, at - self.length) if self.length is not None else 0 for one in steps]
        counts = [place - start for place, start in zip(come, old, strict=False)]
        return {"steps": counts, "began": begun.isoformat() if begun else None}

    def _begun(self, steps: Sequence[Found], without: Sequence[Found], come: Sequence[int]) -> datetime | None:
        """When the latest whole chain began."""
        if self.same is None:
            barriers = sorted(
                time for one, place in zip(without, come[len(steps) :], strict=True) for time in one.times[:place]
            )
            return _chain([one.times[:place] for one, place in zip(steps, come, strict=False)], barriers, self.gap)
        apart = [self._apart(one, place) for one, place in zip(steps, come, strict=False)]
        excluded = [self._apart(one, place) for one, place in zip(without, come[len(steps) :], strict=True)]
        best: datetime | None = None
        for value, times in apart[0].items():
            if all(value in one for one in apart):
                barriers = sorted(time for one in excluded for time in one.get(value, ()))
                begun = _chain([times, *(one[value] for one in apart[1:])], barriers, self.gap)
                if begun is not None and (best is None or begun > best):
                    best = begun
        return best

    def _apart(self, found: Found, come: int) -> dict[Any, list[datetime]]:
        """The times of events that have come, by the value that must be the same."""
        name, read = self.same or ("", reach(""))
        column = found.column(("is", name), lambda one: identity(read(one.properties)))
        times: dict[Any, list[datetime]] = {}
        for value, time in zip(column[:come], found.times, strict=False):
            if value is not None:
                times.setdefault(value, []).append(time)
        return times


def _chain(steps: Sequence[Sequence[datetime]], barriers: Sequence[datetime], gap: timedelta | None) -> datetime | None:
    """When the latest chain through all steps (ascending times) began that crosses no barrier; None: there is none."""
    links: list[Link] = [(time, time) for time in steps[0]]
    for times in steps[1:]:
        following: list[Link] = []
        before = -1
        for time in times:
            while before + 1 < len(links) and links[before + 1][0] < time:
                before += 1
            if before < 0:
                continue
            previous, begun = links[before]
            if gap is not None and time - previous > gap:
                continue
            if barriers and bisect_right(barriers, previous) < bisect_left(barriers, time):
                continue
            following.append((time, begun))
        links = following
        if not links:
            return None
    return links[-1][1]
