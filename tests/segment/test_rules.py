"""The rule language refuses what it does not know, and says where."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.segment.rules import book as books
from services.segment.rules.book import Book, Definition
from services.segment.rules.program import Parts
from services.segment.schemas.rule import WholeRule, plain, seconds
from shared.schemas import Input

LEAF = {"trait": "age", "gte": 18}


class Body(Input):
    """A body with a rule in it."""

    rule: WholeRule


def refused(rule: Any) -> tuple[str, str]:
    """Path and message of the first error."""
    with pytest.raises(ValidationError) as caught:
        Body.model_validate({"rule": rule})
    error = caught.value.errors()[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    return path.lstrip("."), error["msg"]


def nested(depth: int) -> dict[str, Any]:
    rule: dict[str, Any] = LEAF
    for _ in range(depth - 1):
        rule = {"not": rule}
    return rule


@pytest.mark.parametrize(
    ("rule", "path", "words"),
    [
        (5, "rule", "must be an object with one of all, any, not, trait, tag, did"),
        (None, "rule", "must be an object"),
        ({}, "rule", "is empty"),
        ({"all": []}, "rule.all", "at least 1"),
        ({"all": LEAF}, "rule.all", "valid list"),
        ({"all": [LEAF, 3]}, "rule.all[1]", "must be an object"),
        ({"alll": [LEAF]}, "rule", "did you mean 'all'?"),
        ({"in_segment": "vip"}, "rule", "'in_segment' is not something a rule can ask"),
        ({"not": {"sequence": []}}, "rule.not", "'sequence' is not something a rule can ask"),
        ({"any": [LEAF, {"mood": "x"}]}, "rule.any[1]", "'mood' is not something a rule can ask"),
        ({"all": [LEAF], "any": [LEAF]}, "rule", "both 'all' and 'any'"),
        ({"trait": "age"}, "rule", "exactly one of eq, ne, in"),
        ({"trait": "age", "eq": 1, "ne": 2}, "rule", "exactly one of eq, ne, in"),
        ({"trait": "age", "eqq": 1}, "rule.eqq", "did you mean 'eq'?"),
        ({"trait": "age", "eq": None}, "rule", "eq must not be null"),
        ({"trait": "age", "eq": [1]}, "rule.eq", "a text, a number, true or false"),
        ({"trait": "age", "eq": "a\x00"}, "rule.eq", "NUL"),
        ({"trait": "age", "eq": "\ud800"}, "rule.eq", "surrogate"),
        ({"trait": "age", "eq": 10**400}, "rule.eq", "between -1e300 and 1e300"),
        ({"trait": "age", "eq": float("nan")}, "rule.eq", "between -1e300 and 1e300"),
        ({"trait": "age", "eq": "x" * 501}, "rule.eq", "longer than 500"),
        ({"trait": "age", "gt": "5"}, "rule.gt", "must be a number"),
        ({"trait": "age", "gt": True}, "rule.gt", "must be a number"),
        ({"trait": "age", "in": []}, "rule.in", "a list of 1 to 200"),
        ({"trait": "age", "in": [1, {}]}, "rule.in", "a text, a number, true or false"),
        ({"trait": "age", "in_": [1]}, "rule.in_", "not permitted"),
        ({"trait": "age", "exists": 1}, "rule.exists", "boolean"),
        ({"trait": "", "eq": 1}, "rule.trait", "not empty"),
        ({"trait": 5, "eq": 1}, "rule.trait", "must be a text"),
        ({"did": "x\x00"}, "rule.did", "NUL"),
        ({"all": [{"did": "x", "times": {"gte": -1}}]}, "rule.all[0].times.gte", "greater than or equal to 0"),
        ({"all": [{"did": "x", "times": {"gte": True}}]}, "rule.all[0].times.gte", "integer"),
        ({"all": [{"did": "x", "times": {"gte": 1.5}}]}, "rule.all[0].times.gte", "integer"),
        ({"all": [{"did": "x", "times": 3}]}, "rule.all[0].times", "dictionary"),
        ({"all": [{"did": "x", "times": {}}]}, "rule.all[0].times", "at least one of"),
        ({"all": [{"did": "x", "times": {"min": 1}}]}, "rule.all[0].times.min", "known are eq, gt, gte, lt, lte"),
        ({"did": "x", "within": "3 days"}, "rule.within", "a whole number and a unit of s, m, h, d or w"),
        ({"did": "x", "within": "0d"}, "rule.within", "a whole number and a unit"),
        ({"did": "x", "within": "3d\n"}, "rule.within", "a whole number and a unit"),
        ({"did": "x", "within": "9999999w"}, "rule.within", "longer than 3660 days"),
        ({"did": "x", "within": None}, "rule", "within must not be null"),
        ({"did": "x", "where": [{"property": "p"}]}, "rule.where[0]", "exactly one of"),
        ({"did": "x", "where": [{"propery": "p", "eq": 1}]}, "rule.where[0].propery", "did you mean 'property'?"),
        ({"did": "x", "where": [{"property": "p", "eq": 1}] * 11}, "rule.where", "at most 10"),
        (nested(9), "rule" + ".not" * 8, "nested deeper than 8 levels"),
        ({"any": [LEAF] * 50}, "rule.any[49]", "at most 50 parts"),
    ],
)
def test_what_is_wrong_is_refused_with_its_path(rule: Any, path: str, words: str) -> None:
    where, message = refused(rule)
    assert where == path, message
    assert words in message


def test_a_rule_of_absurd_depth_is_refused_and_not_walked() -> None:
    path, message = refused(nested(5_000))
    assert path.startswith("rule.not.not")
    assert "levels" in message
    with pytest.raises(ValidationError, match="deeper than 8 levels"):
        TypeAdapter(WholeRule).validate_python(nested(5_000))


@pytest.mark.parametrize(
    "rule",
    [
        LEAF,
        nested(8),
        {"any": [LEAF] * 49},
        {"not": {"trait": "age", "exists": True}},
        {"did": "Content Liked"},
        {"did": "Content Liked", "times": {"eq": 0}, "within": "3660d"},
        {
            "all": [
                {"did": "x", "where": [{"property": "p", "in": [1, 2.5, True, ""]}], "times": {"gte": 1, "lt": 5}},
                {"any": [{"trait": "t", "ne": False}]},
            ]
        },
    ],
)
def test_a_good_rule_is_kept_as_it_was_written(rule: dict[str, Any]) -> None:
    parsed = TypeAdapter(WholeRule).validate_python(rule)
    assert plain(parsed) == rule
    assert plain(books.parse(plain(parsed))) == rule


def test_units() -> None:
    assert [seconds(text) for text in ("5s", "2m", "1h", "3d", "1w")] == [5, 120, 3600, 259_200, 604_800]


def test_a_book_knows_what_can_touch_which_segment() -> None:
    rules: list[dict[str, Any]] = [
        {"all": [{"did": "liked"}, {"trait": "age", "gt": 1}]},
        {"not": {"did": "liked", "within": "1d"}},
        {"trait": "city", "eq": "x"},
    ]
    book = Book((Definition(n, f"s{n}", 1, books.parse(rule), None) for n, rule in enumerate(rules)), Parts())
    assert book.by_event("liked") == {0, 1}
    assert book.by_event("other") == frozenset()
    assert book.by_trait("age") == {0}
    assert book.by_trait("city") == {2}
    behavioural, still = book.programs
    assert behavioural.segments == {0, 1}
    assert still.segments == {2}
    assert "events" not in still.text


def test_changed_traits_are_compared_as_json() -> None:
    assert books.changed({"a": 1, "b": 2, "c": [1]}, {"a": True, "b": 2, "c": [1], "d": None}) == {"a"}
    assert books.changed({"a": 1}, {}) == {"a"}
