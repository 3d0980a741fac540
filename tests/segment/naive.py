"""A rule evaluator in plain Python, one viewer at a time: what the SQL is held against. It shares nothing with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Happening:
    """An event of a viewer."""

    event: str
    time: datetime
    properties: dict[str, Any]


@dataclass(frozen=True)
class Person:
    """A viewer."""

    traits: dict[str, Any]
    events: Sequence[Happening]
    tags: Sequence[str] = ()


def span(within: str) -> timedelta:
    return timedelta(**{UNITS[within[-1]]: int(within[:-1])})


def holds(rule: dict[str, Any], person: Person, as_of: datetime) -> bool:
    """Whether the rule, as JSON, holds for this viewer at this instant."""
    if "all" in rule:
        return all(holds(child, person, as_of) for child in rule["all"])
    if "any" in rule:
        return any(holds(child, person, as_of) for child in rule["any"])
    if "not" in rule:
        return not holds(rule["not"], person, as_of)
    if "tag" in rule:
        return rule["tag"] in person.tags
    if "trait" in rule:
        return compares(rule, person.traits.get(rule["trait"]))
    count = 0
    for happening in person.events:
        if happening.event != rule["did"] or happening.time > as_of:
            continue
        if "within" in rule and happening.time <= as_of - span(rule["within"]):
            continue
        if all(compares(where, happening.properties.get(where["property"])) for where in rule.get("where", [])):
            count += 1
    return all(BOUNDS[name](count, bound) for name, bound in rule.get("times", {"gte": 1}).items())


BOUNDS = {
    "eq": lambda value, bound: value == bound,
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


def compares(comparison: dict[str, Any], value: Any) -> bool:
    """Whether a JSON value, None when missing, compares so."""
    operator, operand = next((k, v) for k, v in comparison.items() if k not in ("trait", "property"))
    if operator == "exists":
        return bool((value is not None) == operand)
    if value is None:
        return False
    if operator == "eq":
        return same(value, operand)
    if operator == "ne":
        return not same(value, operand)
    if operator == "in":
        return any(same(value, one) for one in operand)
    return number(value) and BOUNDS[operator](float(value), float(operand))


def number(value: Any) -> bool:
    """Whether it is a number that a double can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < 10**300


def same(value: Any, operand: Any) -> bool:
    """Equal and of one kind: text, number, boolean. A number that no double holds is kept as text."""
    if isinstance(value, bool) or isinstance(operand, bool):
        return value is operand
    if number(value) and isinstance(operand, int | float):
        return float(value) == float(operand)
    if isinstance(value, int):
        value = str(value)
    return isinstance(value, str) and isinstance(operand, str) and value == operand


def instants(rule: dict[str, Any], person: Person) -> list[datetime]:
    """Every instant at which time alone could change the answer: events come, and leave windows."""
    windows = [span(one) for one in _windows(rule)]
    return sorted(
        {happening.time for happening in person.events}
        | {happening.time + window for happening in person.events for window in windows}
    )


def _windows(rule: dict[str, Any]) -> list[str]:
    children = [*rule.get("all", []), *rule.get("any", []), *([rule["not"]] if "not" in rule else [])]
    own = [rule["within"]] if "within" in rule else []
    return own + [window for child in children for window in _windows(child)]
