"""Forgetting a viewer in one service's database, and showing all that it knows of him.

What is about a viewer is found by its columns: every table with a column `profile_id` or `origin` is, so a new table
joins by itself; columns of other names are named in `Keeps`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    MetaData,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock, vacuum
from shared.answers import Answers
from shared.contracts import ErasureAnswered, ErasureAsked, PersonAnswered, PersonAsked, ProfileErased
from shared.database import after_commit
from shared.tables import dead_letters, erasure_receipts, idempotency, kernel

PROFILE, ORIGIN, VALUE = "profile_id", "origin", "value"
"""Columns by which a table is about a viewer; of the first two the first that is there is enough."""

PAGE_BYTES = 128 * 1024
PAGE_ROWS = 200


class Place(msgspec.Struct, frozen=True):
    """Where to go on with a person's rows: in this table after the row with this key, or after so many hidden rows."""

    place: int = 0
    key: list[Any] | None = None
    skip: int = 0


Prepare = Callable[[AsyncSession, Sequence[int], Sequence[str]], Awaitable[dict[str, int]]]


@dataclass(frozen=True)
class Hidden:
    """What a table holds of viewers in a form that its columns do not show, bitmaps say: `rows` finds it, readable."""

    table: str
    rows: Callable[[AsyncSession, Sequence[int], Sequence[str]], Awaitable[list[dict[str, Any]]]]


@dataclass(frozen=True)
class Keeps:
    """Where a service keeps viewers.

    `also` names further columns of ids (`PROFILE`) and origins (`ORIGIN`). `spared` tables are not about
    viewers although they look so, or `before` has seen to them: it runs first and says how many rows it changed.
    """

    tables: MetaData
    also: dict[str, tuple[Column[Any], ...]] = field(default_factory=dict)
    spared: frozenset[str] = frozenset()
    order: dict[str, tuple[Column[Any], ...]] = field(default_factory=dict)
    """By table: columns that an index serves and that name a row, where that is not the primary key."""
    hidden: tuple[Hidden, ...] = ()
    """`before` removes these."""
    readable: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = field(default_factory=dict)
    """By table: a row as its person can read it, where the columns hold it otherwise."""
    before: Prepare | None = None
    after: Callable[[AsyncSession, Sequence[int], Sequence[str]], Callable[[], object]] | None = None
    """Gives what must be called after the commit, to forget him in memory."""

    def listener(self) -> Callable[[AsyncSession, list[ProfileErased]], Awaitable[None]]:
        """What a service does when it hears of an erasure."""

        async def erase(session: AsyncSession, facts: list[ProfileErased]) -> None:
            for fact in facts:
                rows = await forget(session, self, [fact.profile_id], fact.origins)
                await _receipt(session, fact, rows)

        return erase

    def answers(self) -> tuple[Answers, Answers]:
        """The questions about erasures and persons."""

        async def erased(session: AsyncSession, asked: ErasureAsked) -> ErasureAnswered:
            query = select(erasure_receipts.c.part, erasure_receipts.c.rows)
            done = (await session.execute(query.where(erasure_receipts.c.erasure_id == asked.erasure_id))).all()
            rows: dict[str, int] = {}
            for row in done:
                for name, count in row.rows.items():
                    rows[name] = rows.get(name, 0) + count
            left = await remaining(session, self, asked.profile_ids, asked.origins)
            return ErasureAnswered(profile_ids=sorted(row.part for row in done), rows=rows, left=left)

        async def person(session: AsyncSession, asked: PersonAsked) -> PersonAnswered:
            return await page(session, self, asked)

        return Answers(ErasureAsked, erased), Answers(PersonAsked, person)


def _about(keeps: Keeps, ids: Sequence[int], origins: Sequence[str]) -> dict[Table, Any]:
    """For each table about viewers the condition that finds this one."""
    found: dict[Table, list[Any]] = {}
    for table in keeps.tables.sorted_tables:
        if table.name not in keeps.spared:
            if PROFILE in table.c:
                found.setdefault(table, []).append(_among(table.c.profile_id, list(ids), BigInteger))
            elif ORIGIN in table.c:
                found.setdefault(table, []).append(_among(table.c.origin, list(origins), Text))
    for kind, wanted, type_ in ((PROFILE, list(ids), BigInteger), (ORIGIN, list(origins), Text)):
        for column in keeps.also.get(kind, ()):
            found.setdefault(column.table, []).append(_among(column, wanted, type_))
    # An identity kept as two columns is found by both together: the value alone may be another's.
    for table in keeps.tables.sorted_tables:
        if "namespace" in table.c and VALUE in table.c and table.name not in keeps.spared:
            pairs = [origin.partition(":") for origin in origins]
            found.setdefault(table, []).extend(
                and_(table.c.namespace == namespace, table.c.value == value) for namespace, _, value in pairs
            )
    return {table: or_(*conditions) for table, conditions in found.items()}


def _among(column: Column[Any], values: Sequence[Any], type_: Any) -> Any:
    if isinstance(column.type, ARRAY):
        return column.overlap(bindparam(None, values, type_=ARRAY(type_)))
    return column == func.any(bindparam(None, values, type_=ARRAY(type_)))


