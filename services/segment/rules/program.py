"""Puts the compiled parts of many segments together into one statement for the live work.

Ibis needs about 5 ms per rule, so compiling all of them again whenever one is saved would hold the ticks up for a
second at 200 segments. Parts are therefore compiled once each, by the same functions as the whole expression: the count
of a leaf over `theirs` (events of candidates), and the answer of a rule over `judged` (viewers with their counts). A
program is those parts in one frame; a property test holds it against the whole expression and against plain Python.
Every word of an operator is inside a part, as a literal that Ibis wrote; the frame adds only ids and own names, which
is why the warnings about strings in SQL (S608) are silenced here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import ibis
import ibis.expr.datatypes as dt
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.postgres import compiler

from services.segment.rules import compile as compiled
from services.segment.schemas.rule import Did, Rule, leaves

_JSON = dt.JSON(binary=True)
_INSTANT = dt.Timestamp(timezone="UTC")
_theirs = ibis.table(
    {"profile_id": "int64", "as_of": _INSTANT, "event": "string", "time": _INSTANT, "properties": _JSON}, name="theirs"
)

MAX_LEAVES = 400
"""Leaves of one statement; PostgreSQL has at most 1,664 columns in a row, and a leaf takes two."""

MAX_KEPT = 2_000
"""Rules whose parts a process keeps; past that it forgets all and compiles again what it needs."""


@dataclass(frozen=True)
class Program:
    """One statement that judges candidates by many rules.

    `text` is a query over `candidates`, `events` and `viewers` with rows (profile_id, segment_id, inside, next).
    """

    segments: frozenset[int]
    text: str


@dataclass
class Parts:
    """Compiled parts by what they say, of the rules this process has met."""

    leaves: dict[str, tuple[str, str]] = field(default_factory=dict)
    rules: dict[str, tuple[str, str]] = field(default_factory=dict)

    def learn(self, rules: Iterable[Rule]) -> None:
        """Compile what is new in these rules, all of it at once."""
        rules = list(rules)
        if len(self.rules) > MAX_KEPT:
            self.rules.clear()
            self.leaves.clear()
        wanted = {text(rule): rule for rule in rules if text(rule) not in self.rules}
        for rule in wanted.values():
            compiled.check(rule)
        dids = {compiled.column(leaf): leaf for rule in wanted.values() for leaf in _dids(rule)}
        new = {name: did for name, did in dids.items() if name not in self.leaves}
        if new:
            columns = compiled.counts(new.values(), _theirs, following=True)
            found = _columns(_theirs.aggregate(**columns), "theirs")
            self.leaves.update((name, (found[name], found[f"{name}_next"])) for name in new)
        if wanted:
            types: dict[str, object] = {"traits": _JSON, "tags": "array<string>"}
            for name in dids:
                types |= {name: "int64", f"{name}_next": _INSTANT}
            judged = ibis.table(types, name="judged")
            answers: dict[str, object] = {}
            for place, rule in enumerate(wanted.values()):
                answers |= {
                    f"in_{place}": compiled.holds(rule, judged),
                    f"next_{place}": compiled.changes(rule, judged),
                }
            found = _columns(judged.select(**answers), "judged")
            self.rules.update((key, (found[f"in_{n}"], found[f"next_{n}"])) for n, key in enumerate(wanted))

    def programs(self, segments: Mapping[int, Rule]) -> list[Program]:
        """As few statements as hold all of these segments; their parts must have been learnt."""
        made: list[Program] = []
        shelf: dict[int, Rule] = {}
        counted: set[str] = set()
        for segment_id, rule in segments.items():
            names = {compiled.column(did) for did in _dids(rule)}
            if shelf and len(counted | names) > MAX_LEAVES:
                made.append(self._program(shelf))
                shelf, counted = {}, set()
            shelf[segment_id] = rule
            counted |= names
        return [*made, self._program(shelf)] if shelf else made

    def _program(self, segments: Mapping[int, Rule]) -> Program:
        dids = {compiled.column(did): did for rule in segments.values() for did in _dids(rule)}
        people = "SELECT v.profile_id, v.traits, v.tags, c.as_of FROM candidates c JOIN viewers v USING (profile_id)"
        if dids:
            columns = ", ".join(
                f'{self.leaves[name][0]} AS "{name}", {self.leaves[name][1]} AS "{name}_next"' for name in sorted(dids)
            )
            judged = (
                f"SELECT p.*, k.* FROM ({people}) p LEFT JOIN (SELECT t0.profile_id AS counted_id, {columns} "  # noqa: S608
                f"FROM ({_events(list(dids.values()))}) AS t0 GROUP BY t0.profile_id) k ON k.counted_id = p.profile_id"
            )
        else:
            judged = people
        answers = ", ".join(
            f"({segment_id}, {inside}, {next_})"
            for segment_id, (inside, next_) in ((key, self.rules[text(rule)]) for key, rule in segments.items())
        )
        whole = (
            f"SELECT t0.profile_id, a.segment_id, a.inside, a.next::timestamptz FROM ({judged}) AS t0 "  # noqa: S608
            f"CROSS JOIN LATERAL (VALUES {answers}) AS a(segment_id, inside, next)"
        )
        return Program(frozenset(segments), whole)


def text(rule: Rule) -> str:
    """What a rule says, as a key."""
    return rule.model_dump_json(by_alias=True, exclude_unset=True)


def _dids(rule: Rule) -> list[Did]:
    return [leaf for leaf in leaves(rule) if isinstance(leaf, Did)]


def _events(dids: Sequence[Did]) -> str:
    """The candidates' events that some leaf can count."""
    names = ", ".join(sge.Literal.string(name).sql("postgres") for name in sorted({did.did for did in dids}))
    horizon = compiled.longest(dids)
    recent = f" AND e.time > c.as_of - INTERVAL '{horizon} SECOND'" if horizon else ""
    return (
        "SELECT e.profile_id, c.as_of, e.event, e.time, e.properties FROM candidates c "  # noqa: S608
        f"JOIN events e ON e.profile_id = c.profile_id AND e.event IN ({names}){recent}"
    )


def _columns(expression: ibis.expr.types.Table, table: str) -> dict[str, str]:
    """The SQL of every column of a flat query over one table, which it calls t0."""
    query = compiler.to_sqlglot(expression)
    source = query.args["from_"].this if "from_" in query.args else query.args["from"].this
    if not isinstance(query, sge.Select) or source.name != table or source.alias != "t0":
        raise TypeError(f"Ibis made another query than expected: {query.sql(compiler.dialect)[:200]}")
    return {column.alias: column.this.sql(compiler.dialect) for column in query.expressions}
