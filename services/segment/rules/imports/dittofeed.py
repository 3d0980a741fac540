"""Reads segments of Dittofeed: an entry node and a flat list of nodes that name each other by id."""

from __future__ import annotations

from typing import Any

from services.segment.rules.imports.carry import (
    Ledger,
    Path,
    Said,
    Test,
    all_of,
    any_of,
    direction,
    moment,
    negate,
    number,
    objects,
    seconds,
    slug,
    text,
    trait,
    where,
)

DEPTH = 12
"""Nodes that name each other deeper than our rules are deep are not followed."""

_WHY = {
    "Email": "what happened to messages is no event of a viewer here; campaigns know it",
    "Broadcast": "who was in a broadcast is known to campaigns, not to rules",
    "SubscriptionGroup": "a subscription group has another name here: ask for it with consent",
    "Manual": "its members are not in this file: bring them as the CSV of a static list, and ask with in_segment",
    "KeyedPerformed": "it looks at one occasion of a journey, not at a viewer",
}


def read(ledger: Ledger, body: dict[str, Any]) -> Said:
    """The rule of a definition, or of a segment with its definition."""
    path: Path = ()
    if isinstance(body.get("definition"), dict):
        body, path = body["definition"], ("definition",)
    nodes = {
        text(node.get("id")): (node, (*path, "nodes", place)) for place, node in enumerate(objects(body.get("nodes")))
    }
    return _node(ledger, body.get("entryNode"), (*path, "entryNode"), 1, nodes, DEPTH)


def name(body: dict[str, Any]) -> tuple[str, str]:
    """Key and name of a segment, as far as they are there."""
    return text(body.get("name")), text(body.get("name"))


def _node(
    ledger: Ledger, node: Any, path: Path, sign: int, nodes: dict[str, tuple[dict[str, Any], Path]], depth: int
) -> Said:
    ledger.step()
    kind = text(node.get("type")) if isinstance(node, dict) else ""
    if kind in ("And", "Or"):
        parts: list[Said] = []
        children = node.get("children")
        for place, child in enumerate(children if isinstance(children, list) else []):
            found, there = nodes.get(text(child), (None, (*path, "children", place)))
            if found is None or depth == 0:
                parts.append(ledger.lost(there, text(child), "there is no such node, or it goes round", sign))
            else:
                parts.append(_node(ledger, found, there, sign, nodes, depth - 1))
        return all_of(parts) if kind == "And" else any_of(parts)
    if kind == "Everyone":
        return True
    if kind == "Trait":
        return _trait(ledger, node, path, sign)
    if kind == "Includes":
        return trait(ledger, path, _path(node.get("path")), Test(({"contains": node.get("item")},)), sign)
    if kind == "Performed":
        return _performed(ledger, node, path, sign)
    if kind == "LastPerformed":
        return _last(ledger, node, path, sign)
    if kind == "RandomBucket":
        share = node.get("percent")
        if not isinstance(share, int | float) or not 0 <= share <= 1:
            return ledger.lost(path, kind, "percent is a number from 0 to 1", sign)
        if share == 0:
            return False
        bucket = {"bucket": {"salt": slug(text(node.get("id"))), "from": 0, "to": share}}
        ledger.note(path, kind, "as many viewers, but others: buckets are drawn otherwise here", "changed", bucket)
        return bucket
    return ledger.lost(path, kind or "node", _WHY.get(kind, "no rule of ours asks for this"), sign)


def _path(path: Any) -> str:
    """A field; their paths may begin as JSON paths do."""
    return text(path).removeprefix("$").removeprefix(".")


def _trait(ledger: Ledger, node: dict[str, Any], path: Path, sign: int) -> Said:
    operator = node.get("operator")
    field = _path(node.get("path"))
    if isinstance(operator, dict) and operator.get("type") == "HasBeen":
        length = seconds(operator.get("windowSeconds"))
        if length is None or not field:
            return ledger.lost(path, "HasBeen", "its window is not understood", sign)
        now: dict[str, Any] = {"trait": field, "eq": operator.get("value")}
        long = {"has_been": now, "for": length}
        return long if operator.get("comparator", "GTE") == "GTE" else all_of([now, negate(long)])
    test = _test(ledger, operator, (*path, "operator"))
    if test is None or not field:
        return sign < 0
    return trait(ledger, path, field, test, sign)


def _test(ledger: Ledger, operator: Any, path: Path) -> Test | None:
    kind = text(operator.get("type")) if isinstance(operator, dict) else ""
    value = operator.get("value") if isinstance(operator, dict) else None
    if kind in ("Exists", "NotExists"):
        return Test(({"exists": kind == "Exists"},))
    if kind in ("Equals", "NotEquals") and isinstance(value, str | int | float):
        return Test(({"eq": value},), inverted=kind == "NotEquals")
    if kind in ("GreaterThanOrEqual", "LessThan") and (bound := number(value)) is not None:
        return Test(({"gte" if kind == "GreaterThanOrEqual" else "lt": bound},))
    if kind == "Within" and (length := seconds(operator.get("windowSeconds"))):
        return Test(({"within": length},))
    if kind == "AbsoluteTimestamp" and (at := moment(operator.get("absoluteTimestamp"), ledger.zone)):
        return Test(({"before" if operator.get("direction") == "before" else "after": at},))
    ledger.note(
        path, kind or "operator", "no comparison of ours does this, or not with this value", "narrower", "nobody"
    )
    return None


def _filters(ledger: Ledger, listed: Any, path: Path, sign: int) -> list[dict[str, Any]] | None:
    found: list[dict[str, Any]] = []
    for place, one in enumerate(objects(listed)):
        here = (*path, place)
        test = _test(ledger, one.get("operator"), (*here, "operator"))
        terms = where(ledger, here, _path(one.get("path")), test, sign)
        if terms is None:
            return None
        found += terms
    return found


def _performed(ledger: Ledger, node: dict[str, Any], path: Path, sign: int) -> Said:
    times = {{">=": "gte", "<": "lt", "=": "eq"}.get(text(node.get("timesOperator", "=")), ""): node.get("times", 1)}
    if "" in times or not isinstance(next(iter(times.values())), int):
        return ledger.lost(path, "timesOperator", "how often is not understood", sign)
    filters = _filters(ledger, node.get("properties"), (*path, "properties"), sign * direction(times))
    if filters is None:
        return sign < 0
    window: dict[str, Any] = {}
    if node.get("timeOperator") == "AbsoluteTimestamp" or "absoluteTimestamp" in node:
        at = moment(node.get("absoluteTimestamp"), ledger.zone)
        if at is None:
            return ledger.lost(path, "absoluteTimestamp", "the time is not understood", sign)
        window = {"to": at} if node.get("direction") == "before" else {"from": at}
    elif node.get("withinSeconds"):
        length = seconds(node["withinSeconds"])
        if length is None:
            return ledger.lost(path, "withinSeconds", "the time is not understood", sign)
        window = {"within": length}
    return {
        "did": ledger.event(text(node.get("event"))),
        **({"where": filters} if filters else {}),
        "times": times,
        **window,
    }


def _last(ledger: Ledger, node: dict[str, Any], path: Path, sign: int) -> Said:
    eligible = _filters(ledger, node.get("whereProperties"), (*path, "whereProperties"), 0)
    having = _filters(ledger, node.get("hasProperties"), (*path, "hasProperties"), sign)
    if eligible is None or having is None:
        return sign < 0
    return {
        "last": ledger.event(text(node.get("event"))),
        **({"where": eligible} if eligible else {}),
        **({"having": having} if having else {}),
    }
