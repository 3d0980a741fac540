"""Leaves about what viewers did, measured in one pass over their events.

The pass reads the events that some leaf asks about, and groups them by viewer: every leaf is a few columns of it, each
an aggregate over the events that this leaf means. Leaves that mean the same share their columns. A leaf then answers
from its columns; a viewer without such events has nulls there, and every answer says what that means.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import ibis
import msgspec

from services.segment.rules.compile import engine, values
from services.segment.rules.compile.windows import Window, window
from services.segment.schemas.rule import (
    MOVING,
    Did,
    First,
    Last,
    Regularly,
    Restarted,
    Stopped,
    Where,
    plain,
    span,
    zone,
)

Behaviour: TypeAlias = Did | First | Last | Regularly | Stopped | Restarted

MAX_SUMMED = 1e15
"""Numbers beyond this are left out of sums and averages, which are compared to the millionth."""
MILLION = 1e6
MANY = 64
"""Of so many events at most it is looked up when the last of them but so many leaves the window."""


def name_of(leaf: Behaviour) -> str:
    """The event that a leaf asks about."""
    for kind in ("did", "first", "last", "regularly", "stopped", "restarted"):
        if hasattr(leaf, kind):
            return str(getattr(leaf, kind))
    raise TypeError(type(leaf).__name__)


@dataclass(frozen=True)
class Answer:
    """What a leaf says: whether it holds (never null), and the instant before which time alone cannot change that."""

    holds: Any
    next: Any


Condition: TypeAlias = Callable[[Any], Any]
Make: TypeAlias = Callable[[Any, Any], Any]
"""An aggregate of a table of events over those where a condition holds (None: over all of them)."""


@dataclass
class Pass:
    """The pass over the events for some leaves at one instant; `following` also finds when answers change."""

    at: datetime
    following: bool
    columns: dict[str, tuple[Make, str]] = field(default_factory=dict)
    """Aggregates by their names, each with the key of its condition."""
    conditions: dict[str, Condition] = field(default_factory=dict)
    reads: list[tuple[str, datetime | None]] = field(default_factory=list)
    """The events that are read, each by name and from when on (None: from the beginning)."""

    def add(self, what: str, make: Make, said: str, condition: Condition) -> str:
        """An aggregate; leaves that need the same share it."""
        name = "m_" + hashlib.sha256(f"{what} {said}".encode()).hexdigest()[:16]
        self.columns.setdefault(name, (make, said))
        self.conditions.setdefault(said, condition)
        return name

    def grouped(self, ids: Callable[[Any], list[Any]]) -> Any:
        """The table of columns by `counted_id`, of events whose viewers are so."""
        events = engine.events
        names = sorted({name for name, _ in self.reads})
        conditions = [events.event == names[0] if len(names) == 1 else events.event.isin(names), *ids(events)]
        starts = [start for _, start in self.reads]
        if None not in starts:
            conditions.append(events.time > engine.at(min(start for start in starts if start is not None)))
        if not self.following:
            conditions.append(events.time <= engine.at(self.at))
        theirs = events.filter(*conditions)
        if len(self.conditions) == 1:
            # one leaf: what it does not mean need not be grouped
            (condition,) = self.conditions.values()
            theirs = theirs.filter(condition(theirs))
            columns = {name: make(theirs, None) for name, (make, _) in self.columns.items()}
        else:
            columns = {name: make(theirs, self.conditions[said](theirs)) for name, (make, said) in self.columns.items()}
        return theirs.group_by(counted_id=theirs.profile_id).aggregate(**columns)


class Events:
    """The events that one leaf means, and the aggregates over them."""

    def __init__(self, pass_: Pass, event: str, wheres: Sequence[Where], since: datetime | None) -> None:
        self.pass_ = pass_
        self.event = event
        self.wheres = wheres
        self.said = msgspec.json.encode([event, [plain(one) for one in wheres]]).decode()
        pass_.reads.append((event, since))

    @property
    def at(self) -> datetime:
        """The instant of asking."""
        return self.pass_.at

    def column(self, what: str, make: Make, said: str = "", *windows: Callable[[Any], list[Any]]) -> str:
        """An aggregate over meant events whose times are so (`said` tells one window from another)."""

        def condition(table: Any) -> Any:
            times = [one for window in windows for one in window(table.time)]
            return meant(table, self.event, self.wheres, self.at, times)

        return self.pass_.add(what, make, f"{said} {self.said}", condition)

    def come(self, time: Any) -> list[Any]:
        """Those up to the instant of asking."""
        return [time <= engine.at(self.at)] if self.pass_.following else []

    def changes(self, offsets: Iterable[timedelta]) -> str:
        """The next instant at which some event is one of these lengths old."""
        ages = sorted(set(offsets))

        def soonest(table: Any, where: Any) -> Any:
            moved = [values.after(values.shifted(table.time, age), self.at) for age in ages]
            return values.soonest(moved).min(where=where)

        return self.column(f"changes {[str(age) for age in ages]}", soonest)

    def flips(self) -> str | None:
        """When a filter that depends on the instant may next let others through; None: no filter does."""
        moving = [one for one in self.wheres if one.operator in MOVING]
        if not moving:
            return None

        def soonest(table: Any, where: Any) -> Any:
            ends = (values.flips(one, values.reach(table.properties, one.property), self.at) for one in moving)
            return values.soonest(ends).min(where=where)

        return self.pass_.add("flips", soonest, f"any {self.said}", lambda table: table.event == self.event)


def meant(table: Any, event: str, wheres: Sequence[Where], at: datetime, times: Iterable[Any] = ()) -> Any:
    """Whether an event is meant. Names and times are compared first, and JSON is read of what is left."""
    cheap = values.every([table.event == event, *times])
    if not wheres:
        return cheap
    costly = values.every(values.holds(one, values.reach(table.properties, one.property), at) for one in wheres)
    return ibis.ifelse(cheap, costly, False)


def compiled(leaf: Behaviour, pass_: Pass) -> Callable[[Any], Answer]:
    """A leaf: it adds what it needs to the pass; the answer is a function of the joined table."""
    match leaf:
        case Did():
            return _did(leaf, pass_)
        case First() | Last():
            return _occurrence(leaf, pass_)
        case Regularly():
            return _regularly(leaf, pass_)
        case Stopped():
            return _stopped(leaf, pass_)
    return _restarted(leaf, pass_)


def _next(events: Events, offsets: Iterable[timedelta]) -> Callable[[Any], Any]:
    """When some event next crosses an edge, or a filter flips."""
    if not events.pass_.following:
        return lambda table: values.never()
    names = [one for one in (events.changes(offsets), events.flips()) if one is not None]
    return lambda table: values.soonest(table[name] for name in names)


def _did(leaf: Did, pass_: Pass) -> Callable[[Any], Answer]:
    seen = window(leaf, pass_.at)
    events = Events(pass_, leaf.did, leaf.where, seen.since)
    measured = _measure(leaf, events, seen)
    following = _window_next(leaf, events, seen)

    def answer(table: Any) -> Answer:
        value = measured(table)
        bounds = [values.bounded(value, *bound) for bound in _bounds(leaf)]
        return Answer(values.every(bounds).fill_null(False), following(table))

    return answer


def _bounds(leaf: Did) -> list[tuple[str, Any]]:
    if leaf.measure.kind not in ("sum", "avg"):
        return leaf.times.bounds
    return [
        (name, [_millionths(one) for one in bound] if isinstance(bound, list) else _millionths(bound))
        for name, bound in leaf.times.bounds
    ]


def _millionths(value: float) -> float:
    return float(round(float(value) * MILLION))


def _measure(leaf: Did, events: Events, seen: Window) -> Callable[[Any], Any]:
    """The measure as a function of the joined table; null where nothing can be measured."""
    kind, of = leaf.measure.kind, leaf.measure.of

    def times(time: Any) -> list[Any]:
        return [*seen.times(time), *events.come(time)]

    def column(what: str, make: Callable[[Any, Any], Any]) -> str:
        return events.column(f"{what} {of} {leaf.measure.zone}", make, seen.said, times)

    def numbers(table: Any) -> Any:
        return values.number(values.reach(table.properties, of))

    def small(table: Any, matching: Any) -> Any:
        fits = (numbers(table).abs() <= MAX_SUMMED).fill_null(False)
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
    total = column("sum", lambda table, matching: engine.exact_sum(numbers(table), where=small(table, matching)))
    if kind == "sum":
        return lambda table: engine.round_even(table[total].fill_null(0.0) * MILLION, 0).cast("float64")
    count = column("small", lambda table, matching: table.count(where=small(table, matching)))
    return lambda table: engine.round_even(table[total] / table[count].nullif(0) * MILLION, 0).cast("float64")


def _day(time: Any, where: str) -> Any:
    local = time.cast(engine.LOCAL) if where == "UTC" else engine.local(where, time)
    return local.date()


def _window_next(leaf: Did, events: Events, seen: Window) -> Callable[[Any], Any]:
    """When the answer may next change; exact for the most common question, so many in a window that ends now."""
    if not events.pass_.following:
        return lambda table: values.never()
    least = _least(leaf)
    if seen.length is not None and least is not None and events.flips() is None:
        return _at_least(events, seen.length, least)
    if seen.turn is not None:
        turn = seen.turn
        ahead = _next(events, [timedelta()])
        known = events.column(
            "known", lambda table, matching: table.count(where=matching), f"{seen.said} on", seen.starts
        )
        return lambda table: values.soonest(
            [ibis.ifelse(table[known].fill_null(0) > 0, engine.at(turn), values.never()), ahead(table)]
        )
    return _next(events, seen.offsets)


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
            else ibis.ifelse(table[last].length() == least, table[last][least - 1], values.never())
        )
        # an event that comes makes the next one decide, which is later: the present one's leaving is early enough
        return values.soonest([values.shifted(nth, length), table[ahead]])

    return following


def _occurrence(leaf: First | Last, pass_: Pass) -> Callable[[Any], Answer]:
    seen = window(leaf, pass_.at)
    first = isinstance(leaf, First)
    # the first ever may be older than any window
    events = Events(pass_, name_of(leaf), leaf.where, None if first else seen.since)
    time = events.column(
        "first" if first else "last",
        lambda table, matching: (table.time.min if first else table.time.max)(where=matching),
        "come",
        events.come,
    )
    liked = _having(leaf, events, first=first) if leaf.having else None
    offsets = {timedelta(), *seen.offsets}
    following = _next(events, offsets)

    def answer(table: Any) -> Answer:
        holds = values.every([table[time].notnull(), *seen.times(table[time])]).fill_null(False)
        if liked is not None:
            holds = holds & table[liked].fill_null(False)
        change = following(table)
        if pass_.following and seen.turn is not None:
            change = values.soonest([ibis.ifelse(table[time].notnull(), engine.at(seen.turn), values.never()), change])
        if pass_.following and any(one.operator in MOVING for one in leaf.having):
            change = values.soonest([change, table[_having_flips(leaf, events)]])
        return Answer(holds, change)

    if pass_.following and any(one.operator in MOVING for one in leaf.having):
        _having_flips(leaf, events)
    return answer


def _having(leaf: First | Last, events: Events, *, first: bool) -> str:
    """Whether the event that is found is like this; of two at one time the greater event_id is the later one."""
    said = msgspec.json.encode([plain(one) for one in leaf.having]).decode()

    def make(table: Any, matching: Any) -> Any:
        like = values.every(
            values.holds(one, values.reach(table.properties, one.property), events.at) for one in leaf.having
        )
        order = ibis.struct({"time": table.time, "event_id": table.event_id})
        return (engine.of_first if first else engine.of_last)(like, order, where=matching)

    return events.column(f"having {first} {said}", make, "come", events.come)


def _having_flips(leaf: First | Last, events: Events) -> str:
    """When what the found event must be like may change with time: of any event, which is early enough."""
    said = msgspec.json.encode([plain(one) for one in leaf.having]).decode()

    def make(table: Any, matching: Any) -> Any:
        ends = (values.flips(one, values.reach(table.properties, one.property), events.at) for one in leaf.having)
        return values.soonest(ends).min(where=matching)

    return events.column(f"having flips {said}", make)


def _regularly(leaf: Regularly, pass_: Pass) -> Callable[[Any], Answer]:
    every, at = span(leaf.every), pass_.at
    whole = every * leaf.periods
    events = Events(pass_, leaf.regularly, leaf.where, at - whole)
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
    if pass_.following:

        def soonest(table: Any, matching: Any) -> Any:
            older = place(table.time) + 1
            moved = engine.instant(engine.microseconds(table.time) + older * length)
            ahead = table.time > engine.at(at)
            known = ibis.cases((ahead, table.time), (older <= leaf.periods, moved), else_=values.never())
            return known.min(where=matching)

        flips = events.flips()
        names = [events.column(f"period ends {leaf.every} {leaf.periods}", soonest), *([flips] if flips else [])]
    return lambda table: Answer(
        table[periods].fill_null(0) >= leaf.at_least, values.soonest(table[name] for name in names)
    )


def _last(events: Events, before: timedelta = timedelta()) -> str:
    """The latest event that is at least so old."""
    times: Callable[[Any], list[Any]] = events.come
    if before:
        edge = engine.at(events.at - before)

        def times(time: Any) -> list[Any]:
            return [time <= edge]

    return events.column("latest", lambda table, matching: table.time.max(where=matching), f"before {before}", times)


def _stopped(leaf: Stopped, pass_: Pass) -> Callable[[Any], Answer]:
    quiet, at = span(leaf.quiet), pass_.at
    whole = quiet + span(leaf.before)
    events = Events(pass_, leaf.stopped, leaf.where, at - whole)
    last = _last(events)
    following = _next(events, (timedelta(), quiet, whole))
    return lambda table: Answer(
        ((table[last] > engine.at(at - whole)) & (table[last] <= engine.at(at - quiet))).fill_null(False),
        following(table),
    )


def _restarted(leaf: Restarted, pass_: Pass) -> Callable[[Any], Answer]:
    recent, at = span(leaf.recent), pass_.at
    quiet = recent + span(leaf.quiet)
    whole = quiet + span(leaf.before)
    events = Events(pass_, leaf.restarted, leaf.where, at - whole)
    last, before = _last(events), _last(events, recent)
    following = _next(events, (timedelta(), recent, quiet, whole))
    return lambda table: Answer(
        (
            (table[last] > engine.at(at - recent))
            & (table[before] > engine.at(at - whole))
            & (table[before] <= engine.at(at - quiet))
        ).fill_null(False),
        following(table),
    )
