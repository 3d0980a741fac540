"""Answers with their next change as columns, each group in a layer above its parts: no part is written twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import ibis

from services.segment.rules.compile import instants, values
from services.segment.rules.compile.events import Answer
from services.segment.schemas.rule import AllOf, AnyOf, HasBeen, InSegment, Negated, Rule, leaves, span


class Parts(Protocol):
    """What knows the parts that are no groups."""

    def rule(self, key: str) -> Rule | None:
        """The rule of a segment, None of a static list."""

    def text(self, rule: Any) -> str:
        """What a part says."""

    def leaf(self, rule: Any, joined: Any) -> Answer:
        """The answer of a part that is no group."""

    def since(self, rule: HasBeen, joined: Any, holds: Callable[[Any], Any]) -> Any:
        """Since when everything it rests on is as it is."""

    def long_enough(self, rule: HasBeen, since: Any) -> Any:
        """Whether that is long enough."""


class Layers:
    """The layers over a joined table."""

    def __init__(self, parts: Parts, joined: Any) -> None:
        self.parts = parts
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
        inner = self.parts.rule(rule.in_segment) if isinstance(rule, InSegment) else None
        if inner is not None:
            return self._place(inner)
        said = self.parts.text(rule)
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
        return lambda table: self.parts.leaf(rule, table), 0

    def _both(self, parts: list[tuple[str, int]], *, wanted: bool) -> tuple[Callable[[Any], Answer], int]:
        """All (every part is so), and any as its mirror (not every part is not so).

        While all parts are so, the first that changes counts. Otherwise it is the last of those that are not so, which
        must all change; if one of them never does, nothing does.
        """
        names = list(dict.fromkeys(name for name, _ in parts))

        def answer(table: Any) -> Answer:
            so = {name: table[f"h_{name}"] if wanted else ~table[f"h_{name}"] for name in names}
            every = values.every(so.values())
            first = instants.soonest(table[f"n_{name}"] for name in names)
            others = [ibis.ifelse(so[name], instants.never(), table[f"n_{name}"]) for name in names]
            last = ibis.greatest(*others) if len(others) > 1 else others[0]
            for_ever = values.some(~so[name] & table[f"n_{name}"].isnull() for name in names)
            following = ibis.cases((every, first), (for_ever, instants.never()), else_=last)
            return Answer(every if wanted else ~every, following)

        return answer, 1 + max(height for _, height in parts)

    def _has_been(self, rule: HasBeen) -> tuple[Callable[[Any], Answer], int]:
        whole, height = self._place(rule.has_been)
        inner = {self.parts.text(leaf): self._place(leaf)[0] for leaf in leaves(rule.has_been)}

        def answer(table: Any) -> Answer:
            since = self.parts.since(rule, table, lambda leaf: table[f"h_{inner[self.parts.text(leaf)]}"])
            holds, long = table[f"h_{whole}"], self.parts.long_enough(rule, since)
            waits = instants.shifted(since, span(rule.for_))
            return Answer(holds & long, ibis.ifelse(holds & ~long, waits, table[f"n_{whole}"]))

        return answer, height + 1
