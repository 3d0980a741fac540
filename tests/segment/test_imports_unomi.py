"""Segments of Apache Unomi come in: each of their shapes, and what it becomes."""

from __future__ import annotations

from typing import Any

import pytest

from services.segment.rules import imports
from services.segment.rules.imports import Carried
from services.segment.rules.imports.carry import EVERYBODY
from tests.segment.foreign import NOON, UNOMI, effects, property_, rule_of


def test_a_segment_of_unomi() -> None:
    carried = imports.read("unomi", UNOMI, renamed={"view": "Content Opened"})
    assert rule_of(carried) == {
        "all": [
            {"trait": "p", "gte": 20},
            {
                "did": "Content Opened",
                "where": [{"property": "kind", "eq": "anime"}],
                "times": {"gte": 3, "lte": 100},
                "within": "30d",
            },
            {"not": {"in_segment": "vip-users"}},
        ]
    }
    assert (carried.key, carried.name, carried.notes) == ("active-fans", "Active fans", ())
    assert (carried.events, carried.segments) == (("Content Opened",), ("vip-users",))


DAY = {"after": "2026-01-30T23:59:59.999999Z", "before": "2026-02-01"}


@pytest.mark.parametrize(
    ("operator", "given", "expected"),
    [
        ("equals", {"propertyValue": "a"}, {"trait": "p", "eq": "a"}),
        ("notEquals", {"propertyValue": "a"}, {"not": {"trait": "p", "eq": "a"}}),
        ("greaterThan", {"propertyValueDouble": 1.5}, {"trait": "p", "gt": 1.5}),
        ("lessThan", {"propertyValueInteger": 2}, {"trait": "p", "lt": 2}),
        ("lessThanOrEqualTo", {"propertyValueInteger": 2}, {"trait": "p", "lte": 2}),
        ("between", {"propertyValuesInteger": [1, 9]}, {"trait": "p", "between": [1, 9]}),
        ("exists", {}, {"trait": "p", "exists": True}),
        ("missing", {}, {"trait": "p", "exists": False}),
        ("contains", {"propertyValue": "a"}, {"trait": "p", "contains": "a"}),
        (
            "notContains",
            {"propertyValue": "a"},
            {"all": [{"trait": "p", "exists": True}, {"not": {"trait": "p", "contains": "a"}}]},
        ),
        ("startsWith", {"propertyValue": "a"}, {"trait": "p", "starts_with": "a"}),
        ("in", {"propertyValues": ["a", "b"]}, {"trait": "p", "in": ["a", "b"]}),
        ("notIn", {"propertyValues": ["a", "b"]}, {"not": {"trait": "p", "in": ["a", "b"]}}),
        (
            "all",
            {"propertyValues": ["a", "b"]},
            {"all": [{"trait": "p", "contains": "a"}, {"trait": "p", "contains": "b"}]},
        ),
        (
            "hasSomeOf",
            {"propertyValues": ["a", "b"]},
            {"any": [{"trait": "p", "contains": "a"}, {"trait": "p", "contains": "b"}]},
        ),
        (
            "hasNoneOf",
            {"propertyValues": ["a", "b"]},
            {"not": {"any": [{"trait": "p", "contains": "a"}, {"trait": "p", "contains": "b"}]}},
        ),
        ("inContains", {"propertyValues": ["a"]}, {"trait": "p", "contains": "a"}),
        ("greaterThan", {"propertyValueDate": NOON}, {"trait": "p", "after": NOON}),
        ("lessThan", {"propertyValueDate": 1769860800000}, {"trait": "p", "before": NOON}),
        (
            "greaterThanOrEqualTo",
            {"propertyValueDate": NOON},
            {"trait": "p", "after": "2026-01-31T11:59:59.999999Z"},
        ),
        (
            "between",
            {"propertyValuesDate": [NOON, "2026-02-01"]},
            {
                "all": [
                    {"trait": "p", "after": "2026-01-31T11:59:59.999999Z"},
                    {"trait": "p", "before": "2026-02-01T00:00:00.000001Z"},
                ]
            },
        ),
        (
            "isDay",
            {"propertyValueDate": NOON},
            {"all": [{"trait": "p", "after": DAY["after"]}, {"trait": "p", "before": DAY["before"]}]},
        ),
        (
            "greaterThan",
            {"propertyValueDateExpr": "now-30d"},
            {"any": [{"trait": "p", "within": "30d"}, {"trait": "p", "within_next": "3660d"}]},
        ),
    ],
)
def test_operators_of_unomi(operator: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    carried = imports.read("unomi", property_(operator, **given))
    assert rule_of(carried) == expected
    assert carried.notes == ()


@pytest.mark.parametrize("operator", ["endsWith", "matchesRegex", "distance", "unheard"])
def test_an_operator_without_an_equal_refuses_alone_and_narrows_in_company(operator: str) -> None:
    lost = property_(operator, propertyValue="x")
    kept = property_("equals", propertyValue="a")
    assert (rule_of(imports.read("unomi", lost)), effects(imports.read("unomi", lost))) == (None, ["refused"])

    def group(kind: str, *conditions: Any) -> Carried:
        values = {"operator": kind, "subConditions": list(conditions)}
        return imports.read("unomi", {"condition": {"type": "booleanCondition", "parameterValues": values}})

    either = group("or", kept, lost)
    assert rule_of(either) == {"trait": "p", "eq": "a"}
    assert effects(either) == ["narrower"]
    assert either.notes[0].path == "condition.parameterValues.subConditions[1].parameterValues"
    assert rule_of(group("and", kept, lost)) is None
    without = {"type": "notCondition", "parameterValues": {"subCondition": lost}}
    assert rule_of(group("and", kept, without)) is None, "not of everybody is nobody"
    both = {"type": "booleanCondition", "parameterValues": {"operator": "and", "subConditions": [kept, lost]}}
    inside = {"type": "notCondition", "parameterValues": {"subCondition": both}}
    assert rule_of(group("and", kept, inside)) == {
        "all": [{"trait": "p", "eq": "a"}, {"not": {"trait": "p", "eq": "a"}}]
    }


def unomi_leaf(kind: str, **given: Any) -> Carried:
    return imports.read("unomi", {"type": kind, "parameterValues": given})


def test_other_conditions_of_unomi() -> None:
    event = {"type": "eventTypeCondition", "parameterValues": {"eventTypeId": "view"}}
    never = unomi_leaf("pastEventCondition", eventCondition=event, operator="eventsNotOccurred", numberOfDays=7)
    assert rule_of(never) == {"not": {"did": "view", "times": {"gte": 1}, "within": "7d"}}
    absolute = unomi_leaf(
        "pastEventCondition", eventCondition=event, fromDate="2026-01-01", toDate=NOON, minimumEventCount=0
    )
    assert rule_of(absolute) == {
        "did": "view",
        "times": {"gte": 1},
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-31T12:00:00.000001Z",
    }
    score = unomi_leaf("scoringCondition", scoringPlanId="churn", comparisonOperator="greaterThan", scoreValue=5)
    assert rule_of(score) == {"score": "churn", "gt": 5}
    lists = unomi_leaf("profileUserListCondition", lists=["a", "b"], matchType="notIn")
    assert rule_of(lists) == {"not": {"any": [{"in_segment": "a"}, {"in_segment": "b"}]}}
    assert rule_of(unomi_leaf("matchAllCondition")) == EVERYBODY
    email = unomi_leaf("profilePropertyCondition", propertyName="properties.email", comparisonOperator="missing")
    assert rule_of(email) == {"not": {"has": "email"}}
    consent = unomi_leaf(
        "profilePropertyCondition",
        propertyName="consents.news.status",
        comparisonOperator="equals",
        propertyValue="DENIED",
    )
    assert rule_of(consent) == {"consent": "news", "is": False}
    for kind in (
        "goalMatchCondition",
        "geoLocationSessionCondition",
        "sessionPropertyCondition",
        "newVisitorCondition",
    ):
        assert rule_of(unomi_leaf(kind)) is None
    either = {"type": "booleanCondition", "parameterValues": {"operator": "or", "subConditions": [event, event]}}
    assert rule_of(unomi_leaf("pastEventCondition", eventCondition=either)) is None
