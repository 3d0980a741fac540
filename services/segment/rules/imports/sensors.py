"""Reads segments of Sensors Analytics (神策): relations over profile rules, event rules and event sequence rules."""

from __future__ import annotations

import re
from typing import Any

from services.segment.rules.imports.carry import (
    MOST_EITHER,
    Ledger,
    Path,
    Said,
    Test,
    all_of,
    any_of,
    direction,
    moment,
    negate,
    number,
    objects,
    one_of,
    seconds,
    shifted,
    text,
    trait,
    where,
)

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 30 * 86_400, "year": 365 * 86_400}
_MEASURES = {"general": "count", "count": "count", "times": "count", "sum": "sum", "avg": "avg", "max": "max"} | {
    "min": "min",
    "average": "avg",
    "uniqcount": "distinct",
    "unique": "distinct",
    "distinct": "distinct",
    "uniqdays": "active_days",
    "days": "active_days",
    "activedays": "active_days",
}
_BOUNDS = {
    "least": "gte",
    "greaterequal": "gte",
    "most": "lte",
    "lessequal": "lte",
    "equal": "eq",
    "notequal": "ne",
} | {
    "less": "lt",
    "greater": "gt",
}
_ROLLING = "whole days up to a midnight there; here back from the instant of asking, always"


def read(ledger: Ledger, body: dict[str, Any]) -> Said:
    """The rule of a segment (its `rule_content_list`), or of a rule alone."""
    listed = body.get("rule_content_list")
    if isinstance(listed, list) and listed:
        return any_of([_rule(ledger, one, ("rule_content_list", place), 1) for place, one in enumerate(listed)])
    return _rule(ledger, body, (), 1)


def name(body: dict[str, Any]) -> tuple[str, str]:
    """Key and name of a segment, as far as they are there."""
    return text(body.get("name")), text(body.get("cname")) or text(body.get("name"))


def _rule(ledger: Ledger, node: Any, path: Path, sign: int) -> Said:
    ledger.step()
    kind = text(node.get("type")) if isinstance(node, dict) else ""
    if kind == "rules_relation":
        listed = objects(node.get("rules"))
        parts = [_rule(ledger, one, (*path, "rules", place), sign) for place, one in enumerate(listed)]
        if not parts:
            return ledger.lost(path, kind, "the relation is empty", sign)
        return any_of(parts) if node.get("relation") == "or" else all_of(parts)
    if kind == "profile_rule":
        return _profile(ledger, node, path, sign)
    if kind == "event_rule":
        return _event(ledger, node, path, sign)
    if kind == "event_sequence_rule":
        return _sequence(ledger, node, path, sign)
    return ledger.lost(path, kind or "rule", "no rule of ours asks for this", sign)


def _function(node: dict[str, Any]) -> tuple[str, list[Any]]:
    """A function in one spelling, and its parameters."""
    params = node.get("params")
    return text(node.get("function")).replace("_", "").lower(), params if isinstance(params, list) else []


def _field(node: dict[str, Any]) -> str:
    """The last name of a field such as user.city or event.PayOrder.amount."""
    return text(node.get("field")).split(".")[-1]


def _profile(ledger: Ledger, node: dict[str, Any], path: Path, sign: int) -> Said:
    field = _field(node)
    function, _ = _function(node)
    group = re.fullmatch(r"(?:user_group|segmenter)_(.+)", field)
    if group and function in ("istrue", "isset", "isfalse", "notset"):
        inside = ledger.in_segment(group[1])
        return inside if function in ("istrue", "isset") else negate(inside)
    label = re.fullmatch(r"user_tag_(.+)", field)
    if label and function in ("istrue", "isset", "isfalse", "notset"):
        return {"tag": label[1]} if function in ("istrue", "isset") else {"not": {"tag": label[1]}}
    if label:
        return ledger.lost(path, field, "a tag has no value here: ask for a trait, or whether the tag is there", sign)
    test = _test(ledger, node, path)
    return sign < 0 if test is None else trait(ledger, path, field, test, sign)


