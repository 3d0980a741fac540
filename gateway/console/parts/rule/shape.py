"""The shape of a rule: what its parts can be, what a new one begins with, and whether a JSON can be drawn as forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]

GROUPS = ("all", "any")
KINDS = (
    "all",
    "any",
    "not",
    "did",
    "first",
    "last",
    "sequence",
    "regularly",
    "stopped",
    "restarted",
    "trait",
    "tag",
    "score",
    "has_been",
    "consent",
    "has",
    "in_segment",
    "bucket",
)
DEPTH = 12
TIMES = ("eq", "ne", "gt", "gte", "lt", "lte", "between")
SCORES = ("gte", "gt", "lte", "lt", "between", "eq", "exists")
DATES = ("within", "within_next", "before", "after", "anniversary")
OPERATORS = (
    "eq",
    "ne",
    "in",
    "not_in",
    "gt",
    "gte",
    "lt",
    "lte",
    "between",
    "contains",
    "starts_with",
    "exists",
    *DATES,
)
OF_TYPE: dict[str, tuple[str, ...]] = {
    "text": ("eq", "ne", "in", "not_in", "contains", "starts_with", "exists", *DATES),
    "number": ("eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "not_in", "exists"),
    "boolean": ("eq", "ne", "exists"),
    "date": (*DATES, "eq", "exists"),
    "list": ("contains", "exists"),
}
"""Operators that make sense for a type; all of them where it is not known."""
MEASURES = ("count", "sum", "avg", "min", "max", "distinct", "active_days")
CALENDARS = ("today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_year")


def kind_of(node: Any) -> str | None:
    """Which kind of part it is; None when it is none."""
    if not isinstance(node, dict):
        return None
    kinds = [kind for kind in KINDS if kind in node]
    return kinds[0] if len(kinds) == 1 else None


def fresh(kind: str) -> Node:
    """A new part of a kind, as filled in as it can be."""
    match kind:
        case "all" | "any":
            return {kind: []}
        case "did":
            return {"did": "", "times": {"gte": 1}, "within": "7d"}
        case "first":
            return {"first": "", "within": "7d"}
        case "sequence":
            return {"sequence": [{"event": ""}, {"event": ""}], "within": "7d"}
        case "regularly":
            return {"regularly": "", "every": "1w", "periods": 4, "at_least": 3}
        case "stopped":
            return {"stopped": "", "quiet": "14d", "before": "30d"}
        case "restarted":
            return {"restarted": "", "recent": "7d", "quiet": "30d", "before": "60d"}
        case "trait":
            return {"trait": "", "exists": True}
        case "score":
            return {"score": "", "gte": 0.5}
        case "consent":
            return {"consent": "marketing"}
        case "has":
            return {"has": "email"}
        case "has_been":
            return {"has_been": {"trait": "", "exists": True}, "for": "30d"}
        case "bucket":
            return {"bucket": {"salt": "", "from": 0.0, "to": 0.1}}
    return {kind: ""}


def undrawable(rule: Any) -> str | None:
    """The path of a part that no form can show, None when all can. What is wrong inside of forms the API tells."""
    for path, node, depth in walk(rule):
        kind = kind_of(node)
        if kind is None or depth > DEPTH or not _whole(kind, node):
            return path
    return None


def walk(node: Any, path: str = "rule", depth: int = 1) -> Iterator[tuple[str, Any, int]]:
    """Every part with its path as the API says it, and how deep it is."""
    yield path, node, depth
    if not isinstance(node, dict) or depth > DEPTH:
        return
    for kind in GROUPS:
        if isinstance(node.get(kind), list):
            for place, child in enumerate(node[kind]):
                yield from walk(child, f"{path}.{kind}[{place}]", depth + 1)
    for kind in ("not", "has_been"):
        if kind in node:
            yield from walk(node[kind], f"{path}.{kind}", depth + 1)


_LISTS = ("all", "any", "sequence", "where", "having", "without")
_OBJECTS = ("bucket", "weight", "measure", "times")
_TEXTS = (
    "did",
    "first",
    "last",
    "regularly",
    "stopped",
    "restarted",
    "trait",
    "tag",
    "score",
    "consent",
    "has",
    "in_segment",
    "within",
    "gap",
    "same",
    "calendar",
    "zone",
    "every",
    "quiet",
    "before",
    "recent",
    "for",
    "from",
    "to",
)
_PAIRS = ("between",)


def _whole(kind: str, node: Node) -> bool:
    """Whether each field is of the kind its form edits."""
    kinds = ((_LISTS, list), (_OBJECTS, dict), (_TEXTS, str))
    if not all(isinstance(node[name], wanted) for names, wanted in kinds for name in names if name in node):
        return False
    steps = [*node.get("sequence", ()), *node.get("without", ())]
    whole = all(_filter(node[name]) for name in _OBJECTS if name in node) and _filter(node)
    return whole and all(filters_whole(one) for one in [node, *steps])


def filters_whole(one: Any) -> bool:
    """Whether an event (with its `where` and `having`, if it has them) can be drawn."""
    if not isinstance(one, dict):
        return False
    given = [one.get(name, []) for name in ("where", "having")]
    return all(isinstance(filters, list) and all(map(_filter, filters)) for filters in given)


def _filter(one: Any) -> bool:
    if not isinstance(one, dict):
        return False
    pairs = all(isinstance(one[name], list) and len(one[name]) == 2 for name in _PAIRS if name in one)
    lists = all(isinstance(one[name], list) for name in ("in", "not_in") if name in one)
    return pairs and lists
