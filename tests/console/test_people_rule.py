"""Filters of the list of people as rules that the segment service takes."""

from __future__ import annotations

from gateway.console.pages.people.filters import Filters
from gateway.console.pages.people.saving import rule_of
from gateway.console.parts.rule.shape import undrawable
from services.segment.schemas.rule import parse

TYPES = {"age": "integer", "vip": "boolean", "birthday": "date", "region": "text"}


def test_filters_become_a_rule() -> None:
    filters = Filters(
        traits=("age:gte:18", "region:eq:10", "birthday:gte:2000-01-01", "vip:eq:true", "height:lt:1.8"),
        tags=("anime",),
        has=("email",),
        seen="-14",
    )
    rule = rule_of(filters, TYPES, ["Content Shown", "Page Viewed"])
    assert rule == {
        "all": [
            {"trait": "age", "gte": 18},
            {"trait": "region", "eq": "10"},
            {"trait": "birthday", "after": "2000-01-01"},
            {"trait": "vip", "eq": True},
            {"trait": "height", "lt": 1.8},
            {"tag": "anime"},
            {"has": "email"},
            {"not": {"any": [{"did": "Content Shown", "within": "14d"}, {"did": "Page Viewed", "within": "14d"}]}},
        ]
    }
    parse(rule)
    assert undrawable(rule) is None


def test_a_segment_stays_a_segment() -> None:
    assert rule_of(Filters(segment="vip"), {}, []) == {"all": [{"in_segment": "vip"}]}
    assert rule_of(Filters(seen="7"), {}, ["A"]) == {"all": [{"any": [{"did": "A", "within": "7d"}]}]}
