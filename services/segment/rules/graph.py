"""Which segment asks which: order, circles and dependents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.segment.schemas.rule import HasBeen, InSegment, Rule, leaves, seconds, walk


@dataclass(frozen=True)
class Asked:
    """Segments that a rule asks, and how long back of those it asks since when (`has_been`)."""

    keys: frozenset[str]
    since: Mapping[str, timedelta]


def asked(rule: Rule | None) -> Asked:
    """What a rule asks of other segments."""
    if rule is None:
        return Asked(frozenset(), {})
    since: dict[str, timedelta] = {}
    for _, node in walk(rule):
        if isinstance(node, HasBeen):
            span = timedelta(seconds=seconds(node.for_))
            for leaf in leaves(node.has_been):
                if isinstance(leaf, InSegment):
                    since[leaf.in_segment] = max(since.get(leaf.in_segment, span), span)
    return Asked(frozenset(leaf.in_segment for leaf in leaves(rule) if isinstance(leaf, InSegment)), since)


def circle(key: str, edges: Mapping[str, Iterable[str]]) -> list[str] | None:
    """A way from this segment back to itself, beginning and ending with it; None when there is none."""
    ways: list[list[str]] = [[key]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for following in sorted(edges.get(way[-1], ())):
            if following == key:
                return [*way, key]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return None


def order(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """All segments, each after those it asks. There must be no circle; whoever is in one stands in some order."""
    done: dict[str, None] = {}
    for start in sorted(edges):
        waiting = [(start, False)]
        begun: set[str] = set()
        while waiting:
            key, ready = waiting.pop()
            if ready:
                done.setdefault(key)
            elif key not in done and key not in begun:
                begun.add(key)
                waiting.append((key, True))
                waiting.extend((one, False) for one in sorted(edges.get(key, ()), reverse=True) if one in edges)
    return list(done)


def size(key: str, edges: Mapping[str, Iterable[str]], sizes: Mapping[str, int]) -> int:
    """Parts of a rule with the rules it asks in its place, those they ask too. There must be no circle."""
    known: dict[str, int] = {}
    for one in order(edges):
        known[one] = sizes.get(one, 0) + sum(known.get(other, 0) for other in edges.get(one, ()))
    return known.get(key, 0)


def dependents(keys: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    """Everyone who asks one of these segments, directly or through others; not these themselves unless asked too."""
    askers: dict[str, set[str]] = {}
    for key, others in edges.items():
        for other in others:
            askers.setdefault(other, set()).add(key)
    found: set[str] = set()
    waiting = list(keys)
    while waiting:
        for asker in askers.get(waiting.pop(), ()):
            if asker not in found:
                found.add(asker)
                waiting.append(asker)
    return found
