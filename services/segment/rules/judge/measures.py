"""What is measured over events: how many, how much, how many different ones, on how many days.

A measure reads one thing of every event (its column), and grows over them one by one: what it is of the first none,
one, two … of a column. Sums and averages are made of whole millionths, so that it never matters in which order they
were added, nor by which engine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias

from services.segment.rules.judge.comparing import identity, number, reach, within_bounds
from services.segment.rules.judge.found import Found
from services.segment.rules.judge.viewer import Event
from services.segment.rules.judge.windows import local_day
from services.segment.schemas.rule import Did, zone

MILLION = 1_000_000
MAX_SUMMED = 1e12
"""Numbers beyond this are left out of sums and averages."""

Value: TypeAlias = float | None
"""A measure; None: there is none. Sums and averages are in millionths."""


class Measured(NamedTuple):
    """A measure, ready to be asked."""

    key: tuple[str, str]
    read: Callable[[Event], Any]
    grow: Callable[[Sequence[Any]], list[Value]]
    bounds: Sequence[Callable[[float], bool]]
    scale: int

    def value(self, found: Found, low: int, high: int) -> Value:
        """What it is of the events from one place to another."""
        if self.key[0] == "count":
            return high - low
        return self.grow(found.column(self.key, self.read)[low:high])[-1]

    def shrinking(self, found: Found) -> Sequence[Value]:
        """What it is of all events, of all but the first, of all but the first two …, and of none."""
        key = ("shrinking", *self.key)
        known = found.columns.get(key)
        if known is None:
            known = found.columns[key] = self.grow(found.column(self.key, self.read)[::-1])[::-1]
        return known

    def holds(self, value: Value) -> bool:
        """Whether it is within its bounds; none is not."""
        return value is not None and all(bound(value) for bound in self.bounds)

    def shown(self, value: Value) -> Value:
        """The measure in its own unit."""
        return value if value is None or self.scale == 1 else value / self.scale


def measured(rule: Did) -> Measured:
    """What a leaf measures, and the bounds of it."""
    said = rule.measure
    kind, scale = said.kind, 1
    key = (kind, said.of or said.zone or "")
    bounds = rule.times.bounds
    read: Callable[[Event], Any]
    if kind == "count":
        read = bool
    elif kind == "active_days":
        where = zone(said.zone or "UTC")
        read = lambda one: local_day(one.time, where)  # noqa: E731 - each measure reads another thing
    else:
        reach_it, convert = reach(said.of), _CONVERT[kind]
        read = lambda one: convert(reach_it(one.properties))  # noqa: E731
    if kind in ("sum", "avg"):
        scale = MILLION
        bounds = [
            (name, [_whole(one) for one in bound] if isinstance(bound, list) else _whole(bound))
            for name, bound in bounds
        ]
    return Measured(key, read, _GROW[kind], [within_bounds(*one) for one in bounds], scale)


def _whole(value: float) -> int:
    """The nearest whole millionth; of two the greater."""
    return math.floor(value * MILLION + 0.5)


def _millionths(value: Any) -> int | None:
    double = number(value)
    return _whole(double) if double is not None and -MAX_SUMMED <= double <= MAX_SUMMED else None


def _count(column: Sequence[Any]) -> list[Value]:
    return list(range(len(column) + 1))


def _sum(column: Sequence[int | None]) -> list[Value]:
    return list(accumulate((one or 0 for one in column), initial=0))


def _avg(column: Sequence[int | None]) -> list[Value]:
    counts = accumulate((one is not None for one in column), initial=0)
    sums = accumulate((one or 0 for one in column), initial=0)
    return [float(total) / count if count else None for total, count in zip(sums, counts, strict=True)]


def _different(column: Sequence[Any]) -> list[Value]:
    seen: set[Any] = set()
    sizes: list[Value] = [0]
    for one in column:
        if one is not None:
            seen.add(one)
        sizes.append(len(seen))
    return sizes


def _best(choose: Callable[[float, float], float]) -> Callable[[Sequence[Value]], list[Value]]:
    def better(best: Value, one: Value) -> Value:
        return best if one is None else one if best is None else choose(best, one)

    return lambda column: list(accumulate([None, *column], better))


_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "sum": _millionths,
    "avg": _millionths,
    "min": number,
    "max": number,
    "distinct": identity,
}
_GROW: Mapping[str, Callable[[Sequence[Any]], list[Value]]] = {
    "count": _count,
    "sum": _sum,
    "avg": _avg,
    "min": _best(min),
    "max": _best(max),
    "distinct": _different,
    "active_days": _different,
}
