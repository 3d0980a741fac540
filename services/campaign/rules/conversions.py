"""Whether an event is what a campaign was for, and what it is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Condition = tuple[str, str, Any]
"""(property, operator, operand)."""


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(value: Any, operand: Any) -> bool:
    """Equal and of the same kind: text, number or boolean."""
    if _number(value) and _number(operand):
        return bool(value == operand)
    return type(value) is type(operand) and value == operand


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": _same,
    "ne": lambda value, operand: not _same(value, operand),
    "gt": lambda value, operand: _number(value) and value > operand,
    "gte": lambda value, operand: _number(value) and value >= operand,
    "lt": lambda value, operand: _number(value) and value < operand,
    "lte": lambda value, operand: _number(value) and value <= operand,
    "in": lambda value, operand: any(_same(value, one) for one in operand),
    "contains": lambda value, operand: isinstance(value, str | list) and operand in value,
}


def fits(conditions: Sequence[Condition], properties: Mapping[str, Any]) -> bool:
    """Whether the properties of an event meet all conditions. A missing value meets only `exists: false`."""
    for name, operator, operand in conditions:
        value = properties.get(name)
        if operator == "exists":
            if (value is not None) is not operand:
                return False
        elif value is None or not _OPERATORS[operator](value, operand):
            return False
    return True


def worth(name: str | None, properties: Mapping[str, Any]) -> float | None:
    """The number of that property; None without one. What is no finite number is worth nothing."""
    if name is None:
        return None
    value = properties.get(name)
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
    except OverflowError:
        return 0.0
    return number if math.isfinite(number) else 0.0
