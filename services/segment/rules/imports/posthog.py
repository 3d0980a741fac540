"""Reads cohorts of PostHog: groups of leaves, each discriminated by type and value, each with its own negation."""

from __future__ import annotations

import re
from typing import Any

from services.segment.rules.imports.carry import (
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
    seconds,
    shifted,
    text,
    trait,
    where,
)

_INTERVALS = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 30 * 86_400, "year": 365 * 86_400}
_LETTERS = {"h": "hour", "d": "day", "w": "week", "m": "month", "y": "year"}
_COUNTS = {"gte": "gte", "lte": "lte", "gt": "gt", "lt": "lt", "eq": "eq", "exact": "eq"}
_CASE = "case matters here, and did not there"
_YEARS = 3660
"""Days that a window of ours reaches back at most."""


def read(ledger: Ledger, body: dict[str, Any]) -> Said:
    """The rule of a cohort, or of its filters alone."""
    if body.get("is_static"):
        return ledger.lost(("is_static",), "static cohort", "bring its members as the CSV of a static list", 1)
    if body.get("query"):
        return ledger.lost(("query",), "query", "a query in HogQL cannot be read", 1)
    path: Path = ()
    for field in ("filters", "properties"):
        if isinstance(body.get(field), dict):
            body, path = body[field], (*path, field)
    return _node(ledger, body, path, 1)


def name(body: dict[str, Any]) -> tuple[str, str]:
    """Key and name of a cohort, as far as they are there: others refer to it by its number."""
    known = isinstance(body.get("id"), int)
    return f"cohort-{body['id']}" if known else text(body.get("name")), text(body.get("name"))


def _node(ledger: Ledger, node: Any, path: Path, sign: int) -> Said:
    ledger.step()
    if not isinstance(node, dict):
        return ledger.lost(path, "filter", "it is not an object", sign)
    if isinstance(node.get("values"), list):
        parts = [_node(ledger, one, (*path, "values", place), sign) for place, one in enumerate(node["values"])]
        if not parts:
            return ledger.lost(path, "values", "the group is empty", sign)
        return any_of(parts) if node.get("type") == "OR" else all_of(parts)
    negated = node.get("negation") is True
    said = _leaf(ledger, node, path, -sign if negated else sign)
    return negate(said) if negated else said


def _leaf(ledger: Ledger, node: dict[str, Any], path: Path, sign: int) -> Said:
    kind = text(node.get("type"))
    if kind == "person":
        test = _test(ledger, node, path)
        return sign < 0 if test is None else trait(ledger, path, text(node.get("key")), test, sign)
    if kind in ("cohort", "static-cohort", "dynamic-cohort", "precalculated-cohort"):
        wanted = node.get("value")
        numbers = wanted if isinstance(wanted, list) else [wanted]
        return any_of([ledger.in_segment(f"cohort-{one}") for one in numbers])
    if kind == "behavioral":
        return _behaviour(ledger, node, path, sign)
    return ledger.lost(path, kind or "type", "no rule of ours asks for this", sign)


def _alike(value: Any) -> list[Any]:
    """The values equal to one of theirs, which are compared as text: "18" is 18, "true" is true."""
    if isinstance(value, str):
        if value.lower() in ("true", "false"):
            return [value, value.lower() == "true"]
        found = number(value)
        return [value] if found is None or str(found) != value else [value, found]
    if isinstance(value, bool):
        return [value, "true" if value else "false"]
    return [value, str(value)]