async def forget(session: AsyncSession, keeps: Keeps, ids: Sequence[int], origins: Sequence[str]) -> dict[str, int]:
    """Delete all that is known of these ids and origins; the number of rows by table."""
    rows = await keeps.before(session, ids, origins) if keeps.before is not None else {}
    for table, condition in reversed(_about(keeps, ids, origins).items()):
        done = await session.execute(delete(table).where(condition))
        rows[table.name] = rows.get(table.name, 0) + max(0, done.rowcount)  # type: ignore[attr-defined]
    rows |= await _kernel(session, ids, origins)
    vacuum.soon(session, {*keeps.tables.tables, *kernel.tables} & {name for name, count in rows.items() if count})
    if keeps.after is not None:
        after_commit(session, keeps.after(session, ids, origins))
    return {name: count for name, count in rows.items() if count}


async def _kernel(session: AsyncSession, ids: Sequence[int], origins: Sequence[str]) -> dict[str, int]:
    """Dead letters and remembered answers that carry one of his ids."""
    needles = words(origins)
    # An answer may name him by his number alone, as the only or the last entry of an object, or not.
    needles += [f'"profile_id":{space}{one}{end}' for one in ids for space in ("", " ") for end in ",}"]
    carried = {
        dead_letters: "SELECT l.id FROM dead_letters AS l, unnest(:words) AS w"
        " WHERE position(convert_to(w, 'UTF8') in l.payload) > 0",
        idempotency: "SELECT i.key FROM idempotency AS i, unnest(:words) AS w"
        " WHERE position(convert_to(w, 'UTF8') in i.body) > 0",
    }
    rows: dict[str, int] = {}
    for table, query in carried.items():
        found = list(await session.scalars(text(query).bindparams(bindparam("words", needles, type_=ARRAY(Text)))))
        key = table.c.id if table is dead_letters else table.c.key
        done = await session.execute(delete(table).where(key.in_(found)))
        rows[table.name] = max(0, done.rowcount)  # type: ignore[attr-defined]
    return rows


def words(origins: Sequence[str]) -> list[str]:
    """How a viewer's ids stand in JSON: whole origins, and values beside the names they have in messages."""
    found: set[str] = set()
    for origin in origins:
        namespace, _, value = origin.partition(":")
        found.add(_json(origin))
        names = [namespace, "value"]
        if namespace == "user_id":
            names += ["userId", "previous_id"]
        elif namespace == "anonymous_id":
            names += ["anonymousId", "previous_id"]
        found |= {f'"{name}":{space}{_json(value)}' for name in names for space in ("", " ")}
    return sorted(found)


def _json(text_: str) -> str:
    return msgspec.json.encode(text_).decode()


async def remaining(session: AsyncSession, keeps: Keeps, ids: Sequence[int], origins: Sequence[str]) -> dict[str, int]:
    """Rows about this viewer that are left, by table."""
    left: dict[str, int] = {}
    for table, condition in _about(keeps, ids, origins).items():
        count = (await session.execute(select(func.count()).select_from(table).where(condition))).scalar_one()
        if count:
            left[table.name] = int(count)
    for one in keeps.hidden:
        if count := len(await one.rows(session, ids, origins)):
            left[one.table] = count
    return left


async def page(session: AsyncSession, keeps: Keeps, asked: PersonAsked) -> PersonAnswered:
    """Rows of one table about a viewer, as many as fit an answer."""
    about = _about(keeps, asked.profile_ids, asked.origins)
    tables = list(about)
    there = msgspec.json.decode(asked.after, type=Place) if asked.after else Place()
    place = there.place
    places = len(tables) + len(keeps.hidden)
    if place >= places:
        return PersonAnswered(table="", rows=[])
    if place < len(tables):
        table = tables[place]
        name = str(table.name)
        order = keeps.order.get(name) or tuple(table.primary_key.columns) or tuple(table.c)
        query = select(table).where(about[table]).order_by(*order).limit(PAGE_ROWS)
        if there.key is not None:
            key = [msgspec.convert(one, column.type.python_type) for one, column in zip(there.key, order, strict=True)]
            query = query.where(tuple_(*order) > tuple_(*key))
        found: Sequence[Mapping[Any, Any]] = (await session.execute(query)).mappings().all()
    else:
        hidden = keeps.hidden[place - len(tables)]
        name = hidden.table
        order = ()
        found = (await hidden.rows(session, asked.profile_ids, asked.origins))[there.skip : there.skip + PAGE_ROWS]
    rows: list[dict[str, Any]] = []
    size = 0
    for row in found:
        shown = keeps.readable.get(name, dict)({str(column): value for column, value in row.items()})
        size += len(msgspec.json.encode(shown))
        if rows and size > PAGE_BYTES:
            break
        rows.append(shown)
    more = len(rows) < len(found) or len(found) == PAGE_ROWS
    following: Place | None = Place(place + 1) if place + 1 < places else None
    if more:
        last = found[len(rows) - 1]
        following = Place(place, [last[one.name] for one in order] if order else None, there.skip + len(rows))
    after = msgspec.json.encode(following).decode() if following is not None else None
    return PersonAnswered(table=name, rows=rows, next=after)


async def _receipt(session: AsyncSession, fact: ProfileErased, rows: dict[str, int]) -> None:
    statement = upsert(erasure_receipts).values(
        erasure_id=fact.erasure_id, part=fact.profile_id, rows=rows, at=clock.now()
    )
    # Heard a second time there is nothing left to remove: the first receipt tells what was there.
    await session.execute(statement.on_conflict_do_nothing())
