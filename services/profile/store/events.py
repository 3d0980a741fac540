"""The timeline: every tracking call, in one storage partition per month of its own time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Row, Text, bindparam, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.rules.bots import MARK
from services.profile.schemas.profiles import TimelineAsked
from services.profile.tables import events
from shared.tables import TIME

Month = tuple[int, int]
"""A storage partition: year and month (UTC), or `OLDER`."""

FIRST_MONTH: Month = (2010, 1)
"""Events before this month share one partition, so that senseless clocks cannot make thousands of them."""

OLDER: Month = (0, 0)

REMEMBERED = timedelta(days=30)
"""A message id that comes again within this time of its event is the same message, whatever month it falls in."""


class Line(NamedTuple):
    """One row of the timeline; properties and context are JSON."""

    time: datetime
    profile_id: int
    message_id: str
    origin: str
    type: str
    event: str | None
    received_at: datetime
    source: str
    properties: str
    context: str


_MONTHS = text(
    """
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'events'::regclass
    """
)

_DDL_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('profile.events.months', 0))")

_TIMES = ("time", "received_at")
_COLUMNS = ", ".join(Line._fields)

_RECORD = text(
    f"""
    WITH batch AS (
      SELECT * FROM unnest({", ".join(f":{name}" for name in Line._fields)}) WITH ORDINALITY AS b ({_COLUMNS}, n)
    ), fresh AS (
      INSERT INTO events ({_COLUMNS})
      SELECT {_COLUMNS.replace("properties, context", "properties::jsonb, context::jsonb")} FROM batch ORDER BY n
      ON CONFLICT DO NOTHING
      RETURNING message_id, time
    )
    SELECT n - 1 FROM batch LEFT JOIN fresh USING (message_id, time) WHERE fresh.message_id IS NULL
    """  # noqa: S608 - built of the names of our own columns
).bindparams(
    *(
        bindparam(name, type_=ARRAY(BigInteger if name == "profile_id" else TIME if name in _TIMES else Text))
        for name in Line._fields
    )
)


def month(time: datetime) -> Month:
    """The storage partition of an instant (UTC)."""
    found = (time.year, time.month)
    return found if found >= FIRST_MONTH else OLDER


def _name(its: Month) -> str:
    return "events_older" if its == OLDER else f"events_{its[0]:04}_{its[1]:02}"


def _bounds(of: Month) -> tuple[datetime | None, datetime]:
    """First instant of a month (None: no bound) and of the one after it, in UTC."""
    year, number = FIRST_MONTH if of == OLDER else of
    start = datetime(year, number, 1, tzinfo=UTC)
    if of == OLDER:
        return None, start
    return start, datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


async def open_months(session: AsyncSession, wanted: Set[Month]) -> Set[Month]:
    """Make the storage partitions of these months that do not exist yet; all months that exist.

    A table is made by itself and then attached: that lets readers and writers of other months go on.
    """
    present = set(await months(session))
    if wanted <= present:
        return present
    await session.execute(_DDL_LOCK)
    for its in sorted(wanted - set(await months(session))):
        name = _name(its)
        start, end = _bounds(its)
        low = "MINVALUE" if start is None else f"'{start.isoformat()}'"
        for statement in (
            f"CREATE TABLE {name} (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            f"CREATE UNIQUE INDEX {name}_message_id_key ON {name} (message_id)",
            f"ALTER TABLE events ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ('{end.isoformat()}')",
        ):
            await session.execute(text(statement.replace(":", "\\:")))
    return present | wanted


async def record(session: AsyncSession, lines: Sequence[Line]) -> set[int]:
    """Write these lines; the indexes of those that were there already (by message id and month).

    The months must be open. A message id occurs once per month in `lines`.
    """
    columns = zip(*lines, strict=True) if lines else ([] for _ in Line._fields)
    values = {name: list(column) for name, column in zip(Line._fields, columns, strict=True)}
    return set(await session.scalars(_RECORD, values))


async def recorded(session: AsyncSession, keys: Iterable[tuple[str, Month]]) -> set[tuple[str, Month]]:
    """Which of these (message id, month) are in the timeline."""
    by_month: dict[Month, list[str]] = {}
    for message_id, its in keys:
        by_month.setdefault(its, []).append(message_id)
    found: set[tuple[str, Month]] = set()
    for its, message_ids in by_month.items():
        among = events.c.message_id == func.any(bindparam(None, message_ids, type_=ARRAY(Text)))
        rows = await session.scalars(select(events.c.message_id).where(among, *_within(its)))
        found |= {(message_id, its) for message_id in rows}
    return found


async def elsewhere(session: AsyncSession, messages: Iterable[tuple[str, datetime]], among: Set[Month]) -> set[str]:
    """Which of these message ids stand in another of these months than that of their time, within `REMEMBERED` of it.

    One statement for each month near the messages; in the month itself the unique index finds them. A client that says
    no time, or whose clock is corrected, gives a resend another time, so it can fall on the other side of the border.
    """
    if len(among) < 2:
        return set()
    by_month: dict[Month, dict[str, datetime]] = {}
    near: dict[date, list[Month]] = {}
    for message_id, time in messages:
        day = time.date()
        its_near = near.get(day)
        if its_near is None:
            its_near = near[day] = [its for its in _around(day) if its in among]
        for its in its_near:
            by_month.setdefault(its, {})[message_id] = time
    found: set[str] = set()
    for its, times in by_month.items():
        any_of = events.c.message_id == func.any(bindparam(None, list(times), type_=ARRAY(Text)))
        rows = await session.execute(select(events.c.message_id, events.c.time).where(any_of, *_within(its)))
        found |= {row.message_id for row in rows if abs(row.time - times[row.message_id]) <= REMEMBERED}
    return found


def _around(day: date) -> set[Month]:
    """The months within the remembered time of a day (UTC), without its own."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    reach = REMEMBERED.days + 1
    return {month(noon + timedelta(days=days)) for days in range(-reach, reach + 1)} - {month(noon)}


