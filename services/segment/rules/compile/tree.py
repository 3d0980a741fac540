"""A whole rule as one expression over the warehouse's tables: who is in, and until when that stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

import ibis
import msgspec

from services.segment.rules.compile import absent, engine, instants, known, measures, occurrences, sequences, values
from services.segment.rules.compile.events import Answer, Leaf, Passes
from services.segment.rules.compile.layers import Layers
from services.segment.schemas.rule import (
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
    Sequence,
    Stopped,
    Tagged,
    Trait,
    leaves,
    plain,
    span,
)

TOLD = (Trait, Tagged, Score, Consent, Has)
"""Leaves that the table of viewers answers."""

Known: TypeAlias = Mapping[str, Rule | None]
"""Segments by their keys: the rule of each; None for a static list. A key that is not there has no members."""


@dataclass(frozen=True)
class Compiled:
    """An expression, and the tables it needs beside the warehouse's.

    `lists` are static segments: each is a table `list_<key>(profile_id)` of its members. `entered` are segments of
    which it matters since when, with how far back that matters: each is a table `told_<key>(profile_id, inside, at)`,
    what was told last of whom.
    """

    expression: Any
    lists: frozenset[str]
    entered: Mapping[str, timedelta]

    @property
    def sql(self) -> str:
        """DuckDB's statement."""
        return engine.text(self.expression)


def members(
    rule: Rule,
    at: datetime,
    segments: Known | None = None,
    *,
    following: bool = False,
    ids: tuple[int, int] | None = None,
) -> Compiled:
    """Who is in: a table (profile_id) of all viewers for whom the rule holds at this instant.

    With `following` it is (profile_id, inside, next) of all who are in or can come in by time alone: `next` is later
    than `at` and not later than the first instant at which time alone changes the answer, null if none does. `ids` are
    the first profile id and the one after the last, to ask about those only.
    """
    return _Compiler(at, segments or {}, following=following, ids=ids).members(rule)


