"""Leaves about when something was done: the first and the last time, regularly, no longer, again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import ibis
import msgspec

from services.segment.rules.compile import comparisons, engine, instants, values
from services.segment.rules.compile.events import Answer, Events, Leaf, Passes, like
from services.segment.rules.compile.windows import window
from services.segment.schemas.rule import MOVING, First, Last, Regularly, Restarted, Stopped, plain, span


def occurrence(leaf: First | Last, passes: Passes) -> Leaf:
    seen = window(leaf, passes.at)
    first = isinstance(leaf, First)
    # the first ever may be older than any window
    events = Events(
        passes, leaf.first if isinstance(leaf, First) else leaf.last, leaf.where, None if first else seen.since
    )
    time = events.column(
        "first" if first else "last",
        lambda table, matching: (table.time.min if first else table.time.max)(where=matching),
        "come",
        events.come,
    )
    liked = _having(leaf, events, first=first) if leaf.having else None
    offsets = {timedelta(), *seen.offsets}
    following = events.next(offsets)

    def answer(table: Any) -> Answer:
        holds = values.every([table[time].notnull(), *seen.times(table[time])]).fill_null(False)
        if liked is not None:
            holds = holds & table[liked].fill_null(False)
        change = following(table)
        if passes.following and seen.turn is not None:
            change = instants.soonest(
                [ibis.ifelse(table[time].notnull(), engine.at(seen.turn), instants.never()), change]
            )
        if passes.following and any(one.operator in MOVING for one in leaf.having):
            change = instants.soonest([change, table[_having_flips(leaf, events)]])
        return Answer(holds, change)

    if passes.following and any(one.operator in MOVING for one in leaf.having):
        _having_flips(leaf, events)
    return answer


def _having(leaf: First | Last, events: Events, *, first: bool) -> str:
    """Whether the event that is found is like this; of two at one time the greater event_id is the later one."""
    said = msgspec.json.encode([plain(one) for one in leaf.having]).decode()

    def make(table: Any, matching: Any) -> Any:
        fits = values.every(like(table, leaf.having, events.at))
        order = ibis.struct({"time": table.time, "event_id": table.event_id})
        return (engine.of_first if first else engine.of_last)(fits, order, where=matching)

    return events.column(f"having {first} {said}", make, "come", events.come)


def _having_flips(leaf: First | Last, events: Events) -> str:
    """When what the found event must be like may change with time: of any event, which is early enough."""
    said = msgspec.json.encode([plain(one) for one in leaf.having]).decode()

    def make(table: Any, matching: Any) -> Any:
        ends = (comparisons.flips(one, values.reach(table.properties, one.property), events.at) for one in leaf.having)
        return instants.soonest(ends).min(where=matching)

    return events.column(f"having flips {said}", make)


def regularly(leaf: Regularly, passes: Passes) -> Leaf:
    every, at = span(leaf.every), passes.at
    whole = every * leaf.periods
    events = Events(passes, leaf.regularly, leaf.where, at - whole)
    length = every // datetime.resolution

    def place(time: Any) -> Any:
        """In which period an event lies, 0 the present one: floor of its age."""
        return ((engine.microseconds(engine.at(at)) - engine.microseconds(time)) // length).cast("int64")

    periods = events.column(
        f"periods {leaf.every} {leaf.periods}",
        lambda table, matching: place(table.time).nunique(where=matching),
        f"since {whole}",
        events.come,
        lambda time: [time > engine.at(at - whole)],
    )
    names: list[str] = []
    if passes.following:

        def soonest(table: Any, matching: Any) -> Any:
            older = place(table.time) + 1
            moved = engine.instant(engine.microseconds(table.time) + older * length)
            ahead = table.time > engine.at(at)
            known = ibis.cases((ahead, table.time), (older <= leaf.periods, moved), else_=instants.never())
            return known.min(where=matching)

        flips = events.flips()
        names = [events.column(f"period ends {leaf.every} {leaf.periods}", soonest), *([flips] if flips else [])]
    return lambda table: Answer(
        table[periods].fill_null(0) >= leaf.at_least, instants.soonest(table[name] for name in names)
    )


def _last(events: Events, before: timedelta = timedelta()) -> str:
    """The latest event that is at least so old."""
    times: Callable[[Any], list[Any]] = events.come
    if before:
        edge = engine.at(events.at - before)

        def times(time: Any) -> list[Any]:
            return [time <= edge]

    return events.column("latest", lambda table, matching: table.time.max(where=matching), f"before {before}", times)


def stopped(leaf: Stopped, passes: Passes) -> Leaf:
    quiet, at = span(leaf.quiet), passes.at
    whole = quiet + span(leaf.before)
    events = Events(passes, leaf.stopped, leaf.where, at - whole)
    last = _last(events)
    following = events.next((timedelta(), quiet, whole))
    return lambda table: Answer(
        ((table[last] > engine.at(at - whole)) & (table[last] <= engine.at(at - quiet))).fill_null(False),
        following(table),
    )


def restarted(leaf: Restarted, passes: Passes) -> Leaf:
    recent, at = span(leaf.recent), passes.at
    quiet = recent + span(leaf.quiet)
    whole = quiet + span(leaf.before)
    events = Events(passes, leaf.restarted, leaf.where, at - whole)
    last, before = _last(events), _last(events, recent)
    following = events.next((timedelta(), recent, quiet, whole))
    return lambda table: Answer(
        (
            (table[last] > engine.at(at - recent))
            & (table[before] > engine.at(at - whole))
            & (table[before] <= engine.at(at - quiet))
        ).fill_null(False),
        following(table),
    )
