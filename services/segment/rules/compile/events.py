"""One pass over the events of each name that a rule asks about: columns per viewer from which leaves answer.

A pass reads the events of one name, from the earliest instant that some leaf asks about, and groups them by viewer:
every leaf is a few columns of it, each an aggregate over the events that this leaf means. Leaves that mean the same
share their columns. A viewer without such events has nulls there, and every answer says what that means.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import ibis
import msgspec

from services.segment.rules.compile import comparisons, engine, instants, values
from services.segment.schemas.rule import MOVING, Where, plain


@dataclass(frozen=True)
class Answer:
    """What a leaf says: whether it holds (never null), and the instant before which time alone cannot change that."""

    holds: Any
    next: Any


Leaf: TypeAlias = Callable[[Any], Answer]
"""A leaf's answer from the joined table."""
Ids: TypeAlias = Callable[[Any], list[Any]]
"""Which viewers are asked about, as conditions on a table with their ids."""
Make: TypeAlias = Callable[[Any, Any], Any]
"""An aggregate of a table of events over those where a condition holds (None: over all of them)."""
Conditions: TypeAlias = Callable[[Any], tuple[list[Any], list[Any]]]
"""What events must be like: conditions on their times, and on what is read out of JSON."""


@dataclass
class Pass:
    """The pass over the events of one name, or of every name."""

    event: str
    columns: dict[str, tuple[Make, str]] = field(default_factory=dict)
    """Aggregates by their names, each with the key of its conditions."""
    conditions: dict[str, Conditions] = field(default_factory=dict)
    since: list[datetime | None] = field(default_factory=list)
    """From when on leaves ask about events; None: from the beginning."""

    def grouped(self, ids: Ids, until: datetime | None) -> Any:
        """The table of columns by `counted_id`, of events up to an instant whose viewers are so."""
        events = engine.events
        conditions = [*engine.named(events, self.event), *ids(events)]
        if None not in self.since:
            conditions.append(events.time > engine.at(min(start for start in self.since if start is not None)))
        if until is not None:
            conditions.append(events.time <= engine.at(until))
        theirs = events.filter(*conditions) if conditions else events
        if len(self.conditions) == 1:
            # what the only leaf does not mean need not be grouped
            ((times, costly),) = (made(theirs) for made in self.conditions.values())
            if times or costly:
                theirs = theirs.filter(*times, *costly)
            columns = {name: make(theirs, None) for name, (make, _) in self.columns.items()}
        else:
            wanted = {said: _where(*made(theirs)) for said, made in self.conditions.items()}
            columns = {name: make(theirs, wanted[said]) for name, (make, said) in self.columns.items()}
        return theirs.group_by(counted_id=theirs.profile_id).aggregate(**columns)


def _where(times: list[Any], costly: list[Any]) -> Any:
    """Conditions as one; JSON is read only of events whose times are right."""
    if not costly:
        return values.every(times)
    return ibis.ifelse(values.every(times), values.every(costly), False) if times else values.every(costly)


@dataclass
class Passes:
    """All passes of a rule at one instant; `following` also finds when answers change."""

    at: datetime
    following: bool
    by: dict[str, Pass] = field(default_factory=dict)

    def of(self, event: str) -> Pass:
        """The pass over the events of this name."""
        return self.by.setdefault(event, Pass(event))


class Events:
    """The events that one leaf means, and the aggregates over them."""

    def __init__(self, passes: Passes, event: str, wheres: Sequence[Where], since: datetime | None) -> None:
        self.passes = passes
        self.at = passes.at
        self.pass_ = passes.of(event)
        self.pass_.since.append(since)
        self.wheres = wheres
        self.said = msgspec.json.encode([event, [plain(one) for one in wheres]]).decode()

    def column(self, what: str, make: Make, said: str = "", *windows: Callable[[Any], list[Any]]) -> str:
        """An aggregate over meant events whose times are so (`said` tells one window from another)."""

        def conditions(table: Any) -> tuple[list[Any], list[Any]]:
            return [one for window in windows for one in window(table.time)], like(table, self.wheres, self.at)

        return self._add(what, make, f"{said} {self.said}", conditions)

    def _add(self, what: str, make: Make, said: str, conditions: Conditions) -> str:
        name = "m_" + hashlib.sha256(f"{what} {said}".encode()).hexdigest()[:16]
        self.pass_.columns.setdefault(name, (make, said))
        self.pass_.conditions.setdefault(said, conditions)
        return name

    def come(self, time: Any) -> list[Any]:
        """Those up to the instant of asking."""
        return [time <= engine.at(self.at)] if self.passes.following else []

    def changes(self, offsets: Iterable[timedelta]) -> str:
        """The next instant at which some event is one of these lengths old."""
        ages = sorted(set(offsets))

        def soonest(table: Any, where: Any) -> Any:
            moved = [instants.after(instants.shifted(table.time, age), self.at) for age in ages]
            return instants.soonest(moved).min(where=where)

        return self.column(f"changes {[str(age) for age in ages]}", soonest)

    def flips(self) -> str | None:
        """When a filter that depends on the instant may next let others through; None: no filter does."""
        moving = [one for one in self.wheres if one.operator in MOVING]
        if not moving:
            return None

        def soonest(table: Any, where: Any) -> Any:
            ends = (comparisons.flips(one, values.reach(table.properties, one.property), self.at) for one in moving)
            return instants.soonest(ends).min(where=where)

        return self._add("flips", soonest, f"any {self.said}", lambda table: ([ibis.literal(True)], []))

    def next(self, offsets: Iterable[timedelta]) -> Callable[[Any], Any]:
        """When some event next crosses an edge of these ages, or a filter flips."""
        if not self.passes.following:
            return lambda table: instants.never()
        names = [one for one in (self.changes(offsets), self.flips()) if one is not None]
        return lambda table: instants.soonest(table[name] for name in names)


def like(table: Any, wheres: Sequence[Where], at: datetime) -> list[Any]:
    """What the properties of a meant event are like."""
    return [comparisons.holds(one, values.reach(table.properties, one.property), at) for one in wheres]
