"""All rules that live, compiled: what they need to know, what touches them, and their answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from services.segment.rules.judge import behaviour, nodes
from services.segment.rules.judge.explaining import Explained, explain
from services.segment.rules.judge.found import Matches
from services.segment.rules.judge.index import NONE, Index, Needs, union
from services.segment.rules.judge.nodes import Answer, Memo, Node, Since, ask
from services.segment.rules.judge.sequences import Sequence_
from services.segment.rules.judge.viewer import Viewer
from services.segment.schemas.rule import (
    ANY,
    AllOf,
    AnyOf,
    Bucket,
    Consent,
    Did,
    First,
    Has,
    HasBeen,
    InSegment,
    Last,
    Negated,
    Regularly,
    Restarted,
    Rule,
    Score,
    Step,
    Stopped,
    Tagged,
    Trait,
    Where,
    leaves,
    plain,
    span,
)
from services.segment.schemas.rule import (
    Sequence as SequenceRule,
)


class Judge:
    """Rules by the keys of their segments. A key that a rule asks about and that is not among them is a static list."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.rules = rules
        self._nodes: dict[str, Node] = {}
        self._matches: dict[str, Matches] = {}
        self._segments: dict[str, Node] = {}
        self._open: list[str] = []
        for key in rules:
            self._segment(key)
        self._by = Index(rules, self.node)

    # --- answers

    def answer(self, key: str, viewer: Viewer, at: datetime, memo: Memo) -> Answer:
        """Whether he is in, and until when that stands. `memo` belongs to this viewer and this instant; begin with {}.

        `next` is later than `at` and never later than the first instant at which time alone changes the answer.
        """
        return ask(self._segments[key], viewer, at, memo)

    def node(self, rule: Rule) -> Node:
        """A part of a rule, compiled."""
        key = _text(rule)
        known = self._nodes.get(key)
        if known is None:
            known = self._nodes[key] = self._compile(rule)
        return known

    def explain(self, key: str, viewer: Viewer, at: datetime) -> Explained:
        """Why he is in, or not: every part with its answer, what is there, and until when that stands."""
        return explain(self, self.rules[key], viewer, at, {})

    # --- what touches them

    def touched_by(self, event: str, properties: Mapping[str, Any]) -> frozenset[str]:
        """Segments that an event of this name with these properties can touch."""
        groups = [*self._by.events.get(event, ()), *self._by.events.get(ANY, ())]
        if not groups:
            return NONE
        return frozenset().union(*(keys for lets, keys in groups if lets is None or lets(properties)))

    def touched_by_trait(self, names: Iterable[str]) -> frozenset[str]:
        """Segments that a change of these traits can touch."""
        return union(self._by.traits, names)

    def touched_by_tag(self, names: Iterable[str]) -> frozenset[str]:
        """Segments that gaining, losing or weighing these tags anew can touch."""
        return union(self._by.tags, names)

    def touched_by_score(self, names: Iterable[str]) -> frozenset[str]:
        """Segments that a change of these scores can touch."""
        return union(self._by.scores, names)

    def touched_by_consent(self, purposes: Iterable[str]) -> frozenset[str]:
        """Segments that an answer to these purposes can touch."""
        return union(self._by.consents, purposes)

    def touched_by_has(self, channels: Iterable[str]) -> frozenset[str]:
        """Segments that gaining or losing these channels can touch."""
        return union(self._by.channels, channels)

    def touched_by_segment(self, keys: Iterable[str]) -> frozenset[str]:
        """Segments that ask about these segments or static lists, directly or through others, without themselves."""
        return union(self._by.segments, keys)

    # --- what they need

    def needs(self, keys: Iterable[str]) -> Needs:
        """What must be known of a viewer to judge him by these segments."""
        return self._by.needs(keys)

    # --- compiling

    def _segment(self, key: str) -> Node:
        if key in self._segments:
            return self._segments[key]
        if key not in self.rules:
            return nodes.listed(key)
        if key in self._open:
            raise ValueError(f"segments ask about each other in a circle: {' > '.join([*self._open, key])}")
        self._open.append(key)
        self._segments[key] = self.node(self.rules[key])
        self._open.pop()
        return self._segments[key]

    def _compile(self, rule: Rule) -> Node:
        match rule:
            case AllOf():
                return nodes.All([self.node(child) for child in rule.all])
            case AnyOf():
                return nodes.Any_([self.node(child) for child in rule.any])
            case Negated():
                return nodes.Not(self.node(rule.not_))
            case HasBeen():
                parts = list(self._dated(rule.has_been))
                return nodes.HasBeen(self.node(rule.has_been), parts, span(rule.for_))
            case InSegment():
                return self._segment(rule.in_segment)
            case SequenceRule():
                return Sequence_(rule, self._steps(rule.sequence), self._steps(rule.without))
        return self._leaf(rule)

    def _leaf(self, rule: Rule) -> Node:
        match rule:
            case Trait():
                return nodes.trait(rule)
            case Tagged():
                return nodes.tag(rule)
            case Score():
                return nodes.score(rule)
            case Consent():
                return nodes.consent(rule)
            case Has():
                return nodes.has(rule)
            case Bucket():
                return nodes.share(rule)
            case Did():
                return behaviour.did(rule, self._match(rule.did, rule.where))
            case First():
                return behaviour.occurrence(rule, self._match(rule.first, rule.where))
            case Last():
                return behaviour.occurrence(rule, self._match(rule.last, rule.where))
            case Regularly():
                return behaviour.regularly(rule, self._match(rule.regularly, rule.where))
            case Stopped():
                return behaviour.stopped(rule, self._match(rule.stopped, rule.where))
            case Restarted():
                return behaviour.restarted(rule, self._match(rule.restarted, rule.where))
        raise TypeError(f"{type(rule).__name__} is nothing a rule can ask")

    def _dated(self, rule: Rule) -> Iterable[tuple[Node, Since]]:
        """The leaves inside has_been, with since when their answers stand."""
        for leaf in leaves(rule):
            match leaf:
                case Trait():
                    yield self.node(leaf), nodes.since_trait(leaf.trait)
                case Tagged():
                    yield self.node(leaf), nodes.since_tag(leaf.tag)
                case Consent():
                    yield self.node(leaf), nodes.since_consent(leaf.consent)
                case InSegment():
                    yield self.node(leaf), nodes.since_segment(leaf.in_segment)

    def _steps(self, steps: Sequence[Step]) -> list[Matches]:
        return [self._match(one.event, one.where) for one in steps]

    def _match(self, event: str, wheres: Sequence[Where]) -> Matches:
        key = f"{event}\x00{_texts(wheres)}"
        known = self._matches.get(key)
        if known is None:
            known = self._matches[key] = Matches(event, wheres)
        return known


def _text(rule: Rule) -> str:
    """What a rule says, as a key."""
    return msgspec.json.encode(plain(rule)).decode()


def _texts(wheres: Sequence[Where]) -> str:
    return msgspec.json.encode([plain(one) for one in wheres]).decode()
