"""Comparisons with one JSON value."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.segment.naive import days

SIDES = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
NAMES = {"trait", "property", "zone", "score"}


def number(value: Any) -> bool:
    """Whether it is a number that a double can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < 2**1024 - 2**970


def same(value: Any, other: Any) -> bool:
    """Equal and of one kind: text, number, boolean."""
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if number(value) and number(other):
        return float(value) == float(other)
    return isinstance(value, str) and isinstance(other, str) and value == other


def bounded(value: float, bounds: Mapping[str, Any]) -> bool:
    """Whether all of these bounds hold."""
    for name, bound in bounds.items():
        if name == "between":
            good = bound[0] <= value <= bound[1]
        elif name == "eq":
            good = value == bound
        elif name == "ne":
            good = value != bound
        else:
            good = SIDES[name](value, bound)
        if not good:
            return False
    return True


def compares(comparison: Mapping[str, Any], value: Any, at: datetime) -> bool:
    """Whether a JSON value, None when missing, compares so at this instant."""
    ((name, operand),) = ((key, said) for key, said in comparison.items() if key not in NAMES)
    zone = comparison.get("zone", "UTC")
    if name == "exists":
        return bool((value is not None) == operand)
    if value is None:
        return False
    if name in ("eq", "in"):
        return any(same(value, one) for one in (operand if name == "in" else [operand]))
    if name in ("ne", "not_in"):
        return not any(same(value, one) for one in (operand if name == "not_in" else [operand]))
    if name in (*SIDES, "between"):
        bounds = [float(one) for one in operand] if name == "between" else float(operand)
        return number(value) and bounded(float(value), {name: bounds})
    if name == "contains":
        if isinstance(value, list):
            return any(same(one, operand) for one in value)
        return isinstance(value, str) and isinstance(operand, str) and value.find(operand) >= 0
    if name == "starts_with":
        return isinstance(value, str) and value[: len(operand)] == operand
    return dated(name, operand, value, zone, at)


def dated(name: str, operand: Any, value: Any, zone: str, at: datetime) -> bool:
    """Comparisons of dates."""
    if name == "anniversary":
        born = days.birthdays(value, zone)
        ahead = 1 if operand == "today" else days.span(operand["within_next"]).days
        today = days.local(at, zone)
        return born is not None and any(days.celebrates(born, today + timedelta(days=n)) for n in range(ahead))
    moment = days.instant(value, zone)
    if moment is None:
        return False
    if name == "within":
        return at - days.span(operand) < moment <= at
    if name == "within_next":
        return at < moment <= at + days.span(operand)
    edge = days.instant(operand, zone)
    assert edge is not None
    return moment < edge if name == "before" else moment > edge


def read(properties: Any, name: str) -> Any:
    """A property, along dots."""
    parts = name.split(".")
    if "" in parts:
        parts = [name]
    for part in parts:
        if not isinstance(properties, dict) or part not in properties:
            return None
        properties = properties[part]
    return properties
