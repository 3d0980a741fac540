"""Whether a rule can hold for a viewer who is missing from a table: it decides how the tables are joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.segment.rules.compile import sequences
from services.segment.rules.compile.comparisons import COMPARE
from services.segment.schemas.rule import (
    AllOf,
    AnyOf,
    Did,
    First,
    InSegment,
    Last,
    Negated,
    Regularly,
    Restarted,
    Rule,
    Sequence,
    Stopped,
)


def holds(rule: Rule, absent: Callable[[Any], bool], known: Callable[[str], Rule | None]) -> bool | None:
    """Whether the rule holds for whoever did nothing of what these leaves are about; None: it depends on more."""
    match rule:
        case AllOf():
            return _all([holds(child, absent, known) for child in rule.all])
        case AnyOf():
            return _not(_all([_not(holds(child, absent, known)) for child in rule.any]))
        case Negated():
            return _not(holds(rule.not_, absent, known))
        case InSegment() if (inner := known(rule.in_segment)) is not None:
            return holds(inner, absent, known)
    if not absent(rule):
        return None
    if isinstance(rule, Did) and rule.measure.kind in ("count", "sum", "distinct", "active_days"):
        return all(_compares(name, bound) for name, bound in rule.times.bounds)
    return False


def _compares(name: str, bound: Any) -> bool:
    return bool(bound[0] <= 0 <= bound[1] if name == "between" else COMPARE[name](0, bound))


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _all(parts: list[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if None in parts else True


def is_behaviour(leaf: Any) -> bool:
    """Whether a leaf is about what a viewer did."""
    return isinstance(leaf, Did | First | Last | Regularly | Stopped | Restarted | Sequence)


def about(event: str) -> Callable[[Any], bool]:
    """Which leaves can say nothing but no (or zero) of a viewer who never did this event."""

    def is_about(leaf: Any) -> bool:
        match leaf:
            case Did():
                return bool(leaf.did == event)
            case First():
                return bool(leaf.first == event)
            case Last():
                return bool(leaf.last == event)
            case Regularly():
                return bool(leaf.regularly == event)
            case Stopped():
                return bool(leaf.stopped == event)
            case Restarted():
                return bool(leaf.restarted == event)
            case Sequence() if sequences.plain_pair(leaf):
                return any(step.event == event for step in leaf.sequence)
        return False

    return is_about
