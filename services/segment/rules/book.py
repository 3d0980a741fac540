"""The book of all segments that live: what can touch which of them, in which order they are judged, and by whom.

A segment that asks another by its rule is judged by that rule and needs no order. What was *told* of a segment is asked
too: since when a viewer is in it (`has_been`), and who stands on a static list. So whoever asks that comes after it,
and is judged again when it moves a viewer.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.segment.rules import graph
from services.segment.rules.judge import Judge, Memo, Viewer
from services.segment.schemas.rule import ANY, Rule

_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Definition:
    """A segment that lives. `filling` is the cause of its transitions until every viewer has been judged, else None.

    A static list has no rule; nor has a segment whose rule nobody understands any more, which has a `problem` instead.
    """

    id: int
    key: str
    version: int
    rule: Rule | None
    filling: str | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A viewer entered (or left) a segment."""

    segment_id: int
    profile_id: int
    cause: str
    entered: bool


@dataclass(slots=True)
class Verdict:
    """What judging found: changes in their order, and of every judged pair when time alone can change the answer."""

    changes: list[Change] = field(default_factory=list)
    next: dict[tuple[int, int], datetime | None] = field(default_factory=dict)


class Book:
    """All definitions at one moment, indexed by what can touch them."""

    def __init__(self, definitions: Iterable[Definition]) -> None:
        self.definitions = {one.id: one for one in definitions}
        self.ids = {one.key: one.id for one in self.definitions.values()}
        self.filling = {one.id: one.filling for one in self.definitions.values() if one.filling}
        self.ruled = frozenset(one.id for one in self.definitions.values() if one.rule is not None)
        self.static = frozenset(self.definitions) - self.ruled
        rules = {one.key: one.rule for one in self.definitions.values() if one.rule is not None}
        self.judge = Judge(rules)
        found = {one.key: graph.asked(one.rule) for one in self.definitions.values()}
        edges = {key: asked.keys for key, asked in found.items()}
        self._asked_by: dict[str, set[str]] = {}
        for key, others in edges.items():
            for other in others:
                self._asked_by.setdefault(other, set()).add(key)
        self._order = {self.ids[key]: place for place, key in enumerate(graph.order(edges))}
        self._ordered = sorted(self._order, key=self._order.__getitem__)
        names: dict[str, set[int]] = {}
        for key in rules:
            for event in self.judge.needs([key]).events:
                names.setdefault(event, set()).add(self.ids[key])
        self._by_name = {event: frozenset(those) for event, those in names.items()}
        self.since: dict[str, timedelta] = {}
        """Segments of which it is asked since when a viewer is in them, and how long back that matters."""
        tellers: dict[str, set[str]] = {}
        for key, asked in found.items():
            for other, span in asked.since.items():
                self.since[other] = max(self.since.get(other, span), span)
                tellers.setdefault(other, set()).add(key)
            for other in asked.keys:
                if other in self.ids and self.ids[other] in self.static:
                    tellers.setdefault(other, set()).add(key)
        self.followers = {
            self.ids[key]: self._numbers(askers | graph.dependents(askers, edges))
            for key, askers in tellers.items()
            if key in self.ids
        }
        """Who must be judged again when this segment moves a viewer."""

    def _numbers(self, keys: Iterable[str]) -> frozenset[int]:
        return frozenset(self.ids[key] for key in keys)

    def by_event(self, event: str, properties: Mapping[str, Any]) -> frozenset[int]:
        """Segments that such an event can touch."""
        return self._numbers(self.judge.touched_by(event, properties))

    def by_name(self, event: str) -> frozenset[int]:
        """Segments that some event of this name can touch."""
        return self._by_name.get(event, _NONE) | self._by_name.get(ANY, _NONE)

    def by_news(self, news: Mapping[str, Collection[str]]) -> frozenset[int]:
        """Segments that changed traits, tags, scores, consents and channels of these names can touch."""
        touched: set[str] = set()
        touched.update(self.judge.touched_by_trait(news["traits"]))
        touched.update(self.judge.touched_by_tag(news["tags"]))
        touched.update(self.judge.touched_by_score(news["scores"]))
        touched.update(self.judge.touched_by_consent(news["consent"]))
        touched.update(self.judge.touched_by_has(news["has"]))
        return self._numbers(touched)

    def following(self, segment_ids: Iterable[int]) -> frozenset[int]:
        """Whoever may have to be judged besides these, because of what they move."""
        if not self.followers:
            return _NONE
        return frozenset().union(*(self.followers.get(one, _NONE) for one in segment_ids))

    def asked(self, segment_id: int) -> frozenset[int]:
        """Segments that this one asks, directly or through others."""
        found = graph.dependents([self.definitions[segment_id].key], self._asked_by)
        return self._numbers(key for key in found if key in self.ids)

    def keys(self, segment_ids: Iterable[int]) -> list[str]:
        """Their keys."""
        return [self.definitions[one].key for one in segment_ids]

    def settle(
        self, viewer: Viewer, wanted: Mapping[int, str], inside: set[int], at: datetime, verdict: Verdict
    ) -> None:
        """Judge a viewer by these segments (with the cause if that changes something), and by who follows from it.

        `inside` are the segments he is in as told; it becomes what the verdict says.
        """
        memo: Memo = {}
        causes = dict(wanted)
        waiting = [self._order[one] for one in causes]
        heapq.heapify(waiting)
        profile_id = viewer.profile_id
        while waiting:
            segment_id = self._ordered[heapq.heappop(waiting)]
            key = self.definitions[segment_id].key
            answer = self.judge.answer(key, viewer, at, memo)
            verdict.next[segment_id, profile_id] = answer.next
            if answer.inside is (segment_id in inside):
                continue
            cause = causes[segment_id]
            verdict.changes.append(Change(segment_id, profile_id, cause, answer.inside))
            if answer.inside:
                inside.add(segment_id)
            else:
                inside.discard(segment_id)
            followers = self.followers.get(segment_id)
            if followers:
                viewer.entered[key] = answer.inside, at
                for one in followers - causes.keys():
                    causes[one] = cause
                    heapq.heappush(waiting, self._order[one])
