"""Compiles rules to one Ibis expression, and that to SQL: the same expression runs on any engine Ibis knows.

The expression stands over three tables that the caller provides under these names:
`candidates(profile_id, as_of)`, whom to judge and at which instant; `events(profile_id, event, time, properties)`;
`viewers(profile_id, traits, tags)`. It has one row per candidate who is a viewer: `profile_id`, and per rule number i a
boolean `in_i` and an instant `next_i`, before which `in_i` cannot change unless a new event, trait or tag comes (null:
never). Events are read once, whatever the number of rules: a distinct "did" leaf is a filtered count over that pass.
"""

from __future__ import annotations

import functools
import hashlib
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from services.segment.schemas.rule import (
    AllOf,
    AnyOf,
    Comparison,
    Did,
    Negated,
    Rule,
    Tagged,
    Trait,
    leaves,
    seconds,
    walk,
)
from shared.errors import Invalid

_JSON = dt.JSON(binary=True)
_INSTANT = dt.Timestamp(timezone="UTC")

candidates = ibis.table({"profile_id": "int64", "as_of": _INSTANT}, name="candidates")
events = ibis.table({"profile_id": "int64", "event": "string", "time": _INSTANT, "properties": _JSON}, name="events")
viewers = ibis.table({"profile_id": "int64", "traits": _JSON, "tags": "array<string>"}, name="viewers")

