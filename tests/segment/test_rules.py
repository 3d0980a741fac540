"""The rule language refuses what it does not know, and says where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from services.segment.schemas.rule import KINDS as RULE_KINDS
from services.segment.schemas.rule import WholeRule, instant, parse, plain, schema, seconds
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
        (5, "rule", "must be an object with one of all, any, not, trait, tag"),
        (None, "rule", "must be an object"),
        ({}, "rule", "is empty"),
        ({"all": []}, "rule.all", "at least 1"),
        ({"all": LEAF}, "rule.all", "valid list"),
        ({"all": [LEAF, 3]}, "rule.all[1]", "must be an object"),
        ({"alll": [LEAF]}, "rule", "did you mean 'all'?"),
        ({"in_segments": "vip"}, "rule", "did you mean 'in_segment'?"),
        ({"not": {"sequenc": []}}, "rule.not", "did you mean 'sequence'?"),
        ({"any": [LEAF, {"mood": "x"}]}, "rule.any[1]", "'mood' is not something a rule can ask"),
        ({"all": [LEAF], "any": [LEAF]}, "rule", "both 'all' and 'any'"),
        ({"has": "emial"}, "rule.has", "must be one of email, phone, push; did you mean 'email'?"),
        ({"has": 3}, "rule.has", "must be one of email, phone, push"),
        ({"trait": "age"}, "rule", "exactly one of eq, ne, in"),
        ({"trait": "age", "eq": 1, "ne": 2}, "rule", "exactly one of eq, ne, in"),
        ({"trait": "age", "eqq": 1}, "rule.eqq", "did you mean 'eq'?"),
        ({"trait": "age", "eq": None}, "rule", "eq must not be null"),
        ({"trait": "age", "eq": [1]}, "rule.eq", "a text, a number, true or false"),
        ({"trait": "age", "eq": "a\x00"}, "rule.eq", "NUL"),
        ({"trait": "age", "eq": "\ud800"}, "rule.eq", "surrogate"),
        ({"trait": "age", "eq": 10**400}, "rule.eq", "between -1e300 and 1e300"),
        ({"trait": "age", "eq": float("nan")}, "rule.eq", "no number"),
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
        ({"all": [{"did": "x", "times": {"gte": -1}}]}, "rule.all[0].times.gte", "from 0 to 1000000000"),
        ({"all": [{"did": "x", "times": {"gte": True}}]}, "rule.all[0].times.gte", "a number"),
        ({"all": [{"did": "x", "times": {"gte": 1.5}}]}, "rule.all[0].times.gte", "a whole number"),
        ({"all": [{"did": "x", "times": 3}]}, "rule.all[0].times", "dictionary"),
        ({"all": [{"did": "x", "times": {}}]}, "rule.all[0].times", "at least one of"),
        (
            {"all": [{"did": "x", "times": {"min": 1}}]},
            "rule.all[0].times.min",
            "known are between, eq, gt",
        ),
        ({"did": "x", "within": "3 days"}, "rule.within", "a whole number and a unit of s, m, h, d or w"),
        ({"did": "x", "within": "0d"}, "rule.within", "a whole number and a unit"),
        ({"did": "x", "within": "3d\n"}, "rule.within", "a whole number and a unit"),
        ({"did": "x", "within": "9999999w"}, "rule.within", "longer than 3660 days"),
        ({"did": "x", "within": None}, "rule", "within must not be null"),
        ({"did": "x", "where": [{"property": "p"}]}, "rule.where[0]", "exactly one of"),
        ({"did": "x", "where": [{"propery": "p", "eq": 1}]}, "rule.where[0].propery", "did you mean 'property'?"),
        ({"did": "x", "where": [{"property": "p", "eq": 1}] * 11}, "rule.where", "at most 10"),
        (nested(13), "rule" + ".not" * 12, "nested deeper than 12 levels"),
        ({"any": [LEAF] * 100}, "rule.any[99]", "at most 100 parts"),
        ({"trait": "age", "not_in": []}, "rule.not_in", "a list of 1 to 200"),
        ({"trait": "age", "between": [2, 1]}, "rule.between", "the lower number first"),
        ({"trait": "age", "between": [2]}, "rule.between", "a list of two numbers"),
        ({"trait": "name", "contains": ""}, "rule.contains", "not be empty"),
        ({"trait": "name", "starts_with": 5}, "rule.starts_with", "a text"),
        ({"trait": "born", "within": "7"}, "rule.within", "such as"),
        ({"trait": "born", "before": "2026-02-30"}, "rule.before", "a day such as"),
        ({"trait": "born", "after": "2026-02-01T12:00:00"}, "rule.after", "with its offset"),
        (
            {"trait": "born", "after": "2026-02-01", "zone": "Asia/Shangai"},
            "rule.zone",
            "did you mean 'Asia/Shanghai'?",
        ),
        ({"trait": "born", "eq": "2026-02-01", "zone": "UTC"}, "rule.zone", "goes with one of within"),
        (
            {"trait": "born", "anniversary": "7d"},
            "rule.anniversary",
            'must be "today" or',
        ),
        (
            {"trait": "born", "anniversary": {"within_next": "7h"}},
            "rule.anniversary.within_next",
            "whole days",
        ),
        ({"trait": "born", "anniversary": {"within_next": "99w"}}, "rule.anniversary.within_next", "366 days"),
        ({"tag": "vip", "weight": {}}, "rule.weight", "at least one of"),
        ({"tag": "vip", "weight": {"gtee": 1}}, "rule.weight.gtee", "did you mean 'gte'?"),
        ({"score": "churn"}, "rule", "exactly one of gt, gte"),
        ({"score": "churn", "in": [1]}, "rule.in", "unknown field"),
        ({"consent": "email", "is": 1}, "rule.is", "boolean"),
        ({"did": "x", "within": "3d", "calendar": "today"}, "rule.calendar", "cannot stand beside 'within'"),
        ({"did": "x", "within": "3d", "to": "2026-01-01"}, "rule.to", "cannot stand beside 'within'"),
        ({"did": "x", "between": ["30d", "90d"]}, "rule.between", "the longer duration first"),
        ({"did": "x", "from": "2026-01-02", "to": "2026-01-02"}, "rule.to", "must be later than from"),
        ({"did": "x", "within": "3d", "zone": "UTC"}, "rule.zone", "goes with calendar, from or to only"),
        ({"did": "x", "calendar": "tomorrow"}, "rule.calendar", "'today', 'yesterday'"),
        ({"did": "x", "measure": {"summ": "p"}}, "rule.measure.summ", "did you mean 'sum'?"),
        ({"did": "x", "measure": {"sum": "p", "avg": "p"}}, "rule.measure", "exactly one of count, sum"),
        ({"did": "x", "measure": {"sum": "p", "zone": "UTC"}}, "rule.measure.zone", "goes with active_days only"),
        ({"did": "x", "measure": {"active_days": True}, "times": {"between": [1, 2.5]}}, "rule.times.between", "whole"),
        ({"first": "x", "having": [{"property": "p"}]}, "rule.having[0]", "exactly one of"),
        ({"sequence": [{"event": "a"}]}, "rule.sequence", "at least 2"),
        ({"sequence": [{"event": "a"}, {"event": "b", "were": []}]}, "rule.sequence[1].were", "mean 'where'?"),
        ({"regularly": "x", "every": "1w", "periods": 4, "at_least": 5}, "rule.at_least", "more than periods"),
        ({"regularly": "x", "every": "100w", "periods": 9, "at_least": 5}, "rule.periods", "more than 3660 days"),
        ({"stopped": "x", "quiet": "14d"}, "rule.before", "required"),
        ({"has_been": {"did": "x"}, "for": "3d"}, "rule.has_been", "save it as a segment and ask in_segment"),
        (
            {"has_been": {"all": [LEAF, {"tag": "x", "weight": {"gt": 0}}]}, "for": "3d"},
            "rule.has_been.all[1]",
            "has a weight",
        ),
        ({"has_been": {"not": {"trait": "x", "within": "1d"}}, "for": "3d"}, "rule.has_been.not", "changes with time"),
        ({"has_been": {"not": {"all": [LEAF]}}, "for": "3d"}, "rule.has_been", "save it as a segment"),
        ({"has_been": {"has_ben": LEAF}, "for": "3d"}, "rule.has_been", "did you mean 'has_been'?"),
        ({"in_segment": "VIP"}, "rule.in_segment", "the key of a segment"),
        ({"bucket": {"salt": "x", "from": 0.5, "to": 0.5}}, "rule.bucket.to", "greater than from"),
        ({"bucket": {"salt": "x", "from": 0, "to": 1.5}}, "rule.bucket.to", "from 0 to 1"),
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
    with pytest.raises(ValidationError, match="deeper than 12 levels"):
        TypeAdapter(WholeRule).validate_python(nested(5_000))


@pytest.mark.parametrize(
    "rule",
    [
        LEAF,
        nested(12),
        {"any": [LEAF] * 99},
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
    assert plain(parse(plain(parsed))) == rule


def test_units() -> None:
    assert [seconds(text) for text in ("5s", "2m", "1h", "3d", "1w")] == [5, 120, 3600, 259_200, 604_800]


def examples(part: Any) -> Iterator[Any]:
    """What the JSON Schema gives as examples of rules."""
    for name, child in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if name == "examples":
            yield from (one for one in child if isinstance(one, dict) and KINDS & one.keys())
        else:
            yield from examples(child)


KINDS = set(RULE_KINDS)


def test_the_json_schema_and_the_door_agree_on_every_example() -> None:
    judge = Draft202012Validator(schema())
    Draft202012Validator.check_schema(schema())
    found = list(examples(schema()))
    assert {kind for one in found for kind in KINDS & one.keys()} == KINDS
    for one in found:
        assert plain(parse(one)) == one
        judge.validate(one)
    for wrong in ({"trait": "age"}, {"trait": "age", "eq": 1, "ne": 2}, {"did": "x", "within": "3 days"}, {"mood": 1}):
        assert not judge.is_valid(wrong)


@pytest.mark.parametrize(
    ("text", "where", "utc"),
    [
        ("2026-03-29", "UTC", "2026-03-29T00:00:00+00:00"),
        ("2026-03-29", "Asia/Shanghai", "2026-03-28T16:00:00+00:00"),
        ("2026-03-29T01:30:00.1234567Z", "Asia/Shanghai", "2026-03-29T01:30:00.123456+00:00"),
        ("2026-03-29 01:30+02:00", "UTC", "2026-03-28T23:30:00+00:00"),
        ("2026-03-29T01:30:00", "UTC", None),
        ("2026-02-29", "UTC", None),
        ("2026-3-29", "UTC", None),
        ("20260329", "UTC", None),
        ("0999-03-29", "UTC", None),
        ("2026-03-29T24:00:00Z", "UTC", None),
        ("2026-03-29T23:59:60Z", "UTC", None),
        ("２０２６-03-29", "UTC", None),
        ("", "UTC", None),
    ],
)
def test_what_is_an_instant(text: str, where: str, utc: str | None) -> None:
    found = instant(text, where)
    assert (found.isoformat() if found else None) == utc
