"""Every instant at which time alone could change an answer: events and dates plus or minus any length that is said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from tests.segment.naive import days
from tests.segment.naive.evaluator import World
from tests.segment.naive.people import Person

AHEAD = timedelta(days=75)


def instants(rule: Mapping[str, Any], person: Person, at: datetime, world: World | None = None) -> list[datetime]:
    """All that could matter after an instant, those of the segments it asks about too."""
    rules = [rule, *(world or {}).values()]
    lengths = {timedelta()} | {length for one in rules for length in _lengths(one)}
    zones = {"UTC"} | {zone for one in rules for zone in _said(one, "zone")}
    bases = {one.time for one in person.events} | {at}
    bases |= {
        moment for zone in zones for moment in _dates([person.traits, [e.properties for e in person.events]], zone)
    }
    bases |= set(person.since.values()) | set(person.tag_since.values()) | set(person.consent_since.values())
    bases |= {moment for _, moment in person.told.values()}
    found = {base + length for base in bases for length in lengths} | {
        base - length for base in bases for length in lengths
    }
    if any(_said(one, "calendar") or _said(one, "anniversary") for one in rules):
        found |= {days.begins(day, zone) for zone in zones for day in _days(at)}
    return sorted(one for one in found if one > at)


def _days(at: datetime) -> Iterator[date]:
    """The coming days."""
    return (at.date() + timedelta(days=n) for n in range(AHEAD.days))


def _lengths(rule: Any) -> Iterator[timedelta]:
    """Lengths that are said, and the sums of them that some leaves are made of."""
    if isinstance(rule, list):
        for child in rule:
            yield from _lengths(child)
    if not isinstance(rule, dict):
        if isinstance(rule, str) and re.fullmatch(r"[1-9]\d{0,6}[smhdw]", rule):
            yield days.span(rule)
        return
    for child in rule.values():
        yield from _lengths(child)
    if "every" in rule:
        yield from (days.span(rule["every"]) * n for n in range(1, rule["periods"] + 1))
    if "quiet" in rule:
        edges = [days.span(rule[name]) for name in ("recent", "quiet", "before") if name in rule]
        yield from (sum(edges[: n + 1], timedelta()) for n in range(len(edges)))


def _said(rule: Any, name: str) -> list[Any]:
    """What stands in all fields of a name."""
    if isinstance(rule, list):
        return [one for child in rule for one in _said(child, name)]
    if not isinstance(rule, dict):
        return []
    own = [rule[name]] if name in rule and name not in ("did",) else []
    return own + [one for child in rule.values() for one in _said(child, name)]


def _dates(value: Any, zone: str) -> Iterator[datetime]:
    """All dates in JSON."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _dates(one, zone)
    elif moment := days.instant(value, zone):
        yield moment
