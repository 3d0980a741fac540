"""Cohorts of PostHog come in: each of their shapes, and what it becomes."""

from __future__ import annotations

from typing import Any

import pytest

from services.segment.rules import imports
from services.segment.rules.imports import Carried
from tests.segment.foreign import NOON, effects, rule_of


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
