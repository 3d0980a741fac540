"""Reads segments of Apache Unomi: a tree of conditions, each a type with parameter values."""

from __future__ import annotations

import re
from typing import Any

from services.segment.rules.imports.carry import (
    MAX_DAYS,
    Ledger,
    Path,
    Said,
    Test,
    all_of,
    any_of,
    days,
    moment,
    negate,
    objects,
    one_of,
    shifted,
    text,
    trait,
    where,
)

MANY = 2_147_483_647
"""Unomi's own maximum when none is given."""

_NUMBERS = {
    "equals": "eq",
    "greaterThan": "gt",
    "greaterThanOrEqualTo": "gte",
    "lessThan": "lt",
    "lessThanOrEqualTo": "lte",
}


def read(ledger: Ledger, body: dict[str, Any]) -> Said:
    """The rule of a segment (`metadata` and `condition`), or of a condition alone."""
    if "condition" in body:
        return condition(ledger, body["condition"], ("condition",), 1)
    return condition(ledger, body, (), 1)


def name(body: dict[str, Any]) -> tuple[str, str]:
    """Key and name of a segment, as far as they are there."""
    about = body.get("metadata")
    if not isinstance(about, dict):
        return "", ""
    return text(about.get("id")), text(about.get("name"))


def condition(ledger: Ledger, node: Any, path: Path, sign: int) -> Said:
    """One condition; what is below a `not` has the other sign."""
    ledger.step()
    kind = text(node.get("type")) if isinstance(node, dict) else ""
    given = node.get("parameterValues") if isinstance(node, dict) else None
    given = given if isinstance(given, dict) else {}
    here = (*path, "parameterValues")
    if kind == "booleanCondition":
        parts = [
            condition(ledger, one, (*here, "subConditions", place), sign)
            for place, one in enumerate(objects(given.get("subConditions")))
        ]
        return any_of(parts) if given.get("operator") == "or" else all_of(parts)
    if kind == "notCondition":
        return negate(condition(ledger, given.get("subCondition"), (*here, "subCondition"), -sign))
    if kind == "matchAllCondition":
        return True
    if kind == "profilePropertyCondition":
        return _property(ledger, given, here, sign)
    if kind == "pastEventCondition":
        return _past(ledger, given, here, sign)
    if kind in ("profileSegmentCondition", "profileUserListCondition"):
        return _members(ledger, given, "segments" if kind == "profileSegmentCondition" else "lists", here, sign)
    if kind == "scoringCondition":
        return _score(ledger, given, here, sign)
    return ledger.lost(path, kind or "condition", "no rule of ours asks for this", sign)


def _members(ledger: Ledger, given: dict[str, Any], field: str, path: Path, sign: int) -> Said:
    wanted = given.get(field)
    keys = [one for one in wanted if isinstance(one, str)] if isinstance(wanted, list) else []
    match = given.get("matchType", "in")
    if not keys or match not in ("in", "notIn", "all"):
        return ledger.lost(path, field, "the segments or the way they match are not understood", sign)
    nodes = [ledger.in_segment(one) for one in keys]
    return all_of(nodes) if match == "all" else any_of(nodes) if match == "in" else negate(any_of(nodes))


def _score(ledger: Ledger, given: dict[str, Any], path: Path, sign: int) -> Said:
    plan, bound = text(given.get("scoringPlanId")), given.get("scoreValue")
    operator = _NUMBERS.get(text(given.get("comparisonOperator")))
    if not plan or operator is None or not isinstance(bound, int | float):
        return ledger.lost(path, "scoringCondition", "the plan, the operator or the value is not understood", sign)
    return {"score": plan, operator: bound}


def _property(ledger: Ledger, given: dict[str, Any], path: Path, sign: int) -> Said:
    field = text(given.get("propertyName"))
    consent = re.fullmatch(r"consents\.(.+)\.status", field)
    if consent and given.get("comparisonOperator") == "equals":
        status = given.get("propertyValue")
        if status in ("GRANTED", "DENIED", "REVOKED"):
            return {"consent": consent[1]} if status == "GRANTED" else {"consent": consent[1], "is": False}
    score = re.fullmatch(r"scores\.(.+)", field)
    test = _test(ledger, given, path, sign)
    if isinstance(test, bool):
        return test
    if score and not test.inverted and len(test.terms) == 1:
        return {"score": score[1], **test.terms[0]}
    if field.startswith("properties."):
        return trait(ledger, path, field.removeprefix("properties."), test, sign)
    return ledger.lost(
        path, field or "propertyName", "only properties, scores and consents of a profile are here", sign
    )


def _values(given: dict[str, Any], zone: str) -> tuple[list[Any], str]:
    """The values of a comparison, and whether they are plain ones, dates, or expressions such as now-30d."""
    for suffix in ("", "Integer", "Double", "Date", "DateExpr"):
        for field in (f"propertyValue{suffix}", f"propertyValues{suffix}"):
            if given.get(field) is not None:
                found = given[field] if isinstance(given[field], list) else [given[field]]
                if suffix == "Date":
                    return [moment(one, zone) for one in found], "date"
                return found, "expression" if suffix == "DateExpr" else "plain"
    return [], "plain"


def _test(ledger: Ledger, given: dict[str, Any], path: Path, sign: int) -> Test | bool:
    operator = text(given.get("comparisonOperator"))
    found, kind = _values(given, ledger.zone)
    if operator in ("exists", "missing"):
        return Test(({"exists": operator == "exists"},))
    if not found or any(one is None for one in found):
        return ledger.lost(path, operator or "comparisonOperator", "its value is not understood", sign) is True
    test = _dates(operator, found, kind, ledger.zone) if kind != "plain" else _plain(operator, found)
    if test is None:
        return ledger.lost(path, operator, "no comparison of ours does this", sign) is True
    return test


