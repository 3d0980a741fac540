"""What touches which segments, and what must be known to judge them, worked out once for all rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from services.segment.rules.judge.behaviour import Behaviour
from services.segment.rules.judge.comparing import matcher
from services.segment.rules.judge.nodes import Node
from services.segment.rules.judge.sequences import Sequence_
from services.segment.schemas.rule import (
    Consent,
    Did,
    First,
    Has,
    HasBeen,
    InSegment,
    Last,
    Leaf,
    Regularly,
    Restarted,
    Rule,
    Score,
    Stopped,
    Tagged,
    Trait,
    Where,
    leaves,
    plain,
    walk,
)
from services.segment.schemas.rule import Sequence as SequenceRule

NONE: frozenset[str] = frozenset()
Lets = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be known of a viewer to judge him.

    `events` says per name (`*`: of every name) how far back from the instant of asking (None: all there are; those that
    lie ahead always too). `entered` are segments of which it matters what was told last, `lists` the static lists asked
    about.
    """

    events: Mapping[str, timedelta | None]
    entered: frozenset[str]
    lists: frozenset[str]


class Index:
    """By what touches them: segments that ask about it themselves, and all that ask about those."""

    def __init__(self, rules: Mapping[str, Rule], node: Callable[[Rule], Node]) -> None:
        self._rules = rules
        self.asks = {key: asked(rule) for key, rule in rules.items()}
        self.horizons: dict[str, dict[str, timedelta | None]] = {key: {} for key in rules}
        self._entered = {
            key: frozenset(
                leaf.in_segment
                for _, part in walk(rule)
                if isinstance(part, HasBeen)
                for leaf in leaves(part)
                if isinstance(leaf, InSegment)
            )
            for key, rule in rules.items()
        }
        filters: dict[str, dict[str, tuple[Lets | None, set[str]]]] = {}
        known: dict[str, dict[str, set[str]]] = {kind: {} for kind in ("trait", "tag", "score", "consent", "has")}
        for key, rule in rules.items():
            for leaf in leaves(rule):
                if kind_name := _about(leaf):
                    known[kind_name[0]].setdefault(kind_name[1], set()).add(key)
                for event, wheres in happenings(leaf):
                    said = msgspec.json.encode([plain(one) for one in wheres]).decode()
                    groups = filters.setdefault(event, {})
                    groups.setdefault(said, (matcher(wheres), set()))[1].add(key)
                    self._look_back(key, event, _horizon(node(leaf)))
        above = _above(self.asks)
        self.segments = {key: frozenset(one for one in keys if one != key) for key, keys in above.items()}
        whole = {kind: {name: union(above, keys) for name, keys in by.items()} for kind, by in known.items()}
        self.traits, self.tags, self.scores, self.consents, self.channels = whole.values()
        self.events: dict[str, list[tuple[Lets | None, frozenset[str]]]] = {
            event: [(lets, union(above, keys)) for lets, keys in groups.values()] for event, groups in filters.items()
        }

    def _look_back(self, key: str, event: str, horizon: timedelta | None) -> None:
        names = self.horizons[key]
        names[event] = longer(names.get(event, timedelta()), horizon)

    def needs(self, keys: Iterable[str]) -> Needs:
        """What must be known of a viewer to judge him by these segments and by all they ask about."""
        events: dict[str, timedelta | None] = {}
        entered: set[str] = set()
        lists: set[str] = set()
        waiting = list(keys)
        seen = set(waiting)
        while waiting:
            key = waiting.pop()
            if key not in self._rules:
                lists.add(key)
                continue
            for event, horizon in self.horizons[key].items():
                events[event] = longer(events.get(event, timedelta()), horizon)
            entered |= self._entered[key]
            waiting.extend(self.asks[key] - seen)
            seen |= self.asks[key]
        return Needs(events, frozenset(entered), frozenset(lists))


def longer(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    """The longer of two lengths, None being endless."""
    return None if one is None or other is None else max(one, other)


def union(by: Mapping[str, frozenset[str]], names: Iterable[str]) -> frozenset[str]:
    """All that stands under any of these names."""
    return NONE.union(*(by[name] for name in names if name in by))


def asked(rule: Rule) -> frozenset[str]:
    """Keys of segments that a rule asks about itself."""
    return frozenset(leaf.in_segment for leaf in leaves(rule) if isinstance(leaf, InSegment))


def happenings(leaf: Leaf) -> Iterator[tuple[str, Sequence[Where]]]:
    """Names and filters of the events that a leaf asks about."""
    match leaf:
        case Did():
            yield leaf.did, leaf.where
        case First():
            yield leaf.first, leaf.where
        case Last():
            yield leaf.last, leaf.where
        case Regularly():
            yield leaf.regularly, leaf.where
        case Stopped():
            yield leaf.stopped, leaf.where
        case Restarted():
            yield leaf.restarted, leaf.where
        case SequenceRule():
            yield from ((one.event, one.where) for one in (*leaf.sequence, *leaf.without))


def _about(leaf: Leaf) -> tuple[str, str] | None:
    match leaf:
        case Trait():
            return "trait", leaf.trait
        case Tagged():
            return "tag", leaf.tag
        case Score():
            return "score", leaf.score
        case Consent():
            return "consent", leaf.consent
        case Has():
            return "has", leaf.has
    return None


def _horizon(node: Node) -> timedelta | None:
    if isinstance(node, Behaviour):
        return node.horizon
    return node.length if isinstance(node, Sequence_) else None


def _above(asks: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Of every key that is asked about, or asks: itself and all that ask about it, directly or through others."""
    askers: dict[str, set[str]] = {key: set() for key in asks}
    for key, keys in asks.items():
        for one in keys:
            askers.setdefault(one, set()).add(key)
    above: dict[str, frozenset[str]] = {}
    for key in askers:
        found, waiting = {key}, [key]
        while waiting:
            more = askers[waiting.pop()] - found
            found |= more
            waiting.extend(more)
        above[key] = frozenset(found)
    return above