def _test(ledger: Ledger, node: dict[str, Any], path: Path) -> Test | None:
    operator, value = text(node.get("operator")) or "exact", node.get("value")
    listed = value if isinstance(value, list) else [value]
    if not listed or any(isinstance(one, dict | list) for one in listed):
        ledger.note(path, operator, "it is compared with nothing, or with no plain value", "narrower", "nobody")
        return None
    if operator in ("is_set", "is_not_set"):
        return Test(({"exists": operator == "is_set"},))
    if operator in ("exact", "in", "is_not", "not_in") and value is not None:
        choices = list({(type(one), one): one for each in listed for one in _alike(each)}.values())
        term = {"eq": choices[0]} if len(choices) == 1 else {"in": choices}
        return Test((term,), inverted=operator in ("is_not", "not_in"))
    if operator in ("icontains", "not_icontains") and all(isinstance(one, str) and one for one in listed):
        terms = tuple({"contains": one} for one in listed)
        return Test(terms, either=True, inverted=operator == "not_icontains", loose=_CASE)
    bound = number(listed[0])
    if operator in ("gt", "gte", "lt", "lte", "min", "max") and bound is not None:
        return Test(({{"min": "gte", "max": "lte"}.get(operator, operator): bound},))
    if operator in ("is_date_before", "is_date_after", "is_date_exact") and (
        test := _date(ledger, operator, listed[0], path)
    ):
        return test
    ledger.note(path, operator, "no comparison of ours does this, or not with this value", "narrower", "nobody")
    return None


def _date(ledger: Ledger, operator: str, value: Any, path: Path) -> Test | None:
    length = _ago(ledger, value, (*path, "value"))
    if length is not None:
        if operator != "is_date_after":
            return None
        return Test(({"within": length}, {"within_next": f"{_YEARS}d"}), either=True)
    at = moment(value, ledger.zone)
    if at is None:
        return None
    if operator == "is_date_exact":
        return Test(({"after": shifted(at, -1)}, {"before": shifted(at, 1)}))
    return Test(({"before" if operator == "is_date_before" else "after": at},))


def _ago(ledger: Ledger, value: Any, path: Path) -> str | None:
    """A relative date such as -30d as a duration."""
    found = re.fullmatch(r"-([0-9]{1,6})([hdwmy])", text(value))
    if found and found[2] in "my":
        ledger.fixed(path, found[0])
    return seconds(int(found[1]) * _INTERVALS[_LETTERS[found[2]]]) if found else None


def _span(ledger: Ledger, node: dict[str, Any], path: Path, prefix: str = "") -> int | None:
    """Seconds of `time_value` and `time_interval`, or of those of the sequence."""
    amount, interval = number(node.get(f"{prefix}time_value")), text(node.get(f"{prefix}time_interval"))
    if not isinstance(amount, int) or amount < 1 or interval not in _INTERVALS:
        return None
    if interval in ("month", "year"):
        ledger.fixed((*path, f"{prefix}time_interval"), f"{amount} {interval}")
    return amount * _INTERVALS[interval]


def _event(
    ledger: Ledger, node: dict[str, Any], path: Path, sign: int, prefix: str = ""
) -> tuple[str, dict[str, Any]] | None:
    """An event and its filters."""
    key = "seq_event" if prefix else "key"
    if node.get(f"{prefix}event_type", "events") != "events" or not isinstance(node.get(key), str):
        ledger.note((*path, f"{prefix}event_type"), "action", "an action is not one event", "narrower", "nobody")
        return None
    terms: list[dict[str, Any]] = []
    for place, one in enumerate(objects(node.get(f"{prefix}event_filters"))):
        here = (*path, f"{prefix}event_filters", place)
        if one.get("type", "event") != "event":
            ledger.note(here, text(one.get("type")), "only properties of the event are here", "narrower", "nobody")
            return None
        found = where(ledger, here, text(one.get("key")), _test(ledger, one, here), sign)
        if found is None:
            return None
        terms += found
    return ledger.event(node[key]), {"where": terms} if terms else {}


