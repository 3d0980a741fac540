"""Segments of Dittofeed come in: each of their shapes, and what it becomes."""

from __future__ import annotations

from typing import Any

import pytest

from services.segment.rules import imports
from services.segment.rules.imports import Carried
from services.segment.rules.imports.carry import EVERYBODY
from tests.segment.foreign import NOON, effects, rule_of


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


def test_nodes_that_share_nodes_are_not_walked_for_ever() -> None:
    layers = [
        {"type": "Or", "id": f"{layer}-{n}", "children": [f"{layer + 1}-{m}" for m in range(10)]}
        for layer in range(12)
        for n in range(10)
    ]
    carried = imports.read("dittofeed", {"entryNode": {"type": "And", "children": ["0-0"]}, "nodes": layers})
    assert (carried.rule, effects(carried)) == (None, ["refused"])
    assert "more than 2000 parts" in carried.notes[0].reason


def test_more_than_a_rule_can_hold_is_refused() -> None:
    carried = dittofeed(*({"type": "Performed", "event": f"e{number}"} for number in range(120)))
    assert (carried.rule, effects(carried)) == (None, ["refused"])
    assert "at most 100 parts" in carried.notes[0].reason