class _Compiler:
    def __init__(self, at: datetime, segments: Known, *, following: bool, ids: tuple[int, int] | None) -> None:
        self.at = at
        self.segments = segments
        self.following = following
        self.ids = ids
        self.lists: set[str] = set()
        self.entered: dict[str, timedelta] = {}
        self.passes = Passes(at, following)
        self.leaves: dict[str, Leaf] = {}
        self.chains: dict[str, Any] = {}
        """Tables of sequences by what these say."""
        self.viewers = False
        """Whether something is asked that only the table of viewers knows."""

        self.everybody = following
        """Whether everybody is looked at, whatever he did."""

    def members(self, rule: Rule) -> Compiled:
        if not self.following:
            told = any(isinstance(leaf, TOLD) for leaf in self._leaves(rule))
            self.everybody = told or absent.holds(rule, absent.is_behaviour, self.rule) is not False
        self._prepare(rule)
        joined = self._joined(rule)
        if self.following:
            layered, name = Layers(self, joined).of(rule)
            inside, following = layered[f"h_{name}"], layered[f"n_{name}"]
            chosen = layered.select(profile_id=layered.profile_id, inside=inside, next=following)
            found = chosen.filter(chosen.inside | chosen.next.notnull())
        else:
            found = joined.filter(self._holds(rule, joined, strict=False)).select("profile_id")
        return Compiled(found, frozenset(self.lists), self.entered)

    def _leaves(self, rule: Rule) -> Iterator[Any]:
        """All leaves, those of segments that it asks about too."""
        for leaf in leaves(rule):
            inner = self.rule(leaf.in_segment) if isinstance(leaf, InSegment) else None
            if inner is None:
                yield leaf
            else:
                yield from self._leaves(inner)

    def rule(self, key: str) -> Rule | None:
        """The rule of a segment; None of a static list, and of what is no segment."""
        return self.segments.get(key)

    def text(self, rule: Any) -> str:
        """What a part says, as a key."""
        return f"{type(rule).__name__} {msgspec.json.encode(plain(rule)).decode()}"

    # --- the tables

    def _among(self, table: Any) -> list[Any]:
        if self.ids is None:
            return []
        return [table.profile_id >= self.ids[0], table.profile_id < self.ids[1]]

    def _joined(self, rule: Rule) -> Any:
        """Whoever can be in, with all that leaves answer from.

        Who must be in one of the tables is looked for there; only when nobody must, everybody is looked at.
        """
        needed: list[tuple[Any, str]] = []
        other: list[tuple[Any, str]] = []
        for table, name, about in self._tables():
            must = not self.following and absent.holds(rule, about, self.rule) is False
            (needed if must else other).append((table, name))
        if self.viewers or self.entered or not needed:
            joined = engine.viewers.filter(*self._among(engine.viewers)) if self.ids else engine.viewers
            if not self.viewers:
                joined = joined.select("profile_id")
        else:
            table, name = needed.pop(0)
            joined = table.mutate(profile_id=table[name])
        for table, name in needed:
            joined = joined.inner_join(table, joined.profile_id == table[name])
        for table, name in other:
            joined = joined.left_join(table, joined.profile_id == table[name])
        for key in sorted(self.entered):
            told = known.entries(key)
            joined = joined.left_join(told, joined.profile_id == told[f"told_id_{key}"])
        return joined

    def _tables(self) -> Iterator[tuple[Any, str, Callable[[Any], bool]]]:
        """Tables of columns, each with the name of its ids and the leaves that answer from it alone."""
        until = None if self.following else self.at
        made = [(event, one) for event, one in self.passes.by.items() if one.columns]
        for place, (event, one) in enumerate(made):
            grouped = one.grouped(self._among, until).rename({f"counted_{place}": "counted_id"})
            yield grouped, f"counted_{place}", absent.about(event)
        for place, (said, make) in enumerate(self.chains.items()):
            chain = make(self._among).rename({f"chain_{place}": "chain_id", f"begun_{place}": "begun"})
            yield chain, f"chain_{place}", partial(self._says, said)

    def _says(self, said: str, leaf: Any) -> bool:
        return self.text(leaf) == said

    # --- the leaves

    def _prepare(self, rule: Rule, dated: timedelta | None = None) -> None:
        """Collect what leaves need before the tables are made; `dated`: it matters since when, so far back."""
        match rule:
            case AllOf():
                for child in rule.all:
                    self._prepare(child, dated)
            case AnyOf():
                for child in rule.any:
                    self._prepare(child, dated)
            case Negated():
                self._prepare(rule.not_, dated)
            case HasBeen():
                self._prepare(rule.has_been, span(rule.for_))
            case InSegment():
                self._segment(rule.in_segment, dated)
            case _ if (said := self.text(rule)) not in self.leaves:
                self.leaves[said] = self._leaf(rule, said)

    def _segment(self, key: str, dated: timedelta | None) -> None:
        if dated is not None:
            self.entered[key] = max(dated, self.entered.get(key, dated))
        inner = self.rule(key)
        if inner is not None:
            self._prepare(inner)
        elif key in self.segments:
            self.lists.add(key)

    def _leaf(self, leaf: Any, said: str) -> Leaf:
        match leaf:
            case Did() if self.everybody and not self.following and (wanted := measures.once(leaf)) is not None:
                # engines look up ids faster than they join what was counted
                return partial(self._once, leaf, wanted)
            case Did():
                return measures.did(leaf, self.passes)
            case First() | Last():
                return occurrences.occurrence(leaf, self.passes)
            case Regularly():
                return occurrences.regularly(leaf, self.passes)
            case Stopped():
                return occurrences.stopped(leaf, self.passes)
            case Restarted():
                return occurrences.restarted(leaf, self.passes)
            case Sequence() if sequences.plain_pair(leaf):
                return sequences.pair(leaf, self.passes)
            case Sequence():
                table, answer = sequences.chained(leaf, self.passes)
                begun = f"begun_{len(self.chains)}"
                self.chains[said] = table
                return lambda joined: answer(joined, begun)
            case Bucket():
                return lambda joined: known.share(leaf, joined)
        self.viewers = True
        return lambda joined: known.told(leaf, joined, self.at)

    def _once(self, leaf: Did, wanted: bool, joined: Any) -> Answer:
        found = joined.profile_id.isin(measures.doers(leaf, self.at, self._among))
        return Answer(found if wanted else ~found, instants.never())

    def leaf(self, rule: Any, joined: Any) -> Answer:
        """The answer of a part that is no group."""
        if not isinstance(rule, InSegment):
            return self.leaves[self.text(rule)](joined)
        if rule.in_segment in self.segments:
            return known.listed(rule.in_segment, joined)
        return Answer(ibis.literal(False), instants.never())

    # --- groups

    def _holds(self, rule: Rule, joined: Any, *, strict: bool = True) -> Any:
        """Whether a part holds; where it need not be strict, null may stand for no: engines filter better by that."""
        match rule:
            case AllOf():
                return values.every(self._holds(child, joined, strict=strict) for child in rule.all)
            case AnyOf():
                return values.some(self._holds(child, joined, strict=strict) for child in rule.any)
            case Negated():
                return ~self._holds(rule.not_, joined)
            case HasBeen():
                since = self.since(rule, joined, lambda leaf: self._holds(leaf, joined))
                return self._holds(rule.has_been, joined, strict=strict) & self.long_enough(rule, since)
            case InSegment() if (inner := self.rule(rule.in_segment)) is not None:
                return self._holds(inner, joined, strict=strict)
        answer = self.leaf(rule, joined).holds
        return answer if strict else values.or_null(answer)

    def long_enough(self, rule: HasBeen, since: Any) -> Any:
        """Whether what it rests on has been so for that long."""
        return (since <= engine.at(self.at - span(rule.for_))).fill_null(True)

    def since(self, rule: HasBeen, joined: Any, holds: Callable[[Any], Any]) -> Any:
        """Since when everything it rests on is as it is; null: as long as anybody knows."""
        begun = [known.since(leaf, joined, self.at, holds) for leaf in leaves(rule.has_been)]
        return ibis.greatest(*begun) if len(begun) > 1 else begun[0]