def _window(ledger: Ledger, node: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """When, for an event performed so often."""
    if node.get("explicit_datetime") is not None:
        since, until = node["explicit_datetime"], node.get("explicit_datetime_to")
        length, near = (_ago(ledger, one, (*path, "explicit_datetime")) for one in (since, until))
        if length is not None:
            return {"within": length} if until is None else {"between": [length, near]} if near else None
        begin, end = moment(since, ledger.zone), moment(until, ledger.zone)
        if begin is None or (until is not None and end is None):
            return None
        return {"from": begin, **({"to": end} if end else {})}
    whole = _span(ledger, node, path)
    length = seconds(whole) if whole else None
    return {"within": length} if length else None


def _behaviour(ledger: Ledger, node: dict[str, Any], path: Path, sign: int) -> Said:
    kind = text(node.get("value"))
    if kind in ("performed_event", "performed_event_multiple"):
        return _performed(ledger, node, path, sign)
    # of the others more events can also end what fewer began, so their filters must be exact
    exact = 0 if kind != "performed_event_regularly" else sign
    found = _event(ledger, node, path, sign if kind == "performed_event_sequence" else exact)
    if found is None:
        return sign < 0
    event, filters = found
    whole, part = _span(ledger, node, path), _span(ledger, node, path, "seq_")
    if kind == "performed_event_first_time" and whole and (length := seconds(whole)):
        return {"first": event, **filters, "within": length}
    if kind == "performed_event_regularly":
        return _regularly(ledger, node, path, sign, {"regularly": event, **filters})
    if kind == "performed_event_sequence" and whole and part and (length := seconds(whole)):
        second = _event(ledger, node, path, sign, "seq_")
        if second is None:
            return sign < 0
        steps = [{"event": event, **filters}, {"event": second[0], **second[1]}]
        return {"sequence": steps, "within": length, "gap": seconds(part)}
    if kind in ("stopped_performing_event", "restarted_performing_event") and whole and part and whole > part:
        between, recent = seconds(whole - part), seconds(part)
        if kind == "stopped_performing_event":
            return {"stopped": event, **filters, "quiet": recent, "before": between}
        return _restarted(ledger, path, sign, {"restarted": event, **filters, "recent": recent, "quiet": between})
    return ledger.lost(path, kind or "value", "no rule of ours asks for this, or its times are not understood", sign)


def _restarted(ledger: Ledger, path: Path, sign: int, node: dict[str, Any]) -> Said:
    reason = "who did it only more than ten years before is not found"
    if sign < 0:
        return ledger.lost(path, "restarted_performing_event", reason, sign)
    node["before"] = f"{_YEARS}d"
    ledger.note(path, "restarted_performing_event", reason, "narrower", {"before": node["before"]})
    return node


def _regularly(ledger: Ledger, node: dict[str, Any], path: Path, sign: int, said: dict[str, Any]) -> Said:
    every = _span(ledger, node, path)
    periods, least = number(node.get("total_periods")), number(node.get("min_periods"))
    often = number(node.get("operator_value", 1))
    if (node.get("operator") or "gte") != "gte" or often != 1:
        return ledger.lost(path, "operator_value", "a period counts here when there is at least one event in it", sign)
    if not every or not isinstance(periods, int) or not isinstance(least, int):
        return ledger.lost(path, "performed_event_regularly", "its periods are not understood", sign)
    return {**said, "every": seconds(every), "periods": periods, "at_least": least}


def _performed(ledger: Ledger, node: dict[str, Any], path: Path, sign: int) -> Said:
    times: dict[str, Any] = {"gte": 1}
    if node.get("value") == "performed_event_multiple":
        operator, often = _COUNTS.get(text(node.get("operator"))), number(node.get("operator_value"))
        if operator is None or not isinstance(often, int) or often < 0:
            return ledger.lost(path, "operator_value", "how often is not understood", sign)
        # those who never did it were never counted there
        times = {operator: often} if operator in ("gte", "gt") and often else {"gte": 1, operator: often}
        if operator == "gte" and not often:
            times = {"gte": 1}
    found = _event(ledger, node, path, sign * direction(times))
    window = _window(ledger, node, path)
    if window is None:
        return ledger.lost(path, "time_value", "the time is not understood", sign)
    if found is None:
        return sign < 0
    return {"did": found[0], **found[1], "times": times, **window}