def _test(ledger: Ledger, node: dict[str, Any], path: Path) -> Test | None:
    function, params = _function(node)
    empty = one_of([""])
    known: dict[str, Test] = {
        "isset": Test(({"exists": True},)),
        "notset": Test(({"exists": False},)),
        "isempty": empty,
        "isnotempty": Test(({"exists": True}, {"ne": ""})),
        "istrue": Test(({"eq": True},)),
        "isfalse": Test(({"eq": False},)),
    }
    if function in known:
        return known[function]
    test = _valued(ledger, function, params, path) if params else None
    if test is None:
        why = "no comparison of ours does this, or not with this value"
        ledger.note(path, function or "function", why, "narrower", "nobody")
    return test


def _valued(ledger: Ledger, function: str, params: list[Any], path: Path) -> Test | None:
    first = params[0]
    if function in ("equal", "in", "include"):
        return one_of(params) if function != "include" else Test(tuple({"contains": one} for one in params), True)
    if function == "notequal":
        return Test(({"ne": first} if len(params) == 1 else {"not_in": params},))
    if function in ("contain", "notcontain", "notinclude"):
        return Test(tuple({"contains": one} for one in params), either=True, inverted=function != "contain")
    bounds = [number(one) for one in params]
    if function in ("less", "greater", "greaterequal", "least", "most", "lessequal") and bounds[0] is not None:
        return Test(({_BOUNDS[function]: bounds[0]},))
    if function in ("between", "rightopenbetween") and len(bounds) == 2 and None not in bounds:
        if function == "between":
            return Test(({"between": bounds},))
        return Test(({"gte": bounds[0]}, {"lt": bounds[1]}))
    moments = [moment(one, ledger.zone) for one in params]
    if function in ("absolutebetween", "between") and len(moments) == 2 and None not in moments:
        return Test(({"after": shifted(str(moments[0]), -1)}, {"before": shifted(str(moments[1]), 1)}))
    if function == "absolutebefore" and moments[0]:
        return Test(({"before": moments[0]},))
    length = _length(ledger, first, path) if function == "relativewithin" else None
    return Test(({"within": length},)) if length else None


def _length(ledger: Ledger, value: Any, path: Path) -> str | None:
    """`30 day` as a duration."""
    found = re.fullmatch(r"([0-9]{1,6}) ?(minute|hour|day|week|month|year)s?", text(value).strip())
    if found and found[2] in ("month", "year"):
        ledger.fixed(path, found[0])
    return seconds(int(found[1]) * _UNITS[found[2]]) if found else None


def _window(ledger: Ledger, node: dict[str, Any], path: Path) -> dict[str, Any] | None:
    function = text(node.get("time_function")).replace("_", "").lower()
    given = node.get("time_params")
    params = given if isinstance(given, list) else []
    if not function and not params:
        return {}
    if function == "relativetime" and 1 <= len(params) <= 2:
        lengths = [_length(ledger, one, (*path, "time_params")) for one in params]
        if None in lengths:
            return None
        window = {"within": lengths[0]} if len(lengths) == 1 else {"between": lengths}
        ledger.note((*path, "time_params"), str(params[0]), _ROLLING, "changed", window)
        return window
    if function in ("absolutetime", "absolutebetween") and len(params) == 2:
        begin, end = (moment(one, ledger.zone) for one in params)
        return {"from": begin, "to": end} if begin and end else None
    return None


def _filters(ledger: Ledger, listed: Any, path: Path, sign: int) -> list[list[dict[str, Any]]] | None:
    """What an event must be like: alternatives, each a list of filters that all hold; None if it cannot be said."""
    found: list[list[dict[str, Any]]] = [[]]
    for place, one in enumerate(objects(listed)):
        inner = _filter(ledger, one, (*path, place), sign)
        if inner is None:
            return None
        if len(found) * len(inner) > MOST_EITHER:
            why = f"its filters make more than {MOST_EITHER} alternatives, of which a rule has no room"
            ledger.note((*path, place), "or", why, "narrower", "nobody, with the whole condition on the event")
            return None
        found = [[*left, *right] for left in found for right in inner]
    return found


