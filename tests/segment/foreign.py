"""Segments of other systems as they come whole, and how what became of them is read."""

from __future__ import annotations

from typing import Any

from services.segment.rules.imports import Carried
from services.segment.schemas.rule import plain

NOON = "2026-01-31T12:00:00Z"


def rule_of(carried: Carried) -> Any:
    """The rule that came of it, as it is written."""
    return None if carried.rule is None else plain(carried.rule)


def effects(carried: Carried) -> list[str]:
    """What its notes say happened to parts of it."""
    return [note.effect for note in carried.notes]


def property_(operator: str, **given: Any) -> dict[str, Any]:
    """A condition of Unomi on the property p."""
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
