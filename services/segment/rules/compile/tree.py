"""A whole rule as one expression over the warehouse's tables: who is in, and until when that stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import ibis
import msgspec

from services.segment.rules.compile import engine, sequences, values
from services.segment.rules.compile.events import Answer, Pass, compiled
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
    Leaf,
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
    known: Known | None = None,
    *,
    following: bool = False,
    ids: tuple[int, int] | None = None,
) -> Compiled:
    """Who is in: a table (profile_id) of all viewers for whom the rule holds at this instant.

    With `following` it is (profile_id, inside, next) of all who are in or can come in by time alone: `next` is later
    than `at` and not later than the first instant at which time alone changes the answer, null if none does. `ids` are
    the first profile id and the one after the last, to ask about those only.
    """
    return _Compiler(at, known or {}, following=following, ids=ids).members(rule)


class _Compiler:
    def __init__(self, at: datetime, known: Known, *, following: bool, ids: tuple[int, int] | None) -> None:
        self.at = at
        self.known = known
        self.following = following
        self.ids = ids
        self.lists: set[str] = set()
        self.entered: dict[str, timedelta] = {}
        self.pass_ = Pass(at, following)
        self.leaves: dict[str, Callable[[Any], Answer]] = {}
        self.chains: list[Any] = []
        self.viewers = False
        """Whether something is asked that only the table of viewers knows."""

    def members(self, rule: Rule) -> Compiled:
        self._prepare(rule)
        joined = self._joined(needs_everybody=self.following or self._empty(rule) is not False)
        if not self.following:
            found = joined.filter(self._holds(rule, joined)).select("profile_id")
        else:
            layered, name = _Layers(self, joined).of(rule)
            inside, following = layered[f"h_{name}"], layered[f"n_{name}"]
            chosen = layered.select(profile_id=layered.profile_id, inside=inside, next=following)
            found = chosen.filter(chosen.inside | chosen.next.notnull())
        return Compiled(found, frozenset(self.lists), self.entered)

    # --- the tables

    def _among(self, table: Any) -> list[Any]:
        if self.ids is None:
            return []
        return [table.profile_id >= self.ids[0], table.profile_id < self.ids[1]]

    def _joined(self, *, needs_everybody: bool) -> Any:
        """Whoever can be in, with all that leaves answer from."""
        tables = [make(self._among) for make in self.chains]
        counted = self.pass_.grouped(self._among) if self.pass_.columns else None
        if not needs_everybody and not tables and counted is not None and not (self.viewers or self.entered):
            return counted.mutate(profile_id=counted.counted_id)
        joined = engine.viewers.filter(*self._among(engine.viewers)) if self.ids else engine.viewers
        if not self.viewers:
            joined = joined.select("profile_id")
        if counted is not None:
            join = joined.left_join if needs_everybody or tables else joined.inner_join
            joined = join(counted, joined.profile_id == counted.counted_id)
        for place, table in enumerate(tables):
            chain = table.rename(**{f"chain_{place}": "chain_id", f"begun_{place}": "begun"})
            joined = joined.left_join(chain, joined.profile_id == chain[f"chain_{place}"])
        for key in sorted(self.entered):
            told = ibis.table(
                {"profile_id": "int64", "inside": "boolean", "at": engine.INSTANT}, name=f"told_{key}"
            ).rename({f"told_id_{key}": "profile_id", f"inside_{key}": "inside", f"at_{key}": "at"})
            joined = joined.left_join(told, joined.profile_id == told[f"told_id_{key}"])
        return joined

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
            case _:
                self._leaf(rule)

    def _segment(self, key: str, dated: timedelta | None) -> None:
        if dated is not None:
            self.entered[key] = max(dated, self.entered.get(key, dated))
        inner = self.known.get(key)
        if inner is not None:
            self._prepare(inner)
        elif key in self.known:
            self.lists.add(key)

    def _leaf(self, leaf: Leaf) -> None:
        said = _text(leaf)
        if said in self.leaves:
            return
        match leaf:
            case Did() | First() | Last() | Regularly() | Stopped() | Restarted():
                self.leaves[said] = compiled(leaf, self.pass_)
            case Sequence() if sequences.plain_pair(leaf):
                self.leaves[said] = sequences.pair(leaf, self.pass_)
            case Sequence():
                table, answer = sequences.chained(leaf, self.pass_)
                begun = f"begun_{len(self.chains)}"
                self.chains.append(table)
                self.leaves[said] = lambda joined: answer(joined, begun)
            case Bucket():
                self.leaves[said] = lambda joined: _share(leaf, joined)
            case _:
                self.viewers = True
                self.leaves[said] = lambda joined: self._known(leaf, joined)

    def leaf(self, rule: Any, joined: Any) -> Answer:
        """The answer of a part that is no group."""
        if isinstance(rule, InSegment):
            return self._listed(rule.in_segment, joined)
        return self.leaves[_text(rule)](joined)

    def _listed(self, key: str, joined: Any) -> Answer:
        if key not in self.known:
            return Answer(ibis.literal(False), values.never())
        listed = ibis.table({"profile_id": "int64"}, name=f"list_{key}")
        return Answer(joined.profile_id.isin(listed.profile_id), values.never())

    def _known(self, leaf: Any, joined: Any) -> Answer:
        """What profile told."""
        match leaf:
            case Trait():
                value = values.field(joined.traits, leaf.trait)
                return Answer(values.holds(leaf, value, self.at), values.flips(leaf, value, self.at))
            case Tagged():
                holds = joined.tags.contains(leaf.tag).fill_null(False)
                if leaf.weight is not None:
                    # a tag that nobody weighed holds wholly
                    weight = values.number(values.field(joined.weights, leaf.tag)).fill_null(1.0)
                    bounds = [values.bounded(weight, *bound) for bound in leaf.weight.bounds]
                    holds = values.every([holds, *bounds])
                return Answer(holds, values.never())
            case Score():
                value = values.field(joined.scores, leaf.score)
                if leaf.operator == "exists":
                    holds = values.present(value) if leaf.operand else ~values.present(value)
                else:
                    holds = values.bounded(values.number(value), leaf.operator, leaf.operand).fill_null(False)
                return Answer(holds, values.never())
            case Consent():
                value = values.field(joined.consent, leaf.consent)
                return Answer((value == ("true" if leaf.answer else "false")).fill_null(False), values.never())
            case Has():
                return Answer(joined.has.contains(leaf.has).fill_null(False), values.never())
        raise TypeError(f"{type(leaf).__name__} is nothing a rule can ask")

    # --- groups

    def _holds(self, rule: Rule, joined: Any) -> Any:
        match rule:
            case AllOf():
                return values.every(self._holds(child, joined) for child in rule.all)
            case AnyOf():
                return values.some(self._holds(child, joined) for child in rule.any)
            case Negated():
                return ~self._holds(rule.not_, joined)
            case HasBeen():
                since = self.since(rule, joined, lambda leaf: self._holds(leaf, joined))
                return self._holds(rule.has_been, joined) & self.long_enough(rule, since)
            case InSegment() if (inner := self.known.get(rule.in_segment)) is not None:
                return self._holds(inner, joined)
        return self.leaf(rule, joined).holds

    def long_enough(self, rule: HasBeen, since: Any) -> Any:
        """Whether what it rests on has been so for that long."""
        return (since <= engine.at(self.at - span(rule.for_))).fill_null(True)

    def since(self, rule: HasBeen, joined: Any, holds: Callable[[Any], Any]) -> Any:
        """Since when everything it rests on is as it is; null: as long as anybody knows."""
        instants = [self._since(leaf, joined, holds) for leaf in leaves(rule.has_been)]
        return ibis.greatest(*instants) if len(instants) > 1 else instants[0]

    def _since(self, leaf: Leaf, joined: Any, holds: Callable[[Any], Any]) -> Any:
        match leaf:
            case Trait():
                told = values.field(joined.since, leaf.trait)
                is_there = values.present(values.field(joined.traits, leaf.trait))
            case Tagged():
                told = values.field(joined.tag_since, leaf.tag)
                is_there = joined.tags.contains(leaf.tag).fill_null(False)
            case Consent():
                told = values.field(joined.consent_since, leaf.consent)
                is_there = values.present(values.field(joined.consent, leaf.consent))
            case InSegment():
                key = leaf.in_segment
                inside = holds(leaf)
                same = joined[f"inside_{key}"].fill_null(False) == inside
                return ibis.ifelse(same, joined[f"at_{key}"], engine.at(self.at))
            case _:
                raise TypeError(f"of {type(leaf).__name__} it is not known since when")
        return ibis.ifelse(is_there, values.said(told).try_cast(engine.INSTANT), values.never())

    def _empty(self, rule: Rule) -> bool | None:
        """Whether the rule holds for a viewer who did nothing; None: it depends on more."""
        match rule:
            case AllOf():
                return _all([self._empty(child) for child in rule.all])
            case AnyOf():
                return _not(_all([_not(self._empty(child)) for child in rule.any]))
            case Negated():
                return _not(self._empty(rule.not_))
            case InSegment() if (inner := self.known.get(rule.in_segment)) is not None:
                return self._empty(inner)
            case Did():
                value = 0.0 if rule.measure.kind in ("count", "sum", "distinct", "active_days") else None
                return value is not None and all(_python(name, bound, value) for name, bound in rule.times.bounds)
            case First() | Last() | Regularly() | Stopped() | Restarted() | Sequence():
                return False
        return None


class _Layers:
    """Answers as columns, each group in a layer above its parts, so that no part is written twice."""

    def __init__(self, compiler: _Compiler, joined: Any) -> None:
        self.compiler = compiler
        self.joined = joined
        self.heights: dict[str, int] = {}
        self.names: dict[str, str] = {}
        self.rows: list[dict[str, Callable[[Any], Answer]]] = []

    def of(self, rule: Rule) -> tuple[Any, str]:
        """The table with all answers, and the name of the rule's own: columns h_name (holds) and n_name (next)."""
        name, _ = self._place(rule)
        table = self.joined
        for row in self.rows:
            columns: dict[str, Any] = {}
            for one, answer in row.items():
                found = answer(table)
                columns |= {f"h_{one}": found.holds, f"n_{one}": found.next}
            table = table.mutate(**columns)
        return table, name

    def _place(self, rule: Rule) -> tuple[str, int]:
        """The name of a part's columns, and in which layer they are."""
        inner = self.compiler.known.get(rule.in_segment) if isinstance(rule, InSegment) else None
        if inner is not None:
            return self._place(inner)
        said = _text(rule)
        if said not in self.names:
            answer, height = self._answer(rule)
            self.names[said] = f"a{len(self.names)}"
            self.heights[said] = height
            self.rows.extend({} for _ in range(height + 1 - len(self.rows)))
            self.rows[height][self.names[said]] = answer
        return self.names[said], self.heights[said]

    def _answer(self, rule: Rule) -> tuple[Callable[[Any], Answer], int]:
        match rule:
            case AllOf():
                return self._both([self._place(child) for child in rule.all], wanted=True)
            case AnyOf():
                return self._both([self._place(child) for child in rule.any], wanted=False)
            case Negated():
                name, height = self._place(rule.not_)
                return lambda table: Answer(~table[f"h_{name}"], table[f"n_{name}"]), height + 1
            case HasBeen():
                return self._has_been(rule)
        return lambda table: self.compiler.leaf(rule, table), 0

    def _both(self, parts: list[tuple[str, int]], *, wanted: bool) -> tuple[Callable[[Any], Answer], int]:
        """All (every part is so), and any as its mirror (not every part is not so).

        While all parts are so, the first that changes counts. Otherwise it is the last of those that are not so, which
        must all change; if one of them never does, nothing does.
        """
        names = list(dict.fromkeys(name for name, _ in parts))

        def answer(table: Any) -> Answer:
            so = {name: table[f"h_{name}"] if wanted else ~table[f"h_{name}"] for name in names}
            every = values.every(so.values())
            first = values.soonest(table[f"n_{name}"] for name in names)
            others = [ibis.ifelse(so[name], values.never(), table[f"n_{name}"]) for name in names]
            last = ibis.greatest(*others) if len(others) > 1 else others[0]
            for_ever = values.some(~so[name] & table[f"n_{name}"].isnull() for name in names)
            following = ibis.cases((every, first), (for_ever, values.never()), else_=last)
            return Answer(every if wanted else ~every, following)

        return answer, 1 + max(height for _, height in parts)

    def _has_been(self, rule: HasBeen) -> tuple[Callable[[Any], Answer], int]:
        whole, height = self._place(rule.has_been)
        inner = {_text(leaf): self._place(leaf)[0] for leaf in leaves(rule.has_been)}

        def answer(table: Any) -> Answer:
            since = self.compiler.since(rule, table, lambda leaf: table[f"h_{inner[_text(leaf)]}"])
            holds, long = table[f"h_{whole}"], self.compiler.long_enough(rule, since)
            waits = values.shifted(since, span(rule.for_))
            return Answer(holds & long, ibis.ifelse(holds & ~long, waits, table[f"n_{whole}"]))

        return answer, height + 1


def _share(leaf: Bucket, joined: Any) -> Answer:
    """The bucket that shared.experiment gives the viewer: the first 53 bits of a SHA-256 over salt and id."""
    seed = ibis.literal(leaf.bucket.salt) + engine.character(0) + joined.profile_id.cast("string")
    low = ibis.literal(_steps(leaf.bucket.from_), "int64")
    high = ibis.literal(_steps(leaf.bucket.to), "int64")
    place = engine.bits(engine.sha256(seed))
    return Answer((place >= low) & (place < high), values.never())


def _steps(share: float) -> int:
    """The least 53-bit number whose share is not below this one."""
    scaled = float(share) * (1 << 53)  # exact: a power of two
    return -int(-scaled // 1)


def _text(rule: Any) -> str:
    return f"{type(rule).__name__} {msgspec.json.encode(plain(rule)).decode()}"


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _all(parts: list[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if None in parts else True


def _python(name: str, bound: Any, value: float) -> bool:
    if name == "between":
        return bool(bound[0] <= value <= bound[1])
    return bool(values.COMPARE[name](value, bound))
