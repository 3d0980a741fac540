"""The leaf about a sequence: one join per step that gives every event its best predecessor.

The best predecessor is the latest event of the step before that ends a chain itself: it leaves the shortest gap with
the fewest events in it, and no other chain began later. That is what an ASOF join finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.segment.rules.compile import engine, instants, values
from services.segment.rules.compile.events import Answer, Events, Ids, Leaf, Passes, like
from services.segment.schemas.rule import Sequence as Rule
from services.segment.schemas.rule import Step, span


def plain_pair(rule: Rule) -> bool:
    """Whether it asks no more than that one event came after another: the pass over all events can tell that."""
    return len(rule.sequence) == 2 and not (rule.gap or rule.same or rule.without)


def pair(rule: Rule, passes: Passes) -> Leaf:
    """Two steps and nothing else: the earliest of the first lies before the latest of the second."""
    length = span(rule.within) if rule.within else None
    since = passes.at - length if length else None
    first, second = (Events(passes, step.event, step.where, since) for step in rule.sequence)
    said = f"within {length}"

    def times(time: Any) -> list[Any]:
        return [time > engine.at(since)] if since else []

    begin = first.column("first", lambda table, where: table.time.min(where=where), said, first.come, times)
    end = second.column("last", lambda table, where: table.time.max(where=where), said, second.come, times)
    changes = _changes((first, second)) if passes.following else []

    def answer(table: Any) -> Answer:
        holds = (table[begin] < table[end]).fill_null(False)
        # a chain that began later may stand longer: the earliest is early enough
        leaves = [instants.shifted(table[begin], length)] if length and passes.following else []
        return Answer(holds, instants.soonest([*leaves, *(table[name] for name in changes)]))

    return answer


def _changes(steps: Sequence[Events]) -> list[str]:
    """What lies ahead, or is filtered by the instant, may change the answer at its own time."""
    return [name for one in steps for name in (one.changes([timedelta()]), one.flips()) if name is not None]


def chained(rule: Rule, passes: Passes) -> tuple[Callable[[Ids], Any], Callable[[Any, str], Answer]]:
    """Any sequence: its own table (`chain_id`, `begun`: when the latest whole chain began), and the answer from it."""
    length = span(rule.within) if rule.within else None
    changes: list[str] = []
    if passes.following:
        steps = (*rule.sequence, *rule.without)
        changes = _changes([Events(passes, one.event, one.where, passes.at) for one in steps])

    def table(ids: Ids) -> Any:
        chain = _chain(rule, passes.at, ids)
        return chain.group_by(chain_id=chain.profile_id).aggregate(begun=chain.begun.max())

    def answer(joined: Any, begun: str) -> Answer:
        leaves = [instants.shifted(joined[begun], length)] if length and passes.following else []
        return Answer(joined[begun].notnull(), instants.soonest([*leaves, *(joined[name] for name in changes)]))

    return table, answer


def _chain(rule: Rule, at: datetime, ids: Ids) -> Any:
    """Events of the last step that end a chain, with when it began."""
    since = at - span(rule.within) if rule.within else None
    barriers = [_barrier(rule, at, since, ids)] if rule.without else []
    first, *others = (_step(step, rule.same, at, since, ids) for step in rule.sequence)
    chain = first.mutate(begun=first.time)
    keys = ["profile_id", *(["same"] if rule.same else [])]
    for step in others:
        before = chain.rename(previous="time")
        linked = step.asof_join(before, on=step.time > before.previous, predicates=keys)
        linked = linked.filter(linked.previous.notnull())
        if rule.gap:
            linked = linked.filter(linked.time <= instants.shifted(linked.previous, span(rule.gap)))
        linked = linked.select(*keys, "time", "previous", "begun")
        for barrier in barriers:
            linked = linked.asof_join(barrier, on=linked.time > barrier.barrier, predicates=keys)
            linked = linked.filter((linked.barrier <= linked.previous).fill_null(True))
        chain = linked.select(*keys, "time", "begun")
    return chain


def _step(step: Step, same: str | None, at: datetime, since: datetime | None, ids: Ids) -> Any:
    events = engine.events
    conditions = [*engine.named(events, step.event), *ids(events), events.time <= engine.at(at)]
    if since is not None:
        conditions.append(events.time > engine.at(since))
    theirs = events.filter(*conditions)
    if step.where:
        theirs = theirs.filter(*like(theirs, step.where, at))
    columns = {"profile_id": theirs.profile_id, "time": theirs.time}
    if not same:
        return theirs.select(**columns)
    columns["same"] = values.identity(values.reach(theirs.properties, same))
    valued = theirs.select(**columns)
    return valued.filter(valued.same.notnull())


def _barrier(rule: Rule, at: datetime, since: datetime | None, ids: Ids) -> Any:
    """Events that must not lie between two steps, all kinds of them together."""
    kinds: Iterator[Any] = (_step(one, rule.same, at, since, ids) for one in rule.without)
    first, *others = kinds
    return (first.union(*others) if others else first).rename(barrier="time")