_COMPARE = {"eq": operator.eq, "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def sql(rules: Sequence[Rule], *, following: bool = True) -> str:
    """PostgreSQL text of the expression that answers these rules."""
    return str(ibis.to_sql(expression(rules, following=following), dialect="postgres", pretty=False))


def expression(rules: Sequence[Rule], *, following: bool = True) -> ir.Table:
    """The expression that answers these rules, see the module; `following` adds the `next_i` columns."""
    for rule in rules:
        check(rule)
    matchers = {column(leaf): leaf for rule in rules for leaf in leaves(rule) if isinstance(leaf, Did)}
    people = candidates.join(viewers, "profile_id")[["profile_id", "as_of", "traits", "tags"]]
    joined = people
    if matchers:
        relevant = events.filter(events.event.isin(sorted({did.did for did in matchers.values()})))
        theirs = relevant.join(candidates, "profile_id")[["profile_id", "as_of", "event", "time", "properties"]]
        if horizon := longest(matchers.values()):
            theirs = theirs.filter(theirs.time > theirs.as_of - _duration(horizon))
        counted = theirs.group_by(counted_id=theirs.profile_id).aggregate(
            **counts(matchers.values(), theirs, following=following)
        )
        joined = people.left_join(counted, people.profile_id == counted.counted_id)
    columns: dict[str, ir.Value] = {"profile_id": joined.profile_id}
    for place, rule in enumerate(rules):
        columns[f"in_{place}"] = holds(rule, joined)
        if following:
            columns[f"next_{place}"] = changes(rule, joined)
    return joined.select(**columns)


class Unanswerable(Invalid):
    """This cannot be asked yet"""


def check(rule: Rule) -> None:
    """Refuse what is not compiled yet."""
    for path, node in walk(rule):
        counted = isinstance(node, Did) and not node.given("between", "from", "to", "calendar", "measure")
        if isinstance(node, Trait) or counted or (isinstance(node, Tagged) and not node.weight):
            comparisons: list[Comparison] = [node] if isinstance(node, Trait) else list(getattr(node, "where", []))
            if all(one.operator in (*_COMPARE, "ne", "in", "exists") for one in comparisons):
                continue
        elif isinstance(node, AllOf | AnyOf | Negated):
            continue
        raise Unanswerable("this part of a rule is not answered yet", field=".".join(map(str, ("rule", *path))))


def longest(matchers: Iterable[Did]) -> int | None:
    """The longest of their windows in seconds; none if one of them looks at all time."""
    windows = [seconds(did.within) if did.within else None for did in matchers]
    return max((one for one in windows if one is not None), default=None) if None not in windows else None


def column(did: Did) -> str:
    """Name of the column that counts this leaf. What counts the same, whatever times it asks for, shares it."""
    what = did.model_dump_json(by_alias=True, exclude_unset=True, exclude={"times"})
    return "leaf_" + hashlib.sha256(what.encode()).hexdigest()[:16]


def counts(matchers: Iterable[Did], theirs: ir.Table, *, following: bool) -> dict[str, ir.Value]:
    """Per matcher its count in one pass over events of candidates, and the instant this count can next change."""
    columns: dict[str, ir.Value] = {}
    for did in matchers:
        conditions = [theirs.event == did.did]
        if did.within:
            conditions.append(theirs.time > theirs.as_of - _duration(seconds(did.within)))
        conditions.extend(_compares(where, theirs.properties[where.property]) for where in did.where)
        matches = functools.reduce(operator.and_, conditions)
        come = theirs.time <= theirs.as_of
        columns[column(did)] = theirs.count(where=matches & come)
        if not following:
            continue
        # what is counted leaves its window at time + within; what lies ahead begins to count at its own time
        if did.within:
            change = ibis.ifelse(come, theirs.time + _duration(seconds(did.within)), theirs.time)
            columns[f"{column(did)}_next"] = change.min(where=matches)
        else:
            columns[f"{column(did)}_next"] = theirs.time.min(where=matches & ~come)
    return columns


def holds(rule: Rule, joined: ir.Table) -> ir.BooleanValue:
    """The rule as a boolean that is never null, over a table with `traits`, `tags` and the columns of its leaves."""
    if isinstance(rule, AllOf):
        return functools.reduce(operator.and_, (holds(child, joined) for child in rule.all))
    if isinstance(rule, AnyOf):
        return functools.reduce(operator.or_, (holds(child, joined) for child in rule.any))
    if isinstance(rule, Negated):
        return ~holds(rule.not_, joined)
    if isinstance(rule, Trait):
        return _compares(rule, joined.traits[rule.trait])
    if isinstance(rule, Tagged):
        return joined.tags.contains(rule.tag).fill_null(False)
    if not isinstance(rule, Did):
        raise Unanswerable(f"{type(rule).__name__} is not answered yet", field="rule")
    count = joined[column(rule)].fill_null(0)
    return functools.reduce(operator.and_, (_times(count, name, bound) for name, bound in rule.times.bounds))


def _times(count: Any, name: str, bound: Any) -> ir.BooleanValue:
    match name:
        case "between":
            return (count >= bound[0]) & (count <= bound[1])
        case "ne":
            return count != bound
    return _COMPARE[name](count, bound)


def changes(rule: Rule, joined: ir.Table) -> ir.TimestampValue:
    """The earliest instant at which time alone can change the rule's answer; null if it never does."""
    columns = sorted({column(leaf) for leaf in leaves(rule) if isinstance(leaf, Did)})
    if not columns:
        return ibis.null(_INSTANT)
    instants = [joined[f"{name}_next"] for name in columns]
    return ibis.least(*instants) if len(instants) > 1 else instants[0]


def _compares(comparison: Comparison, value: Any) -> ir.BooleanValue:
    """A comparison with a JSON value: false where it is missing or null, never null."""
    operand = comparison.operand
    # a JSON null is a value to SQL; as text it is `null`, while the text "null" keeps its quotes
    present = (value.cast("string") != "null").fill_null(False)
    match comparison.operator:
        case "exists":
            return present if operand else ~present
        case "ne":
            return present & ~_equals(value, [operand])
        case "in":
            return _equals(value, operand)
        case "eq":
            return _equals(value, [operand])
        case name:
            return _COMPARE[name](value.float, _number(operand)).fill_null(False)


def _equals(value: Any, choices: Sequence[Any]) -> ir.BooleanValue:
    """Whether a JSON value is one of these; text, numbers and booleans are never equal to each other."""
    texts = [one for one in choices if isinstance(one, str)]
    flags = [one for one in choices if isinstance(one, bool)]
    numbers = [_number(one) for one in choices if isinstance(one, int | float) and not isinstance(one, bool)]
    tests: list[ir.BooleanValue] = []
    if texts:
        tests.append(_among(value.str, texts))
    if numbers:
        tests.append(_among(value.float, numbers))
    tests.extend(value.bool == flag for flag in sorted(set(flags)))
    return functools.reduce(operator.or_, (test.fill_null(False) for test in tests))


def _among(value: Any, choices: Sequence[Any]) -> Any:
    return value == choices[0] if len(choices) == 1 else value.isin(choices)


def _number(value: float) -> Any:
    return ibis.literal(float(value), "float64")


def _duration(count: int) -> Any:
    """A fixed number of seconds, which no calendar and no time zone stretches."""
    return ibis.interval(seconds=count)
