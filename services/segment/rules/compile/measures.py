"""The leaf about how often, how much, how many different ones, on how many days: measured over a window."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import ibis

from services.segment.rules.compile import comparisons, engine, instants, values
from services.segment.rules.compile.events import Answer, Events, Ids, Leaf, Passes, like
from services.segment.rules.compile.windows import Window, window
from services.segment.schemas.rule import Did, zone

MAX_SUMMED = 1e12
"""Numbers beyond this are left out of sums and averages."""
MILLION = 1_000_000
MANY = 64
"""Of so many events at most it is looked up when the last of them but so many leaves the window."""


def once(leaf: Did) -> bool | None:
    """Whether the question is only whether there is such an event (true), or that there is none (false)."""
    if leaf.measure.kind != "count" or len(leaf.times.bounds) != 1:
        return None
    match leaf.times.bounds[0]:
        case ("gte", 1) | ("gt", 0):
            return True
        case ("eq" | "lte", 0) | ("lt", 1):
            return False
    return None


def doers(leaf: Did, at: datetime, ids: Ids) -> Any:
    """Everybody who did this at least once: a column of ids, which may come more than once."""
    seen, events = window(leaf, at), engine.events
    conditions = [*engine.named(events, leaf.did), *ids(events), events.time <= engine.at(at), *seen.times(events.time)]
    theirs = events.filter(*conditions)
    return (theirs.filter(*like(theirs, leaf.where, at)) if leaf.where else theirs).profile_id


def did(leaf: Did, passes: Passes) -> Leaf:
    """A leaf that measures."""
    seen = window(leaf, passes.at)
    events = Events(passes, leaf.did, leaf.where, seen.since)
    measured = _measure(leaf, events, seen)
    following = _window_next(leaf, events, seen)

    def answer(table: Any) -> Answer:
        value = measured(table)
        bounds = [comparisons.bounded(value, *bound) for bound in _bounds(leaf)]
        holds = values.every(bounds)
        return Answer(holds if value.type().is_integer() else holds.fill_null(False), following(table))

    return answer


def _bounds(leaf: Did) -> list[tuple[str, Any]]:
    if leaf.measure.kind not in ("sum", "avg"):
        return leaf.times.bounds
    return [
        (name, [_whole(one) for one in bound] if isinstance(bound, list) else _whole(bound))
        for name, bound in leaf.times.bounds
    ]


def _whole(value: float) -> float:
    """The nearest whole millionth; of two the greater."""
    return float(math.floor(value * MILLION + 0.5))


def _measure(leaf: Did, events: Events, seen: Window) -> Callable[[Any], Any]:
    """The measure as a function of the joined table; null where nothing can be measured."""
    kind, of = leaf.measure.kind, leaf.measure.of

    def times(time: Any) -> list[Any]:
        return [*seen.times(time), *events.come(time)]

    def column(what: str, make: Callable[[Any, Any], Any]) -> str:
        return events.column(f"{what} {of} {leaf.measure.zone}", make, seen.said, times)

    def numbers(table: Any) -> Any:
        return values.number(values.reach(table.properties, of))

    def any_number(table: Any) -> Any:
        return values.reach(table.properties, of).try_cast("float64")

    def small(table: Any, matching: Any) -> Any:
        fits = any_number(table).between(-MAX_SUMMED, MAX_SUMMED).fill_null(False)
        return fits if matching is None else matching & fits

    match kind:
        case "count":
            name = column("count", lambda table, matching: table.count(where=matching))
            return lambda table: table[name].fill_null(0)
        case "active_days":
            days = zone(leaf.measure.zone or "UTC")
            local = str(getattr(days, "key", "UTC"))
            name = column("days", lambda table, matching: _day(table.time, local).nunique(where=matching))
            return lambda table: table[name].fill_null(0)
        case "distinct":
            name = column(
                "distinct",
                lambda table, matching: values.identity(values.reach(table.properties, of)).nunique(where=matching),
            )
            return lambda table: table[name].fill_null(0)
        case "min":
            name = column("min", lambda table, matching: numbers(table).min(where=matching))
            return lambda table: table[name]
        case "max":
            name = column("max", lambda table, matching: numbers(table).max(where=matching))
            return lambda table: table[name]

    def whole(table: Any) -> Any:
        """In whole millionths, so that it does not matter in which order they are added."""
        # The engine casts before it filters: a number that no int64 holds must not be there at all.
        number = any_number(table)
        return _millionths(ibis.ifelse(number.between(-MAX_SUMMED, MAX_SUMMED), number, ibis.null("float64")))

    total = column("sum", lambda table, matching: whole(table).sum(where=small(table, matching)))
    if kind == "sum":
        return lambda table: table[total].fill_null(0)
    count = column("small", lambda table, matching: table.count(where=small(table, matching)))
    return lambda table: table[total].cast("float64") / table[count].nullif(0)


def _millionths(number: Any) -> Any:
    return (number * float(MILLION) + 0.5).floor().try_cast("int64")


def _day(time: Any, where: str) -> Any:
    local = time.cast(engine.LOCAL) if where == "UTC" else engine.local(where, time)
    return local.date()


def _window_next(leaf: Did, events: Events, seen: Window) -> Callable[[Any], Any]:
    """When the answer may next change; exact for the most common question, so many in a window that ends now."""
    if not events.passes.following:
        return lambda table: instants.never()
    least = _least(leaf)
    if seen.length is not None and least is not None and events.flips() is None:
        return _at_least(events, seen.length, least)
    if seen.turn is not None:
        turn = seen.turn
        ahead = events.next([timedelta()])
        known = events.column(
            "known", lambda table, matching: table.count(where=matching), f"{seen.said} on", seen.starts
        )
        return lambda table: instants.soonest(
            [ibis.ifelse(table[known].fill_null(0) > 0, engine.at(turn), instants.never()), ahead(table)]
        )
    return events.next(seen.offsets)


def _least(leaf: Did) -> int | None:
    """How many events decide, when the question is whether there are so many."""
    if leaf.measure.kind != "count" or len(leaf.times.bounds) != 1:
        return None
    ((name, bound),) = leaf.times.bounds
    if name not in ("gte", "gt", "lt", "lte") or not 1 <= bound + (name in ("gt", "lte")) <= MANY:
        return None
    return int(bound) + (name in ("gt", "lte"))


def _at_least(events: Events, length: timedelta, least: int) -> Callable[[Any], Any]:
    """The so-many-th latest event decides until it leaves the window; what lies ahead begins to count at its time."""
    begin = engine.at(events.at - length)
    last = events.column(
        f"latest {least}",
        lambda table, matching: (
            table.time.max(where=matching) if least == 1 else engine.latest(table.time, least, where=matching)
        ),
        f"within {length}",
        events.come,
        lambda time: [time > begin],
    )
    ahead = events.changes([timedelta()])

    def following(table: Any) -> Any:
        nth = (
            table[last]
            if least == 1
            else ibis.ifelse(table[last].length() == least, table[last][least - 1], instants.never())
        )
        # an event that comes makes the next one decide, which is later: the present one's leaving is early enough
        return instants.soonest([instants.shifted(nth, length), table[ahead]])

    return following
