"""A statement in the making: named parts, parameters and tables that go with it."""

# ruff: noqa: S608 - every value is a parameter, every name is ours

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from services.segment.rules.compile import comparisons, engine, values
from services.segment.rules.parts import MISSING, OTHER
from services.segment.schemas.insights.common import Part, Split
from services.segment.schemas.rule import ANY, Scalar, Where


@dataclass(frozen=True)
class Asking:
    """Whose events and what time, as statements need it: the SQL of the viewers (None: all) and its tables."""

    start: datetime
    end: datetime
    as_of: datetime
    whose: str | None = None
    inside: str | None = None
    inputs: dict[str, pa.Table] = field(default_factory=dict)


@dataclass(frozen=True)
class Meant:
    """Which events are meant, and what is read of them: the value that splits them, a number."""

    event: str
    where: Sequence[Where] = ()
    split: Split | None = None
    of: str | None = None


@dataclass(frozen=True)
class Statement:
    """What goes to the warehouse."""

    sql: str
    params: dict[str, Any]
    inputs: dict[str, pa.Table]


class Draft:
    """Parts in their order; every value becomes a parameter."""

    def __init__(self, asking: Asking) -> None:
        self.asking = asking
        self.params: dict[str, Any] = {}
        self.inputs: dict[str, pa.Table] = dict(asking.inputs)
        self._parts: list[str] = []
        if asking.whose is not None:
            self.part("whose", asking.whose)
        if asking.inside is not None:
            self.part("insiders", asking.inside)

    def value(self, value: Any) -> str:
        """A parameter."""
        name = f"v{len(self.params)}"
        self.params[name] = value
        return f"${name}"

    def part(self, name: str, sql: str) -> None:
        """A named part that later ones may read."""
        self._parts.append(f"{name} AS ({sql})")

    def table(self, name: str, columns: dict[str, Iterable[Any]], types: dict[str, pa.DataType]) -> None:
        """A table that goes with the statement."""
        schema = pa.schema(list(types.items()))
        self.inputs[name] = pa.table({column: list(values) for column, values in columns.items()}, schema=schema)

    def done(self, sql: str) -> Statement:
        """The statement that ends so."""
        head = f"WITH {', '.join(self._parts)} " if self._parts else ""
        return Statement(head + sql, self.params, self.inputs)

    def instants(self, name: str, starts: Sequence[datetime], places: Sequence[int]) -> None:
        """A table of periods: each begins at its instant and ends where the next one begins."""
        types = {"start": pa.timestamp("us", tz="UTC"), "place": pa.int32()}
        self.table(name, {"start": starts, "place": places}, types)

    def happened(self, name: str, meant: Meant, *, since: datetime | None, until: datetime) -> None:
        """A part with the events that are meant, from `since` up to, not including, `until`.

        Columns event_id, profile_id, time; label, when the split is by a property; amount, when there is a number.
        """
        table = engine.events
        tests = [table.time < engine.at(until), *engine.named(table, meant.event)]
        if since is not None:
            tests.append(table.time >= engine.at(since))
        rows = table.filter(*tests)
        if meant.where:
            rows = rows.filter(self._like(rows, meant.where))
        columns = {"event_id": rows.event_id, "profile_id": rows.profile_id, "time": rows.time}
        if meant.split is not None and meant.split.property is not None:
            columns["label"] = _identity(rows.properties, meant.split.property)
        if meant.of is not None:
            columns["amount"] = values.number(values.reach(rows.properties, meant.of))
        self._rows(name, rows.select(**columns), [])

    def everything(self, name: str, meant: Sequence[Meant], *, since: datetime, until: datetime) -> None:
        """A part with all events, and for each that may be meant a column m1, m2, … that says whether it is."""
        table = engine.events
        rows = table.filter(table.time >= engine.at(since), table.time < engine.at(until))
        columns = {"event_id": rows.event_id, "profile_id": rows.profile_id, "time": rows.time}
        for number, one in enumerate(meant, 1):
            test = rows.event.notnull() if one.event == ANY else rows.event == one.event
            columns[f"m{number}"] = test & self._like(rows, one.where) if one.where else test
        split = meant[0].split
        if split is not None and split.property is not None:
            columns["label"] = _identity(rows.properties, split.property)
        self._rows(name, rows.select(**columns), [])

    def _like(self, rows: Any, where: Sequence[Where]) -> Any:
        at = self.asking.as_of
        return values.every([comparisons.holds(one, values.reach(rows.properties, one.property), at) for one in where])

    def _rows(self, name: str, expression: Any, tests: Sequence[str]) -> None:
        """A part with the rows of viewers who are asked for."""
        who = [] if self.asking.whose is None else ["profile_id IN (SELECT profile_id FROM whose)"]
        where = f" WHERE {' AND '.join([*tests, *who])}" if tests or who else ""
        self.part(name, f"SELECT * FROM ({engine.text(expression)}){where}")

    def labelled(self, name: str, rows: str, split: Split | None) -> None:
        """A part with `rows` and the label that tells parts apart: JSON of a scalar, NULL when it is missing."""
        if split is None:
            self.part(name, f"SELECT *, NULL::VARCHAR AS label FROM {rows}")
        elif split.property is not None:
            self.part(name, f"SELECT * FROM {rows}")
        elif split.segment is not None:
            inside = "profile_id IN (SELECT profile_id FROM insiders)"
            self.part(name, f"SELECT *, CASE WHEN {inside} THEN 'true' ELSE 'false' END AS label FROM {rows}")
        else:
            assert split.trait is not None
            theirs = engine.viewers
            label = _identity(theirs.traits, split.trait)
            self.part("traits", engine.text(theirs.select(profile_id=theirs.profile_id, label=label)))
            self.part(name, f"SELECT r.*, t.label FROM {rows} r LEFT JOIN traits t ON t.profile_id = r.profile_id")

    def ranked(self, rows: str, split: Split | None, counted: str) -> None:
        """A part `ranked`: `rows` with `part`: the rank of its label from 0 on, -1 for other ones, -2 for none.

        `counted` says which rows decide what the most frequent labels are.
        """
        top = self.value(split.top if split else 0)
        self.part(
            "top_labels",
            f"SELECT label, row_number() OVER (ORDER BY count(*) DESC, label) - 1 AS rank FROM {rows}"
            f" WHERE label IS NOT NULL AND {counted} GROUP BY label QUALIFY rank < {top}",
        )
        self.part(
            "ranked",
            "SELECT r.*, CASE WHEN r.label IS NULL THEN "
            f"{MISSING} ELSE coalesce(t.rank, {OTHER}) END AS part"
            f" FROM {rows} r LEFT JOIN top_labels t ON t.label = r.label",
        )

    def parted(self, split: Split | None) -> str:
        """The columns that say what part a group is: part, label, of_all_parts."""
        if split is None:
            return "NULL::BIGINT AS part, NULL::VARCHAR AS label, 1 AS of_all_parts"
        return "part, any_value(label) FILTER (WHERE part >= 0) AS label, GROUPING(part) AS of_all_parts"

    def of_part(self, part: Part | None) -> str:
        """The condition that a row of `ranked` is of this part."""
        if part is None:
            return "true"
        if part.value is not None:
            return f"part >= 0 AND label = {self._wanted(part.value)}"
        return f"part = {OTHER if part.other else MISSING}"

    def _wanted(self, value: Scalar) -> str:
        if isinstance(value, bool):
            return "'true'" if value else "'false'"
        if isinstance(value, str):
            return f"to_json({self.value(value)}::VARCHAR)::VARCHAR"
        return f"CAST({self.value(float(value))}::DOUBLE + 0.0 AS VARCHAR)"

    def viewers(self, found: str, after: int, limit: int) -> Statement:
        """A page of the viewers that a SELECT of profile_id finds: columns `count` and `ids`."""
        self.part("found", found)
        page = f"SELECT profile_id FROM found WHERE profile_id > {self.value(after)} ORDER BY profile_id"
        return self.done(
            "SELECT (SELECT count(*) FROM found) AS count,"
            " (SELECT coalesce(list(profile_id ORDER BY profile_id), [])"
            f" FROM ({page} LIMIT {self.value(limit)})) AS ids"
        )


def _identity(document: Any, name: str) -> Any:
    return values.identity(values.reach(document, name))