def _filter(ledger: Ledger, node: dict[str, Any], path: Path, sign: int) -> list[list[dict[str, Any]]] | None:
    ledger.step()
    if node.get("type") != "filters_relation":
        terms = where(ledger, path, _field(node), _test(ledger, node, path), sign)
        return None if terms is None else [terms]
    listed = objects(node.get("subfilters"))
    if not listed:
        ledger.note(path, "filters_relation", "the relation is empty", "narrower", "nobody, with the whole condition")
        return None
    if node.get("relation") != "or":
        return _filters(ledger, listed, (*path, "subfilters"), sign)
    either: list[list[dict[str, Any]]] = []
    for place, one in enumerate(listed):
        inner = _filter(ledger, one, (*path, "subfilters", place), sign)
        if inner is None:
            return None
        either += inner
    return either


def _measure(ledger: Ledger, node: dict[str, Any], path: Path) -> dict[str, Any] | None:
    given = node.get("measure")
    measure = given if isinstance(given, dict) else {}
    kind = _MEASURES.get(text(measure.get("aggregator", "general")).replace("_", "").lower())
    of = _field(measure)
    if kind is None or (kind not in ("count", "active_days") and not of):
        ledger.note((*path, "measure"), text(measure.get("aggregator")), "no measure of ours", "narrower", "nobody")
        return None
    if kind == "count":
        return {}
    if kind == "active_days":
        return {"measure": {"active_days": True, **({"zone": ledger.zone} if ledger.zone != "UTC" else {})}}
    return {"measure": {kind: of}}


def _bounds(node: dict[str, Any]) -> dict[str, Any] | None:
    function, params = _function(node)
    bounds = [number(one) for one in params]
    if not bounds or None in bounds:
        return None
    if function == "between" and len(bounds) == 2:
        return {"between": bounds}
    return {_BOUNDS[function]: bounds[0]} if function in _BOUNDS else None


def _event(ledger: Ledger, node: dict[str, Any], path: Path, sign: int) -> Said:
    measure, times, window = _measure(ledger, node, path), _bounds(node), _window(ledger, node, path)
    if measure is None:
        return sign < 0
    if times is None or window is None:
        return ledger.lost(path, "event_rule", "its bound or its time is not understood", sign)
    never = not measure and times in ({"eq": 0}, {"lt": 1}, {"lte": 0})
    counted = not measure and direction(times) > 0
    sign_of_filters = -sign if never else sign if counted else 0
    either = _filters(ledger, node.get("filters"), (*path, "filters"), sign_of_filters)
    if either is None:
        return sign < 0
    given = node.get("measure")
    event = ledger.event(text(given.get("event_name")) if isinstance(given, dict) else "")
    dids = [{"did": event, **({"where": terms} if terms else {}), **window} for terms in either]
    if never:
        return negate(any_of(dids))
    if len(dids) > 1:
        if times != {"gte": 1} or measure:
            why = "filters that hold one for the other can be said of doing it at least once only"
            return ledger.lost((*path, "filters"), "or", why, sign)
        return any_of(dids)
    whole = {**dids[0], **measure, "times": times}
    some = direction(times) > 0 and all(
        bound > 0 or (operator == "gt" and bound == 0) for operator, bound in times.items()
    )
    if some or measure.get("measure", {}).keys() & {"avg", "min", "max"}:
        return whole
    # those who never did it were never measured there
    return all_of([dids[0], whole])


def _sequence(ledger: Ledger, node: dict[str, Any], path: Path, sign: int) -> Said:
    window = _window(ledger, node, path)
    if window is None or not set(window) <= {"within"}:
        return ledger.lost(path, "event_sequence_rule", "a sequence reaches back from now, by one length", sign)
    steps = []
    for place, one in enumerate(objects(node.get("steps"))):
        either = _filters(ledger, one.get("filters"), (*path, "steps", place, "filters"), sign)
        if either is None:
            return sign < 0
        if len(either) != 1:
            return ledger.lost((*path, "steps", place), "or", "the filters of a step all hold", sign)
        steps.append({"event": ledger.event(text(one.get("event"))), **({"where": either[0]} if either[0] else {})})
    if len(steps) < 2:
        return ledger.lost(path, "steps", "a sequence has at least two steps", sign)
    return {"sequence": steps, **window}
