"""Whom a rule holds for, as a question to the warehouse: the statement, and the tables that go with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.rules.book import Book
from services.segment.rules.compile import Compiled, Known, members
from services.segment.schemas.rule import AllOf, Rule
from services.segment.store import crowds


@dataclass(frozen=True)
class Crowd:
    """A statement that gives `profile_id` of everybody for whom a rule holds, and the tables it names."""

    sql: str
    inputs: dict[str, pa.Table]


async def of_rules(session: AsyncSession, rules: Sequence[Rule], at: datetime) -> Crowd:
    """Everybody for whom all of these rules hold at an instant: events up to it, and all else as it is known now."""
    rule = rules[0] if len(rules) == 1 else AllOf(all=list(rules))
    return await _crowd(session, await judging.book(session), rule, at, following=False, ids=None)


async def to_fill(session: AsyncSession, book: Book, rule: Rule, at: datetime, ids: tuple[int, int] | None) -> Crowd:
    """Everybody a fill must write down: `profile_id`, `inside`, and `next` where time alone can change that.

    `ids` are the first profile id and the one after the last.
    """
    return await _crowd(session, book, rule, at, following=True, ids=ids)


async def _crowd(
    session: AsyncSession, book: Book, rule: Rule, at: datetime, *, following: bool, ids: tuple[int, int] | None
) -> Crowd:
    known: Known = {one.key: one.rule for one in book.definitions.values()}
    # Ibis takes some ten milliseconds for a rule, a second for the largest: the live work goes on beside it.
    compiled, sql = await asyncio.to_thread(_compiled, rule, at, known, following=following, ids=ids)
    lists = await crowds.members(session, [book.ids[key] for key in compiled.lists])
    inputs = {f"list_{key}": pa.table({"profile_id": lists[book.ids[key]]}) for key in compiled.lists}
    for key in compiled.entered:
        inputs[f"told_{key}"] = (
            await crowds.told(session, book.ids[key], at - compiled.entered[key], at)
            if key in book.ids
            else crowds.TOLD.empty_table()
        )
    return Crowd(sql, inputs)


def _compiled(
    rule: Rule, at: datetime, known: Known, *, following: bool, ids: tuple[int, int] | None
) -> tuple[Compiled, str]:
    compiled = members(rule, at, known, following=following, ids=ids)
    return compiled, compiled.sql
