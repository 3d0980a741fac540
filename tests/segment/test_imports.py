"""Rules of other systems come in: each of their shapes, what it becomes, and what is said of what cannot come."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

import pytest

from services.segment.rules import imports
from services.segment.rules.imports import Carried, System
from services.segment.rules.imports.carry import EVERYBODY
from services.segment.schemas.rule import plain
from tests.harness.houses import Running


def rule_of(carried: Carried) -> Any:
    return None if carried.rule is None else plain(carried.rule)


def effects(carried: Carried) -> list[str]:
    return [note.effect for note in carried.notes]


def property_(operator: str, **given: Any) -> dict[str, Any]:
    return {
        "type": "profilePropertyCondition",
        "parameterValues": {"propertyName": "properties.p", "comparisonOperator": operator, **given},
    }


UNOMI = {
    "metadata": {"id": "active_fans", "name": "Active fans", "scope": "mysite", "enabled": True},
    "condition": {
        "type": "booleanCondition",
        "parameterValues": {
            "operator": "and",
            "subConditions": [
                property_("greaterThanOrEqualTo", propertyValueInteger=20),
                {
                    "type": "pastEventCondition",
                    "parameterValues": {
                        "eventCondition": {
                            "type": "booleanCondition",
                            "parameterValues": {
                                "operator": "and",
                                "subConditions": [
                                    {"type": "eventTypeCondition", "parameterValues": {"eventTypeId": "view"}},
                                    {
                                        "type": "eventPropertyCondition",
                                        "parameterValues": {
                                            "propertyName": "target.properties.kind",
                                            "comparisonOperator": "equals",
                                            "propertyValue": "anime",
                                        },
                                    },
                                ],
                            },
                        },
                        "operator": "eventsOccurred",
                        "numberOfDays": 30,
                        "minimumEventCount": 3,
                        "maximumEventCount": 100,
                    },
                },
                {
                    "type": "notCondition",
                    "parameterValues": {
                        "subCondition": {
                            "type": "profileSegmentCondition",
                            "parameterValues": {"segments": ["vip_users"], "matchType": "in"},
                        }
                    },
                },
            ],
        },
    },
}


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
NOON = "2026-01-31T12:00:00Z"


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


def dittofeed(*nodes: dict[str, Any], kind: str = "And") -> Carried:
    numbered = [{"id": str(place), **node} for place, node in enumerate(nodes, 2)]
    entry = {"type": kind, "id": "1", "children": [node["id"] for node in numbered]}
    return imports.read("dittofeed", {"name": "Vip now", "definition": {"entryNode": entry, "nodes": numbered}})


def test_a_segment_of_dittofeed() -> None:
    carried = dittofeed(
        {"type": "Trait", "path": "plan", "operator": {"type": "Equals", "value": "vip"}},
        {
            "type": "Performed",
            "event": "VIDEO_WATCHED",
            "times": 3,
            "timesOperator": ">=",
            "timeOperator": "Within",
            "withinSeconds": 604800,
            "properties": [{"path": "category", "operator": {"type": "Equals", "value": "anime"}}],
        },
        {
            "type": "LastPerformed",
            "event": "SUBSCRIPTION_CHANGE",
            "whereProperties": [{"path": "group", "operator": {"type": "Equals", "value": "news"}}],
            "hasProperties": [{"path": "action", "operator": {"type": "NotEquals", "value": "Unsubscribe"}}],
        },
    )
    assert rule_of(carried) == {
        "all": [
            {"trait": "plan", "eq": "vip"},
            {
                "did": "VIDEO_WATCHED",
                "where": [{"property": "category", "eq": "anime"}],
                "times": {"gte": 3},
                "within": "7d",
            },
            {
                "last": "SUBSCRIPTION_CHANGE",
                "where": [{"property": "group", "eq": "news"}],
                "having": [{"property": "action", "ne": "Unsubscribe"}],
            },
        ]
    }
    assert (carried.key, effects(carried)) == ("vip-now", ["narrower"])
    assert carried.notes[0].path == "definition.nodes[2].hasProperties[0]"


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ({"type": "Equals", "value": 3}, {"trait": "p", "eq": 3}),
        ({"type": "NotEquals", "value": "x"}, {"not": {"trait": "p", "eq": "x"}}),
        ({"type": "Exists"}, {"trait": "p", "exists": True}),
        ({"type": "NotExists"}, {"trait": "p", "exists": False}),
        ({"type": "GreaterThanOrEqual", "value": 3}, {"trait": "p", "gte": 3}),
        ({"type": "LessThan", "value": "3"}, {"trait": "p", "lt": 3}),
        ({"type": "Within", "windowSeconds": 90}, {"trait": "p", "within": "90s"}),
        (
            {"type": "AbsoluteTimestamp", "absoluteTimestamp": NOON, "direction": "before"},
            {"trait": "p", "before": NOON},
        ),
        (
            {"type": "HasBeen", "comparator": "GTE", "value": "vip", "windowSeconds": 86400},
            {"has_been": {"trait": "p", "eq": "vip"}, "for": "1d"},
        ),
        (
            {"type": "HasBeen", "comparator": "LT", "value": "vip", "windowSeconds": 3600},
            {"all": [{"trait": "p", "eq": "vip"}, {"not": {"has_been": {"trait": "p", "eq": "vip"}, "for": "1h"}}]},
        ),
    ],
)
def test_operators_of_dittofeed(operator: dict[str, Any], expected: dict[str, Any]) -> None:
    carried = dittofeed({"type": "Trait", "path": "$.p", "operator": operator})
    assert (rule_of(carried), carried.notes) == (expected, ())


def test_other_nodes_of_dittofeed() -> None:
    exactly = dittofeed({"type": "Performed", "event": "e"})
    assert rule_of(exactly) == {"did": "e", "times": {"eq": 1}}, "their own default is exactly once"
    none = dittofeed({"type": "Performed", "event": "e", "times": 0, "timesOperator": "="})
    assert rule_of(none) == {"did": "e", "times": {"eq": 0}}
    assert rule_of(dittofeed({"type": "Includes", "path": "likes", "item": "a"})) == {"trait": "likes", "contains": "a"}
    share = dittofeed({"type": "RandomBucket", "percent": 0.25})
    assert rule_of(share) == {"bucket": {"salt": "2", "from": 0.0, "to": 0.25}}
    assert effects(share) == ["changed"]
    everyone = imports.read("dittofeed", {"entryNode": {"type": "Everyone", "id": "1"}, "nodes": []})
    assert rule_of(everyone) == EVERYBODY
    for kind in ("Email", "Broadcast", "SubscriptionGroup", "KeyedPerformed", "Manual", "Unheard"):
        assert (rule_of(dittofeed({"type": kind})), effects(dittofeed({"type": kind}))) == (None, ["refused"])
        beside = dittofeed({"type": kind}, {"type": "Performed", "event": "e"}, kind="Or")
        assert (rule_of(beside), effects(beside)) == ({"did": "e", "times": {"eq": 1}}, ["narrower"])
    lost = {"path": "x", "operator": {"type": "NotEquals", "value": "y"}}
    once = dittofeed({"type": "Performed", "event": "e", "timesOperator": "<", "times": 2, "properties": [lost]})
    assert rule_of(once) is None, "fewer matching events would make it wider"


def test_nodes_of_dittofeed_that_go_round_are_refused() -> None:
    entry = {"type": "Or", "id": "1", "children": ["1", "9"]}
    carried = imports.read("dittofeed", {"entryNode": entry, "nodes": [entry]})
    assert (rule_of(carried), set(effects(carried))) == (None, {"refused"})


def posthog(*leaves: dict[str, Any], kind: str = "AND") -> Carried:
    groups = {"type": "OR", "values": [{"type": kind, "values": list(leaves)}]}
    return imports.read("posthog", {"id": 17, "name": "Fans", "filters": {"properties": groups}, "is_static": False})


def behaviour(value: str, **more: Any) -> dict[str, Any]:
    whole = {"type": "behavioral", "value": value, "key": "e", "event_type": "events"}
    return {**whole, "time_value": 30, "time_interval": "day", **more}


def test_a_cohort_of_posthog() -> None:
    carried = posthog(
        behaviour(
            "performed_event_multiple",
            event_filters=[{"type": "event", "key": "$current_url", "operator": "icontains", "value": "/pricing"}],
            time_value=7,
            operator="gte",
            operator_value=3,
            negation=False,
        ),
        behaviour("performed_event_sequence", seq_event="b", seq_time_value=1, seq_time_interval="day"),
        {"type": "person", "key": "email", "operator": "is_set", "negation": False},
        {"type": "cohort", "key": "id", "value": 8814, "negation": True},
    )
    assert rule_of(carried) == {
        "all": [
            {
                "did": "e",
                "where": [{"property": "$current_url", "contains": "/pricing"}],
                "times": {"gte": 3},
                "within": "7d",
            },
            {"sequence": [{"event": "e"}, {"event": "b"}], "within": "30d", "gap": "1d"},
            {"has": "email"},
            {"not": {"in_segment": "cohort-8814"}},
        ]
    }
    assert (carried.key, carried.segments, effects(carried)) == ("cohort-17", ("cohort-8814",), ["narrower"])
    assert carried.notes[0].path == "filters.properties.values[0].values[0].event_filters[0]"


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (behaviour("performed_event"), {"did": "e", "times": {"gte": 1}, "within": "30d"}),
        (behaviour("performed_event", negation=True), {"not": {"did": "e", "times": {"gte": 1}, "within": "30d"}}),
        (
            behaviour("performed_event_multiple", operator="lte", operator_value=5),
            {"did": "e", "times": {"gte": 1, "lte": 5}, "within": "30d"},
        ),
        (
            behaviour("performed_event", explicit_datetime="-90d", explicit_datetime_to="-30d"),
            {"did": "e", "times": {"gte": 1}, "between": ["90d", "30d"]},
        ),
        (
            behaviour("performed_event", explicit_datetime="2026-01-01", explicit_datetime_to=NOON),
            {"did": "e", "times": {"gte": 1}, "from": "2026-01-01T00:00:00Z", "to": NOON},
        ),
        (behaviour("performed_event_first_time"), {"first": "e", "within": "30d"}),
        (
            behaviour("performed_event_regularly", time_value=1, time_interval="week", total_periods=4, min_periods=3),
            {"regularly": "e", "every": "7d", "periods": 4, "at_least": 3},
        ),
        (
            behaviour("stopped_performing_event", seq_time_value=1, seq_time_interval="week"),
            {"stopped": "e", "quiet": "7d", "before": "23d"},
        ),
    ],
)
def test_behaviour_of_posthog(leaf: dict[str, Any], expected: dict[str, Any]) -> None:
    carried = posthog(leaf)
    assert (rule_of(carried), carried.notes) == (expected, ())


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("exact", ["a"], {"trait": "p", "eq": "a"}),
        ("exact", ["a", "b"], {"trait": "p", "in": ["a", "b"]}),
        ("exact", "18", {"trait": "p", "in": ["18", 18]}),
        ("exact", ["true"], {"trait": "p", "in": ["true", True]}),
        ("is_not", ["a"], {"not": {"trait": "p", "eq": "a"}}),
        ("is_not_set", None, {"trait": "p", "exists": False}),
        ("gt", "18", {"trait": "p", "gt": 18}),
        ("lte", 2.5, {"trait": "p", "lte": 2.5}),
        ("is_date_before", NOON, {"trait": "p", "before": NOON}),
        ("is_date_after", "-3d", {"any": [{"trait": "p", "within": "3d"}, {"trait": "p", "within_next": "3660d"}]}),
    ],
)
def test_properties_of_persons_of_posthog(operator: str, value: Any, expected: dict[str, Any]) -> None:
    carried = posthog({"type": "person", "key": "p", "operator": operator, "value": value})
    assert (rule_of(carried), carried.notes) == (expected, ())


def test_what_posthog_has_and_we_have_not() -> None:
    case = {"type": "person", "key": "p", "operator": "icontains", "value": "a"}
    assert (rule_of(posthog(case)), effects(posthog(case))) == ({"trait": "p", "contains": "a"}, ["narrower"])
    against = {"type": "person", "key": "p", "operator": "not_icontains", "value": "a"}
    assert (rule_of(posthog(against)), effects(posthog(against))) == (None, ["refused"])
    assert rule_of(posthog({**case, "negation": True})) is None, "not containing a would let A in"
    assert rule_of(posthog({**against, "negation": True})) == {"trait": "p", "contains": "a"}
    restarted = posthog(behaviour("restarted_performing_event", seq_time_value=7, seq_time_interval="day"))
    assert rule_of(restarted) == {"restarted": "e", "recent": "7d", "quiet": "23d", "before": "3660d"}
    assert effects(restarted) == ["narrower"]
    for leaf in (
        behaviour("performed_event", event_type="actions", key=3),
        behaviour("performed_event", event_filters=[{"type": "hogql", "key": "1 = 1"}]),
        behaviour("performed_event_regularly", total_periods=4, min_periods=3, operator="gte", operator_value=2),
        {"type": "person", "key": "p", "operator": "regex", "value": "^a"},
        {"type": "person_metadata", "key": "first_seen", "operator": "is_set"},
    ):
        assert (rule_of(posthog(leaf)), effects(posthog(leaf))[-1]) == (None, "refused")
        assert rule_of(posthog(leaf, behaviour("performed_event"), kind="OR")) is not None
    assert rule_of(imports.read("posthog", {"is_static": True})) is None
    assert rule_of(imports.read("posthog", {"query": {"kind": "HogQLQuery"}})) is None


SENSORS = {
    "type": "rules_relation",
    "relation": "and",
    "rules": [
        {"type": "profile_rule", "field": "user.city", "function": "equal", "params": ["上海"]},
        {
            "type": "event_rule",
            "measure": {
                "type": "event_measure",
                "event_name": "PayOrder",
                "aggregator": "sum",
                "field": "event.PayOrder.amount",
            },
            "time_function": "relative_time",
            "time_params": ["30 day"],
            "function": "most",
            "params": [1000],
            "filters": [
                {"type": "filter", "field": "event.PayOrder.channel", "function": "equal", "params": ["app", "web"]}
            ],
        },
        {
            "type": "event_sequence_rule",
            "time_function": "relative_time",
            "time_params": ["7 day"],
            "steps": [{"event": "ViewVideo", "filters": []}, {"event": "Follow"}],
        },
    ],
}


def test_a_segment_of_sensors() -> None:
    carried = imports.read("sensors", {"name": "payers", "cname": "付费用户", "rule_content_list": [SENSORS]})
    paid = {"did": "PayOrder", "where": [{"property": "channel", "in": ["app", "web"]}], "within": "30d"}
    assert rule_of(carried) == {
        "all": [
            {"trait": "city", "eq": "上海"},
            {"all": [paid, {**paid, "measure": {"sum": "amount"}, "times": {"lte": 1000}}]},
            {"sequence": [{"event": "ViewVideo"}, {"event": "Follow"}], "within": "7d"},
        ]
    }
    assert (carried.key, carried.name, effects(carried)) == ("payers", "付费用户", ["changed", "changed"])


def event_rule(**more: Any) -> Carried:
    whole = {"type": "event_rule", "measure": {"event_name": "e", "aggregator": "general", "field": ""}}
    return imports.read("sensors", {**whole, "function": "least", "params": [2], **more})


def test_event_rules_of_sensors() -> None:
    assert rule_of(event_rule()) == {"did": "e", "times": {"gte": 2}}
    assert rule_of(event_rule(function="equal", params=[0])) == {"not": {"did": "e"}}
    absolute = event_rule(time_function="absolute_time", time_params=["2026-01-01 00:00:00", "2026-02-01 00:00:00"])
    window = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    assert rule_of(absolute) == {"did": "e", "times": {"gte": 2}, **window}
    days = event_rule(measure={"event_name": "e", "aggregator": "uniqDays"}, params=[3])
    assert rule_of(days) == {"did": "e", "measure": {"active_days": True}, "times": {"gte": 3}}
    few = event_rule(function="less", params=[3])
    assert rule_of(few) == {"all": [{"did": "e"}, {"did": "e", "times": {"lt": 3}}]}

    def either(**more: Any) -> Carried:
        one = {"type": "filter", "field": "event.e.a", "function": "isTrue", "params": []}
        third = {"type": "filter", "field": "event.e.c", "function": "less", "params": [3]}
        subfilters = more.pop("subfilters", [one, third])
        filters = [{"type": "filters_relation", "relation": "or", "subfilters": subfilters}]
        return event_rule(filters=filters, **more)

    tests: list[tuple[str, dict[str, Any]]] = [("a", {"eq": True}), ("c", {"lt": 3})]
    parts = [{"did": "e", "where": [{"property": name, **test}]} for name, test in tests]
    assert rule_of(either(params=[1])) == {"any": parts}
    assert rule_of(either(function="equal", params=[0])) == {"not": {"any": parts}}
    assert (rule_of(either(params=[2])), effects(either(params=[2]))) == (None, ["refused"])
    unsaid = {"type": "filter", "field": "event.e.b", "function": "rlike", "params": ["x"]}
    assert rule_of(either(subfilters=[unsaid], params=[1])) is None
    assert rule_of(event_rule(measure={"event_name": "e", "aggregator": "bounce_rate"})) is None
    assert rule_of(event_rule(time_function="relative_event_time", time_params=["1 day"])) is None


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (("city", "notEqual", ["a"]), {"trait": "city", "ne": "a"}),
        (("city", "equal", ["a", "b"]), {"trait": "city", "in": ["a", "b"]}),
        (("city", "contain", ["a"]), {"trait": "city", "contains": "a"}),
        (("city", "notContain", ["a"]), {"not": {"trait": "city", "contains": "a"}}),
        (("city", "isSet", []), {"trait": "city", "exists": True}),
        (("city", "notSet", []), {"trait": "city", "exists": False}),
        (("city", "isEmpty", []), {"trait": "city", "eq": ""}),
        (("vip", "isTrue", []), {"trait": "vip", "eq": True}),
        (("age", "between", [1, 9]), {"trait": "age", "between": [1, 9]}),
        (("age", "right_open_between", [1, 9]), {"all": [{"trait": "age", "gte": 1}, {"trait": "age", "lt": 9}]}),
        (("born", "absolute_before", ["2026-01-31 12:00:00"]), {"trait": "born", "before": NOON}),
        (("born", "relative_within", ["3 day"]), {"trait": "born", "within": "3d"}),
        (("user_group_vip", "isTrue", []), {"in_segment": "vip"}),
        (("user_group_vip", "isFalse", []), {"not": {"in_segment": "vip"}}),
        (("user_tag_anime", "isSet", []), {"tag": "anime"}),
    ],
)
def test_profile_rules_of_sensors(rule: tuple[str, str, list[Any]], expected: dict[str, Any]) -> None:
    field, function, params = rule
    body = {"type": "profile_rule", "field": f"user.{field}", "function": function, "params": params}
    carried = imports.read("sensors", body)
    assert (rule_of(carried), carried.notes) == (expected, ())


def test_clock_times_without_a_zone_are_of_the_zone_that_is_said() -> None:
    body = {"type": "profile_rule", "field": "user.p", "function": "absoluteBefore", "params": ["2026-01-31 20:00:00"]}
    assert rule_of(imports.read("sensors", body, zone="Asia/Shanghai")) == {"trait": "p", "before": NOON}
    days = {"type": "profile_rule", "field": "user.p", "function": "absoluteBefore", "params": ["2026-01-31"]}
    midnight = rule_of(imports.read("sensors", days, zone="Asia/Shanghai"))["before"]
    assert datetime.fromisoformat(midnight) == datetime.fromisoformat("2026-01-31T00:00:00+08:00")


PERFORMED = {"type": "behavioral", "value": "performed_event", "key": "e"}
SYSTEMS = cast(list[System], ["unomi", "dittofeed", "posthog", "sensors"])


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"condition": None, "entryNode": 3, "filters": [], "rules": 1, "type": "rules_relation"},
        {"type": ["a"], "values": [1, None, {"type": "OR", "values": []}]},
        {"entryNode": {"type": "Performed", "timesOperator": []}, "rule_content_list": [[]]},
        {"type": "event_rule", "measure": [], "params": "x", "filters": {}, "time_params": 3},
    ],
)
def test_nonsense_is_refused_with_a_note(system: System, body: dict[str, Any]) -> None:
    carried = imports.read(system, body)
    assert carried.rule is None
    assert "refused" in effects(carried)


JUNK: list[Any] = [
    None,
    0,
    -1.5,
    10**30,
    True,
    "",
    "-30d",
    "999999 year",
    "9999-12-31",
    [],
    {},
    [None],
    [{}],
    ["a", {}],
]
WHOLE: list[tuple[System, dict[str, Any]]] = [
    ("unomi", UNOMI),
    ("sensors", SENSORS),
    (
        "dittofeed",
        {
            "entryNode": {"type": "And", "id": "1", "children": ["2", "3", "4"]},
            "nodes": [
                {
                    "type": "Performed",
                    "id": "2",
                    "event": "e",
                    "times": 3,
                    "properties": [{"path": "p", "operator": {}}],
                },
                {"type": "Trait", "id": "3", "path": "p", "operator": {"type": "Within", "windowSeconds": 60}},
                {"type": "LastPerformed", "id": "4", "event": "e", "hasProperties": [{"path": "p", "operator": {}}]},
            ],
        },
    ),
    (
        "posthog",
        {
            "type": "AND",
            "values": [
                {"type": "person", "key": "p", "operator": "icontains", "value": ["a"]},
                {"type": "person", "key": "p", "operator": "is_date_before", "value": "2026-01-31"},
                {
                    "type": "behavioral",
                    "value": "performed_event",
                    "key": "e",
                    "event_filters": [{"key": "p", "value": ["a"]}],
                    "explicit_datetime": "-30d",
                },
            ],
        },
    ),
]


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for name, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(one, (*path, name))
        yield (*path, name)


@pytest.mark.parametrize(("system", "body"), WHOLE, ids=[system for system, _ in WHOLE])
def test_whatever_stands_in_its_place_a_rule_is_read_or_refused(system: System, body: dict[str, Any]) -> None:
    for path in places(body):
        for junk in [*JUNK, "gone"]:
            changed = copy.deepcopy(body)
            inner: Any = changed
            for name in path[:-1]:
                inner = inner[name]
            if junk == "gone":
                del inner[path[-1]]
            else:
                inner[path[-1]] = copy.deepcopy(junk)
            carried = imports.read(system, changed)
            assert carried.rule is not None or "refused" in effects(carried), (path, junk)


def test_filters_joined_by_or_make_no_more_alternatives_than_a_rule_has_room_for() -> None:
    def either(field: str) -> dict[str, Any]:
        listed = [{"field": f"event.e.{field}", "function": "equal", "params": [n]} for n in range(20)]
        return {"type": "filters_relation", "relation": "or", "subfilters": listed}

    event = {"type": "event_rule", "measure": {"event_name": "e"}, "function": "least", "params": [1]}
    assert len(rule_of(imports.read("sensors", {**event, "filters": [either("a")]}))["any"]) == 20
    carried = imports.read("sensors", {**event, "filters": [either(letter) for letter in "abcdefghij"]})
    assert (carried.rule, effects(carried)) == (None, ["refused"])
    assert "alternatives" in carried.notes[0].reason


def test_nodes_that_share_nodes_are_not_walked_for_ever() -> None:
    layers = [
        {"type": "Or", "id": f"{layer}-{n}", "children": [f"{layer + 1}-{m}" for m in range(10)]}
        for layer in range(12)
        for n in range(10)
    ]
    carried = imports.read("dittofeed", {"entryNode": {"type": "And", "children": ["0-0"]}, "nodes": layers})
    assert (carried.rule, effects(carried)) == (None, ["refused"])
    assert "more than 2000 parts" in carried.notes[0].reason


@pytest.mark.parametrize(
    ("system", "body"),
    [
        ("posthog", {**PERFORMED, "time_value": 1, "time_interval": "month"}),
        ("posthog", {**PERFORMED, "explicit_datetime": "-1y"}),
        ("posthog", {"type": "person", "key": "p", "operator": "is_date_after", "value": "-2m"}),
        ("sensors", {"type": "profile_rule", "field": "user.p", "function": "relativeWithin", "params": ["1 month"]}),
    ],
)
def test_months_and_years_that_become_days_are_noted(system: System, body: dict[str, Any]) -> None:
    carried = imports.read(system, body)
    assert carried.rule is not None
    assert effects(carried) == ["changed"]
    assert "30 days" in carried.notes[0].reason


def test_an_event_that_is_called_a_star_is_noted() -> None:
    carried = imports.read("posthog", {**PERFORMED, "key": "*", "time_value": 1, "time_interval": "day"})
    assert effects(carried) == ["changed"]


def test_more_than_a_rule_can_hold_is_refused() -> None:
    carried = dittofeed(*({"type": "Performed", "event": f"e{number}"} for number in range(120)))
    assert (carried.rule, effects(carried)) == (None, ["refused"])
    assert "at most 100 parts" in carried.notes[0].reason


async def bring(home: Running, body: dict[str, Any], **params: Any) -> Any:
    return await home.client.post("/v1/segments/import", json=body, params=params)


async def test_an_import_is_tried_first_and_saved_when_that_is_said(home: Running) -> None:
    rule = {"type": "profile_rule", "field": "user.city", "function": "equal", "params": ["上海"]}
    body = {"cname": "上海用户", "rule_content_list": [rule]}
    tried = (await bring(home, body, format="sensors")).json()
    assert (tried["rule"], tried["notes"], tried["saved"]) == ({"trait": "city", "eq": "上海"}, [], None)
    assert (await home.client.get("/v1/segments")).json()["items"] == []
    saved = (await bring(home, body, format="sensors", save=True, key="shanghai")).json()
    assert (saved["saved"]["key"], saved["saved"]["name"]) == ("shanghai", "上海用户")
    assert (await home.client.get("/v1/segments/shanghai")).json()["rule"] == {"trait": "city", "eq": "上海"}
    again = await bring(home, body, format="sensors", save=True, key="shanghai")
    assert again.status_code == 409
    renamed = await bring(home, UNOMI, format="unomi", rename="view=Content Opened")
    assert renamed.json()["events"] == ["Content Opened"]


@pytest.mark.parametrize(
    ("params", "body", "status", "field"),
    [
        ({"format": "mautic"}, {}, 422, "format"),
        ({"format": "unomi", "rename": "view"}, {}, 422, "rename"),
        ({"format": "unomi", "zone": "Mars"}, {}, 422, "zone"),
        ({"format": "unomi", "save": True, "key": "a"}, {"type": "goalMatchCondition"}, 422, "rule"),
        ({"format": "unomi", "save": True}, {"type": "matchAllCondition"}, 422, "key"),
        ({"format": "unomi"}, {"a": "\x00"}, 422, "a"),
    ],
)
async def test_bad_imports_are_refused_with_the_field(
    home: Running, params: dict[str, Any], body: dict[str, Any], status: int, field: str
) -> None:
    answer = await bring(home, body, **params)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["field"] == field
