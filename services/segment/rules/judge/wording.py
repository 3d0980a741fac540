"""Parts of rules in plain English, for explanations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from services.segment.schemas.rule import (
    ANY,
    AllOf,
    AnyOf,
    Bounds,
    Bucket,
    Comparison,
    Consent,
    Did,
    First,
    Has,
    HasBeen,
    InSegment,
    Last,
    Negated,
    Regularly,
    Restarted,
    Rule,
    Score,
    Stopped,
    Tagged,
    Trait,
    Upcoming,
    Where,
    Windowed,
)
from services.segment.schemas.rule import Sequence as SequenceRule

_SIDES = {
    "eq": "is",
    "ne": "is there and not",
    "in": "is one of",
    "not_in": "is there and none of",
    "gt": "is more than",
    "gte": "is at least",
    "lt": "is less than",
    "lte": "is at most",
    "contains": "contains",
    "starts_with": "starts with",
    "before": "is before",
    "after": "is after",
    "within": "was in the last",
    "within_next": "is in the next",
}


def sentence(rule: Rule) -> str:
    """What a part of a rule asks."""
    match rule:
        case AllOf():
            return "all of these"
        case AnyOf():
            return "any of these"
        case Negated():
            return "not this"
        case HasBeen():
            return f"this, and what it rests on has been so for {rule.for_}"
        case InSegment():
            return f"is in segment {_quoted(rule.in_segment)}"
        case Trait() | Tagged() | Score() | Consent() | Has() | Bucket():
            return _known(rule)
    return _happened(rule)


def _known(rule: Trait | Tagged | Score | Consent | Has | Bucket) -> str:
    match rule:
        case Trait():
            return f"trait {_quoted(rule.trait)} {_compared(rule)}"
        case Tagged():
            weight = f" with a weight that {_bounded(rule.weight)}" if rule.weight else ""
            return f"has tag {_quoted(rule.tag)}{weight}"
        case Score():
            return f"score {_quoted(rule.score)} {_operator(rule.operator, rule.operand)}"
        case Consent():
            return f"{'agreed to' if rule.answer else 'refused'} {_quoted(rule.consent)}"
        case Has():
            return f"can be reached by {_quoted(rule.has)}"
    one = rule.bucket
    return f"bucket of salt {_quoted(one.salt)} is from {one.from_} to below {one.to}"


def _happened(rule: Any) -> str:
    match rule:
        case Did():
            what = {"count": "how often", "active_days": "on how many days"}.get(
                rule.measure.kind, f"{rule.measure.kind} of {_quoted(rule.measure.of)}"
            )
            return f"did {_event(rule.did, rule.where)}{_window(rule)}: {what} {_bounded(rule.times)}"
        case First() | Last():
            which, name = ("first", rule.first) if isinstance(rule, First) else ("last", rule.last)
            one = _event(name, rule.where).removeprefix("any ")
            having = f", with {_filters(rule.having)}" if rule.having else ""
            return f"the {which} {one} was{_window(rule) or ' at any time'}{having}"
        case SequenceRule():
            steps = ", then ".join(_event(one.event, one.where) for one in rule.sequence)
            same = f", all with the same {_quoted(rule.same)}" if rule.same else ""
            gap = f", at most {rule.gap} from one to the next" if rule.gap else ""
            none = " or ".join(_event(one.event, one.where) for one in rule.without)
            within = f" in the last {rule.within}" if rule.within else ""
            return f"did {steps}{within}{gap}{same}{f', without {none} between' if none else ''}"
        case Regularly():
            what = _event(rule.regularly, rule.where)
            return f"did {what} in at least {rule.at_least} of the last {rule.periods} periods of {rule.every}"
        case Stopped():
            what = _event(rule.stopped, rule.where)
            none = what.removeprefix("any ")
            return f"did no {none} in the last {rule.quiet}, but some in the {rule.before} before"
        case Restarted():
            what = _event(rule.restarted, rule.where)
            return (
                f"did {what} in the last {rule.recent}, none in the {rule.quiet} before, some in the {rule.before}"
                " before that"
            )
    raise TypeError(f"{type(rule).__name__} is nothing a rule can ask")


def _event(name: str, where: Sequence[Where]) -> str:
    what = "any event" if name == ANY else _quoted(name)
    return f"{what} where {_filters(where)}" if where else what


def _filters(where: Sequence[Where]) -> str:
    return " and ".join(f"{_quoted(one.property)} {_compared(one)}" for one in where)


def _compared(rule: Comparison) -> str:
    zone = f" in {rule.zone}" if rule.zone else ""
    if rule.operator == "anniversary":
        operand = rule.operand
        return f"has its day {f'in the next {operand.within_next}' if isinstance(operand, Upcoming) else 'today'}{zone}"
    return _operator(rule.operator, rule.operand) + zone


def _operator(operator: str, operand: Any) -> str:
    if operator == "exists":
        return "is there" if operand else "is missing"
    if operator == "between":
        return f"is from {operand[0]} to {operand[1]}"
    if operator in ("within", "within_next", "before", "after"):
        return f"{_SIDES[operator]} {operand}"
    return f"{_SIDES[operator]} {json.dumps(operand, ensure_ascii=False)}"


def _bounded(bounds: Bounds) -> str:
    sides = {**_SIDES, "ne": "is not"}
    return " and ".join(
        f"is from {bound[0]} to {bound[1]}" if name == "between" else f"{sides[name]} {bound}"
        for name, bound in bounds.bounds
    )


def _window(rule: Windowed) -> str:
    zone = f" in {rule.zone}" if rule.zone else ""
    if rule.within:
        return f" in the last {rule.within}"
    if rule.between:
        return f" from {rule.between[0]} to {rule.between[1]} ago"
    if rule.calendar:
        return f" {rule.calendar.replace('_', ' ')}{zone}"
    start = f" from {rule.from_}" if rule.from_ else ""
    end = f" to before {rule.to}" if rule.to else ""
    return f"{start}{end}{zone if start or end else ''}"


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
