"""What the builder can draw, and the small things it makes names and bands of."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.pages.insight import forms
from gateway.console.pages.segments.analysis import bands
from gateway.console.pages.segments.saving import key_of
from gateway.console.parts.rule.leaves import FORMS
from gateway.console.parts.rule.shape import GROUPS, KINDS, fresh, kind_of, undrawable
from services.segment.schemas.rule import KINDS as OF_THE_LANGUAGE
from services.segment.schemas.rule import parse

DOCS = Path(__file__).parents[2] / "docs" / "rules.md"


def documented() -> list[dict[str, Any]]:
    """Every rule that docs/rules.md shows."""
    blocks = re.findall(r"```json\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    return [json.loads(block) for block in blocks]


def test_every_kind_of_the_language_has_a_form() -> None:
    assert set(KINDS) == set(OF_THE_LANGUAGE)
    assert set(FORMS) == set(KINDS) - {*GROUPS, "not", "has_been"}


@pytest.mark.parametrize("rule", documented(), ids=lambda rule: str(kind_of(rule)))
def test_every_documented_rule_can_be_drawn(rule: dict[str, Any]) -> None:
    parse(rule)
    assert undrawable(rule) is None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (*GROUPS, "not")])
def test_a_new_part_is_drawn_and_of_its_kind(kind: str) -> None:
    assert kind_of(fresh(kind)) == kind
    assert undrawable({"all": [fresh(kind)]}) is None


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"all": 5}, "rule"),
        ({"all": [{"tag": "a"}, {"nothing": 1}]}, "rule.all[1]"),
        ({"not": {"did": "x", "where": {}}}, "rule.not"),
        ({"did": "x", "where": [{"property": "p", "between": 3}]}, "rule"),
        ({"did": "x", "times": {"between": [1]}}, "rule"),
        ({"trait": "a", "in": "x"}, "rule"),
        ({"bucket": 3}, "rule"),
        ({"sequence": [{"event": "a"}, 3]}, "rule"),
        ({"tag": "a", "score": "b"}, "rule"),
    ],
)
def test_what_no_form_can_show_is_named(rule: Any, place: str) -> None:
    assert undrawable(rule) == place


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KINDS, "where", "within"]), inner),
    max_leaves=12,
)


@given(_JSON)
def test_any_json_is_judged(rule: Any) -> None:
    place = undrawable(rule)
    assert place is None or place.startswith("rule")
    assert forms.drawable({"event": "x", "where": rule}) in (True, False)


@given(st.text(max_size=300))
def test_a_name_makes_a_key_that_the_api_takes(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", key_of(name))
    assert len(key_of(name)) <= 64


def test_a_key_is_read_out_of_a_name() -> None:
    assert key_of("Silent for 14 days · 沉默") == "silent-for-14-days"
    assert key_of("沉默用户").startswith("segment-")


def test_bands_rise() -> None:
    assert bands("35, 18，25;18") == [18.0, 25.0, 35.0]
    assert bands("x") == []
