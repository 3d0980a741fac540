"""Whether a rule, as JSON, holds for a viewer at an instant."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.segment.naive import days, values
from tests.segment.naive.people import Happening, Person

Rule = Mapping[str, Any]
World = Mapping[str, Rule]
"""Rules of segments by key; other keys are static lists."""

DAY = timedelta(days=1)


def holds(rule: Rule, person: Person, at: datetime, world: World | None = None) -> bool:
    """Whether it holds."""
    world = world or {}
    if "all" in rule:
        return all(holds(child, person, at, world) for child in rule["all"])
    if "any" in rule:
        return any(holds(child, person, at, world) for child in rule["any"])
    if "not" in rule:
        return not holds(rule["not"], person, at, world)
    if "has_been" in rule:
        inner = rule["has_been"]
        long_ago = at - days.span(rule["for"])
        return holds(inner, person, at, world) and all(
            since is None or since <= long_ago for since in stood(inner, person, at, world)
        )
    if "in_segment" in rule:
        key = rule["in_segment"]
        return holds(world[key], person, at, world) if key in world else key in person.lists
    return known(rule, person, at) if KNOWN & rule.keys() else happened(rule, person, at)


def stood(rule: Rule, person: Person, at: datetime, world: World) -> Iterator[datetime | None]:
    """Since when each leaf of has_been is as it is; None: always."""
    if "all" in rule:
        for child in rule["all"]:
            yield from stood(child, person, at, world)
    elif "not" in rule:
        yield from stood(rule["not"], person, at, world)
    elif "trait" in rule:
        yield person.since.get(rule["trait"]) if person.traits.get(rule["trait"]) is not None else None
    elif "tag" in rule:
        yield person.tag_since.get(rule["tag"]) if rule["tag"] in person.tags else None
    elif "consent" in rule:
        yield person.consent_since.get(rule["consent"]) if rule["consent"] in person.consent else None
    else:
        was, when = person.told.get(rule["in_segment"], (False, None))
        yield when if was == holds(rule, person, at, world) else at


KNOWN = {"trait", "tag", "score", "consent", "has", "bucket"}


def known(rule: Rule, person: Person, at: datetime) -> bool:
    """Leaves about what is known of the viewer."""
    if "trait" in rule:
        return values.compares(rule, person.traits.get(rule["trait"]), at)
    if "tag" in rule:
        weight = person.tags.get(rule["tag"])
        return weight is not None and values.bounded(weight, rule.get("weight", {}))
    if "score" in rule:
        return values.compares(rule, person.scores.get(rule["score"]), at)
    if "consent" in rule:
        return person.consent.get(rule["consent"]) is rule.get("is", True)
    if "has" in rule:
        return rule["has"] in person.has
    said = rule["bucket"]
    digest = hashlib.sha256(said["salt"].encode() + b"\0" + str(person.profile_id).encode()).hexdigest()
    place = (int(digest[:16], 16) // 2**11) / 2**53
    return bool(said["from"] <= place < said["to"])


def happened(rule: Rule, person: Person, at: datetime) -> bool:
    """Leaves about what the viewer did."""
    if "sequence" in rule:
        return sequence(rule, person, at)
    ((kind, name),) = ((kind, rule[kind]) for kind in BEHAVIOUR if kind in rule)
    done = find(person, name, rule.get("where", []), at)
    if kind == "did":
        return measured(rule, [one for one in done if inside(rule, one.time, at)], at)
    if kind in ("first", "last"):
        if not done:
            return False
        one = done[0 if kind == "first" else -1]
        return inside(rule, one.time, at) and matches(one, rule.get("having", []), at)
    if kind == "regularly":
        every = days.span(rule["every"])
        filled = [some(done, at - (n + 1) * every, at - n * every) for n in range(rule["periods"])]
        return bool(sum(filled) >= rule["at_least"])
    quiet, before = days.span(rule["quiet"]), days.span(rule["before"])
    if kind == "stopped":
        return not some(done, at - quiet, at) and some(done, at - quiet - before, at - quiet)
    end = at - days.span(rule["recent"])
    return some(done, end, at) and not some(done, end - quiet, end) and some(done, end - quiet - before, end - quiet)


BEHAVIOUR = ("did", "first", "last", "regularly", "stopped", "restarted")


def find(person: Person, name: str, where: Sequence[Rule], at: datetime) -> list[Happening]:
    """His events of this name (`*`: of any) that match, up to this instant, in their order."""
    mine = [one for one in person.events if name in (one.event, "*")]
    found = [one for one in mine if one.time <= at and matches(one, where, at)]
    return sorted(found, key=lambda one: (one.time, one.event_id))


def matches(one: Happening, where: Sequence[Rule], at: datetime) -> bool:
    """Whether an event's properties are so."""
    return all(values.compares(each, values.read(one.properties, each["property"]), at) for each in where)


