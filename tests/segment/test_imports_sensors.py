"""Segments of 神策 (Sensors Analytics) come in: each of their shapes, and what it becomes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from services.segment.rules import imports
from services.segment.rules.imports import Carried
from tests.segment.foreign import NOON, SENSORS, effects, rule_of


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


def test_filters_joined_by_or_make_no_more_alternatives_than_a_rule_has_room_for() -> None:
    def either(field: str) -> dict[str, Any]:
        listed = [{"field": f"event.e.{field}", "function": "equal", "params": [n]} for n in range(20)]
        return {"type": "filters_relation", "relation": "or", "subfilters": listed}

    event = {"type": "event_rule", "measure": {"event_name": "e"}, "function": "least", "params": [1]}
    assert len(rule_of(imports.read("sensors", {**event, "filters": [either("a")]}))["any"]) == 20
    carried = imports.read("sensors", {**event, "filters": [either(letter) for letter in "abcdefghij"]})
    assert (carried.rule, effects(carried)) == (None, ["refused"])
    assert "alternatives" in carried.notes[0].reason