def _within(its: Month) -> list[ColumnElement[bool]]:
    start, end = _bounds(its)
    return [events.c.time < end] if start is None else [events.c.time >= start, events.c.time < end]


async def timeline(
    session: AsyncSession,
    profile_id: int,
    asked: TimelineAsked,
    *,
    limit: int,
    cursor: tuple[datetime, int] | None = None,
) -> Sequence[Row[Any]]:
    """Calls of a profile, the newest first; `cursor` is the last one already seen."""
    statement = select(events).where(events.c.profile_id == profile_id)
    among = ((events.c.event, asked.events), (events.c.type, asked.types), (events.c.source, asked.sources))
    for column, wanted in among:
        if wanted:
            statement = statement.where(column == func.any(bindparam(None, sorted(wanted), type_=ARRAY(Text))))
    if asked.bot is not None:
        statement = statement.where(events.c.context.has_key(MARK) == asked.bot)
    if asked.after is not None:
        statement = statement.where(events.c.time >= asked.after)
    if asked.before is not None:
        statement = statement.where(events.c.time < asked.before)
    if cursor is not None:
        # The plain bound on time is what lets Postgres leave out the months after it.
        statement = statement.where(events.c.time <= cursor[0], tuple_(events.c.time, events.c.id) < tuple_(*cursor))
    rows = await session.execute(statement.order_by(events.c.time.desc(), events.c.id.desc()).limit(limit))
    return rows.all()


async def months(session: AsyncSession) -> list[Month]:
    """Storage months that exist, the oldest first."""
    names = await session.scalars(_MONTHS)
    return sorted(OLDER if name == _name(OLDER) else (int(name[7:11]), int(name[12:14])) for name in names)


async def page(
    session: AsyncSession, its: Month, *, after: tuple[int, datetime, int] | None, limit: int
) -> Sequence[Row[Any]]:
    """Events of one month by profile, time and id, after that key; calls that are no events are left out."""
    key = (events.c.profile_id, events.c.time, events.c.id)
    statement = select(events).where(events.c.event.is_not(None), *_within(its)).order_by(*key).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*key) > tuple_(*after))
    return (await session.execute(statement)).all()


def begins_before(its: Month, instant: datetime) -> bool:
    """Whether a month can hold events before that."""
    start, _ = _bounds(its)
    return start is None or start < instant


async def expire(
    session: AsyncSession, its: Month, ends: Mapping[str, datetime], rest: datetime | None, *, limit: int
) -> int:
    """Delete at most `limit` calls of one month: those before the end of their name, or else before `rest`; how many.

    Calls that are no events have no name. Names are stepped through by index, so what stays is not read. Events that
    somebody else holds wait for next time.
    """
    table = _name(its)
    statement = text(
        f"""
        WITH RECURSIVE names AS (
          (SELECT event FROM {table} WHERE event IS NOT NULL ORDER BY event LIMIT 1)
          UNION ALL
          SELECT (SELECT m.event FROM {table} AS m WHERE m.event > names.event ORDER BY m.event LIMIT 1)
          FROM names WHERE names.event IS NOT NULL
        ), ends AS (
          SELECT names.event, coalesce(own.before, :rest) AS before
          FROM names LEFT JOIN unnest(:names, :befores) AS own (event, before) USING (event)
        ), named AS (
          SELECT one.at FROM ends CROSS JOIN LATERAL (
            SELECT m.ctid AS at FROM {table} AS m WHERE m.event = ends.event AND m.time < ends.before
            ORDER BY m.time LIMIT :most FOR UPDATE SKIP LOCKED
          ) AS one
          LIMIT :most
        ), nameless AS (
          SELECT m.ctid AS at FROM {table} AS m WHERE m.event IS NULL AND m.time < :rest
          ORDER BY m.time LIMIT :most FOR UPDATE SKIP LOCKED
        ), old AS (
          SELECT at FROM named UNION ALL SELECT at FROM nameless LIMIT :most
        ), gone AS (
          DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT at FROM old)) RETURNING 1
        )
        SELECT count(*) FROM gone
        """  # noqa: S608 - the table's name is made of two numbers
    ).bindparams(
        bindparam("names", type_=ARRAY(Text)),
        bindparam("befores", type_=ARRAY(TIME)),
        bindparam("rest", type_=TIME),
        bindparam("most", type_=BigInteger),
    )
    values = {"names": list(ends), "befores": list(ends.values()), "rest": rest, "most": limit}
    return int((await session.execute(statement, values)).scalar_one())
