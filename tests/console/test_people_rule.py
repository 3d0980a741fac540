"""Filters of the list of people as rules that the segment service takes."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from gateway.console.pages.people.filters import SEEN, Filters
from gateway.console.pages.people.saving import rule_of
from gateway.console.parts.rule.shape import undrawable
from services.segment.schemas.rule import parse
from tests.console.conftest import Console

SAMPLE = 200
TYPES = {"age": "integer", "vip": "boolean", "birthday": "date", "region": "text"}


def test_filters_become_a_rule() -> None:
    filters = Filters(
        traits=("age:gte:18", "region:eq:10", "birthday:gte:2000-01-01", "vip:eq:true", "height:lt:1.8"),
        tags=("anime",),
        has=("email",),
        seen="-14",
    )
    rule = rule_of(filters, TYPES)
    assert rule == {
        "all": [
            {"trait": "age", "gte": 18},
            {"trait": "region", "eq": "10"},
            {"trait": "birthday", "after": "2000-01-01"},
            {"trait": "vip", "eq": True},
            {"trait": "height", "lt": 1.8},
            {"tag": "anime"},
            {"has": "email"},
            {"not": {"last": "*", "within": "14d"}},
        ]
    }
    parse(rule)
    assert undrawable(rule) is None


def test_a_segment_stays_a_segment() -> None:
    assert rule_of(Filters(segment="vip"), {}) == {"all": [{"in_segment": "vip"}]}
    assert rule_of(Filters(seen="7"), {}) == {"all": [{"last": "*", "within": "7d"}]}


def found(tool: httpx.Client, filters: Filters) -> set[int]:
    """Ids of all viewers of the list."""
    wanted = {name: value for name, value in filters.as_query().items() if value is not None}
    ids: set[int] = set()
    cursor: str | None = ""
    while cursor is not None:
        page = tool.get("/v1/profiles", params={**wanted, "limit": 200} | ({"cursor": cursor} if cursor else {})).json()
        ids |= {one["profile_id"] for one in page["items"]}
        cursor = page.get("next")
    return ids


def saved(tool: httpx.Client, filters: Filters) -> tuple[int, set[int]]:
    """For how many viewers the rule holds, and ids of some."""
    types = {one["name"]: one["type"] for one in tool.get("/v1/traits/definitions").json()}
    answer = tool.post("/v1/segments/preview", json={"rule": rule_of(filters, types)})
    assert answer.is_success, answer.text
    return answer.json()["count"], set(answer.json()["sample"])


EVERYBODY = Filters(seen="30", has=("email",))
"""With an address: the demo's programs have none, whose events no rule counts although profile has seen them."""


@pytest.mark.parametrize(
    "filters",
    [
        *(replace(EVERYBODY, seen=days) for days in SEEN if days),
        replace(EVERYBODY, seen="-14", has=("email", "phone")),
        replace(EVERYBODY, traits=("gender:eq:female",)),
        Filters(traits=("birthday:lt:2000-01-01",)),
        Filters(tags=("动漫迷",)),
    ],
    ids=lambda one: one.href,
)
def test_the_saved_segment_has_the_people_of_the_list(console: Console, filters: Filters) -> None:
    """Somebody did only what hardly anybody does, ten days ago: he was seen, whatever it was."""
    at = (datetime.now(UTC) - timedelta(days=10)).isoformat()
    rare = {"userId": "seldom", "event": f"Never Before {uuid.uuid4()}", "timestamp": at}
    who = {"type": "identify", "userId": "seldom", "traits": {"email": "seldom@example.com"}, "timestamp": at}
    with console.tool() as tool:
        key = console.suite.secrets()["write_key"]
        sent = httpx.post(
            f"{console.suite.url}/v1/batch", json={"batch": [who, {"type": "track", **rare}]}, auth=(key, "")
        )
        sent.raise_for_status()
        console.suite.wait(lambda: saved(tool, EVERYBODY)[0] == len(found(tool, EVERYBODY)))
        count, sample = saved(tool, filters)
        assert count == len(found(tool, filters))
        assert sample <= found(tool, filters)