def _plain(operator: str, found: list[Any]) -> Test | None:
    first = found[0]
    known: dict[str, Test] = {
        "equals": Test(({"eq": first},)),
        "notEquals": Test(({"eq": first},), inverted=True),
        "contains": Test(({"contains": first},)),
        "startsWith": Test(({"starts_with": first},)),
        "in": one_of(found),
        "notIn": Test(one_of(found).terms, inverted=True),
        "all": Test(tuple({"contains": one} for one in found)),
        "hasSomeOf": Test(tuple({"contains": one} for one in found), either=True),
        "hasNoneOf": Test(tuple({"contains": one} for one in found), either=True, inverted=True),
        "inContains": Test(tuple({"contains": one} for one in found), either=True),
        "notContains": Test(({"contains": first},), inverted=True, present=True),
    }
    if operator in _NUMBERS and operator != "equals":
        return Test(({_NUMBERS[operator]: first},)) if isinstance(first, int | float) else None
    if operator == "between":
        both = len(found) == 2 and all(isinstance(one, int | float) for one in found)
        return Test(({"between": found},)) if both else None
    return known.get(operator)


def _dates(operator: str, found: list[Any], kind: str, zone: str) -> Test | None:
    if kind == "expression":
        ago = re.fullmatch(r"now-([0-9]+)d(?:/d)?", text(found[0]))
        length = days(int(ago[1])) if ago else None
        if length is None or operator not in ("greaterThan", "greaterThanOrEqualTo"):
            return None
        return Test(({"within": length}, {"within_next": MAX_DAYS}), either=True)
    first, last = found[0], found[-1]
    since, until = shifted(first, -1), shifted(first, 1)
    day, night = first[:10], shifted(first, 86_400_000_000)[:10]
    known = {
        "greaterThan": Test(({"after": first},)),
        "lessThan": Test(({"before": first},)),
        "greaterThanOrEqualTo": Test(({"after": since},)),
        "lessThanOrEqualTo": Test(({"before": until},)),
        "equals": Test(({"after": since}, {"before": until})),
        "between": Test(({"after": since}, {"before": shifted(last, 1)})),
        "isDay": Test(({"after": shifted(f"{day}T00:00:00Z", -1)}, {"before": night})),
        "isNotDay": Test(({"after": shifted(f"{day}T00:00:00Z", -1)}, {"before": night}), inverted=True, present=True),
    }
    return known.get(operator)


def _past(ledger: Ledger, given: dict[str, Any], path: Path, sign: int) -> Said:
    least, most = given.get("minimumEventCount", 1), given.get("maximumEventCount", MANY)
    never = given.get("operator") == "eventsNotOccurred"
    if not isinstance(least, int) or not isinstance(most, int):
        return ledger.lost(path, "minimumEventCount", "a count is a whole number", sign)
    times = {"gte": 1} if never else {"gte": max(1, least)} | ({"lte": most} if most < MANY else {})
    inside = -sign if never else sign
    did = _event(ledger, given.get("eventCondition"), (*path, "eventCondition"), inside * ("lte" not in times))
    window = _window(ledger, given, path)
    if did is None or window is None:
        if window is None:
            ledger.note(path, "numberOfDays", "the time is not understood", "narrower", "nobody")
        return sign < 0
    node: dict[str, Any] = {**did, "times": times, **window}
    return negate(node) if never else node


def _window(ledger: Ledger, given: dict[str, Any], path: Path) -> dict[str, Any] | None:
    if given.get("numberOfDays") is not None:
        length = days(given["numberOfDays"])
        return {"within": length} if length else None
    window = {}
    for field, ours in (("fromDate", "from"), ("toDate", "to")):
        if given.get(field) is not None:
            at = moment(given[field], ledger.zone)
            if at is None:
                return None
            window[ours] = at if ours == "from" else shifted(at, 1)
    return window


def _event(ledger: Ledger, node: Any, path: Path, sign: int) -> dict[str, Any] | None:
    """The event and its filters: an event type, alone or together with conditions on properties of the event."""
    parts = [(node, path)]
    if isinstance(node, dict) and node.get("type") == "booleanCondition":
        given = node.get("parameterValues")
        inside = objects(given.get("subConditions")) if isinstance(given, dict) else []
        if not isinstance(given, dict) or given.get("operator") == "or":
            ledger.note(path, "or", "an event's filters all hold", "narrower", "nobody")
            return None
        parts = [(one, (*path, "parameterValues", "subConditions", place)) for place, one in enumerate(inside)]
    event, filters = "", []
    for one, here in parts:
        kind = text(one.get("type")) if isinstance(one, dict) else ""
        given = one.get("parameterValues") if isinstance(one, dict) else None
        given = given if isinstance(given, dict) else {}
        if kind == "eventTypeCondition":
            event = text(given.get("eventTypeId"))
            continue
        field = text(given.get("propertyName"))
        if kind != "eventPropertyCondition" or not re.match(r"(target\.)?properties\.", field):
            ledger.note(here, kind or "eventCondition", "no filter of ours asks for this", "narrower", "nobody")
            return None
        test = _test(ledger, given, (*here, "parameterValues"), 1)
        asked = re.sub(r"^(target\.)?properties\.", "", field)
        terms = where(ledger, here, asked, None if isinstance(test, bool) else test, sign)
        if terms is None:
            return None
        filters += terms
    if not event:
        ledger.note(path, "eventCondition", "it names no event type", "narrower", "nobody")
        return None
    return {"did": ledger.event(event), **({"where": filters} if filters else {})}
