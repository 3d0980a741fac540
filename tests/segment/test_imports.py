"""Rules of other systems come in: what is said of what cannot come, and the door they come by."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, cast

import pytest

from services.segment.rules import imports
from services.segment.rules.imports import System
from tests.harness.houses import Running
from tests.segment.foreign import SENSORS, UNOMI, effects

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