def some(done: Sequence[Happening], after: datetime, until: datetime) -> bool:
    """Whether one of these is in this window."""
    return any(after < one.time <= until for one in done)


def inside(rule: Rule, time: datetime, at: datetime) -> bool:
    """Whether a time is in the rule's window."""
    zone = rule.get("zone", "UTC")
    if "within" in rule:
        return at - days.span(rule["within"]) < time <= at
    if "between" in rule:
        far, near = map(days.span, rule["between"])
        return at - far < time <= at - near
    if "calendar" in rule:
        return period(days.local(time, zone), rule["calendar"], days.local(at, zone))
    start, end = (days.instant(rule[name], zone) if name in rule else None for name in ("from", "to"))
    return (start is None or start <= time) and (end is None or time < end)


def period(day: date, kind: str, today: date) -> bool:
    """Whether a local day is in the period that is meant today."""
    week, this_week = (day.isocalendar()[:2] for day in (day, today))
    month = (today.replace(day=1) - DAY) if kind == "last_month" else today
    return {
        "today": day == today,
        "yesterday": day == today - DAY,
        "this_week": week == this_week,
        "last_week": week == (today - 7 * DAY).isocalendar()[:2],
        "this_month": (day.year, day.month) == (month.year, month.month),
        "last_month": (day.year, day.month) == (month.year, month.month),
        "this_year": day.year == today.year,
    }[kind]


def measured(rule: Rule, done: Sequence[Happening], at: datetime) -> bool:
    """Whether the measure of these events is as the rule wants it."""
    said = rule.get("measure", {"count": True})
    ((kind, name),) = ((kind, name) for kind, name in said.items() if kind != "zone")
    bounds = rule.get("times", {"gte": 1})
    if kind == "count":
        return values.bounded(len(done), bounds)
    if kind == "active_days":
        return values.bounded(len({days.local(one.time, said.get("zone", "UTC")) for one in done}), bounds)
    column = [values.read(one.properties, name) for one in done]
    if kind == "distinct":
        different: list[Any] = []
        for one in column:
            scalar = isinstance(one, str | bool) or values.number(one)
            if scalar and not any(values.same(one, other) for other in different):
                different.append(one)
        return values.bounded(len(different), bounds)
    numbers = [float(one) for one in column if values.number(one)]
    if kind in ("min", "max"):
        best = min(numbers, default=None) if kind == "min" else max(numbers, default=None)
        return best is not None and values.bounded(best, bounds)
    whole = [millionths(one) for one in numbers if abs(one) <= 10**12]
    if kind == "avg" and not whole:
        return False
    total = Fraction(sum(whole), len(whole) if kind == "avg" else 1)
    rounded = {
        name: [millionths(one) for one in bound] if name == "between" else millionths(bound)
        for name, bound in bounds.items()
    }
    return values.bounded(float(total), rounded)


def millionths(value: float) -> int:
    """A number in whole millionths."""
    return (Fraction(value) * 10**6 + Fraction(1, 2)).__floor__()


def sequence(rule: Rule, person: Person, at: datetime) -> bool:
    """Whether some tuple of events, one for each step, is as the rule wants it."""
    steps = [find(person, step["event"], step.get("where", []), at) for step in rule["sequence"]]
    barriers = [
        one for step in rule.get("without", []) for one in find(person, step["event"], step.get("where", []), at)
    ]
    return any(chained(rule, chain, barriers, at) for chain in itertools.product(*steps))


def chained(rule: Rule, chain: Sequence[Happening], barriers: Sequence[Happening], at: datetime) -> bool:
    """Whether these events, one for each step, are the sequence."""
    if "within" in rule and chain[0].time <= at - days.span(rule["within"]):
        return False
    name = rule.get("same")
    mine = values.read(chain[0].properties, name) if name else None
    if name and not all(is_same(values.read(one.properties, name), mine) for one in chain):
        return False
    for before, after in itertools.pairwise(chain):
        if before.time >= after.time:
            return False
        if "gap" in rule and after.time - before.time > days.span(rule["gap"]):
            return False
        for one in barriers:
            between = before.time < one.time < after.time
            if between and (not name or is_same(values.read(one.properties, name), mine)):
                return False
    return True


def is_same(value: Any, other: Any) -> bool:
    """Whether both are the same text, number or boolean."""
    return (isinstance(value, str | bool) or values.number(value)) and values.same(value, other)
