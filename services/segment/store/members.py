"""SQL about who is in: judging candidates, and writing down what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.store.rows import AnyRow
from services.segment.tables import deadlines, members, segments

SAMPLE = 20
MANY = 300
"""Viewers from which on planning anew (15 ms with 200 segments) pays: the kept plan expects few, and judges
2,000 in 1.4 s where a plan made for them takes 0.06 s."""
CANCELLED = "57014"
"""SQLSTATE of a statement that was ended, see limit_time."""


@dataclass
class Pairs:
    """Whom to judge by which segment, and the cause if that changes something."""

    profile_ids: list[int] = field(default_factory=list)
    segment_ids: list[int] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)

    def add(self, profile_id: int, segment_id: int, cause: str) -> None:
        """One more."""
        self.profile_ids.append(profile_id)
        self.segment_ids.append(segment_id)
        self.causes.append(cause)

    def pieces(self, size: int) -> Iterator[Pairs]:
        """The same in pieces of at most `size`."""
        for start in range(0, len(self.profile_ids), size):
            piece = slice(start, start + size)
            yield Pairs(self.profile_ids[piece], self.segment_ids[piece], self.causes[piece])

    def of(self, segment_ids: frozenset[int]) -> Pairs:
        """Only those of these segments."""
        kept = Pairs()
        for profile_id, segment_id, cause in zip(self.profile_ids, self.segment_ids, self.causes, strict=True):
            if segment_id in segment_ids:
                kept.add(profile_id, segment_id, cause)
        return kept


@dataclass(frozen=True)
class Change:
    """A viewer entered (or left) a segment."""

    segment_id: int
    profile_id: int
    cause: str
    entered: bool


async def settle(session: AsyncSession, query: str, pairs: Pairs, as_of: datetime) -> list[Change]:
    """Judge these pairs at an instant, in one statement, and make members and deadlines what the answers say.

    `query` comes from rules.program and stands over candidates, events and viewers. The viewers must be locked. It goes
    to the driver as it is: names of events and values of rules may hold anything, colons too.
    """
    statement = f"""
WITH pairs AS MATERIALIZED (
  SELECT * FROM unnest($1::bigint[], $2::int[], $3::text[]) AS p(profile_id, segment_id, cause)
), candidates AS MATERIALIZED (
  SELECT DISTINCT profile_id, $4::timestamptz AS as_of FROM pairs
), judged AS MATERIALIZED (
  SELECT p.profile_id, p.segment_id, p.cause, a.inside, a.next
  FROM ({query}) AS a JOIN pairs p USING (profile_id, segment_id)
), entered AS (
  INSERT INTO members (segment_id, profile_id, since, cause)
  SELECT j.segment_id, j.profile_id, $4::timestamptz, j.cause FROM judged j
  WHERE j.inside AND NOT EXISTS
    (SELECT FROM members m WHERE m.segment_id = j.segment_id AND m.profile_id = j.profile_id)
  ON CONFLICT DO NOTHING RETURNING segment_id, profile_id, cause
), gone AS (
  DELETE FROM members m USING judged j
  WHERE NOT j.inside AND m.segment_id = j.segment_id AND m.profile_id = j.profile_id
  RETURNING m.segment_id, m.profile_id, j.cause
), awaited AS (
  INSERT INTO deadlines (segment_id, profile_id, at)
  SELECT j.segment_id, j.profile_id, j.next FROM judged j
  WHERE j.next IS NOT NULL AND NOT EXISTS
    (SELECT FROM deadlines d WHERE d.segment_id = j.segment_id AND d.profile_id = j.profile_id AND d.at = j.next)
  ON CONFLICT (segment_id, profile_id) DO UPDATE SET at = excluded.at
), forgotten AS (
  DELETE FROM deadlines d USING judged j
  WHERE j.next IS NULL AND d.segment_id = j.segment_id AND d.profile_id = j.profile_id
)
SELECT segment_id, profile_id, cause, true AS entered FROM entered
UNION ALL SELECT segment_id, profile_id, cause, false FROM gone
"""  # noqa: S608 - the query is ours, see rules.program
    connection = await session.connection()
    if len(set(pairs.profile_ids)) > MANY:
        await connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
    done = await connection.exec_driver_sql(statement, (pairs.profile_ids, pairs.segment_ids, pairs.causes, as_of))
    return [Change(row.segment_id, row.profile_id, row.cause, row.entered) for row in done]


async def preview(session: AsyncSession, query: str, as_of: datetime) -> tuple[int, list[int]]:
    """How many viewers a rule holds for at an instant, and a few of them; `query` is its compiled expression."""
    statement = f"""
WITH candidates AS (SELECT profile_id, $1::timestamptz AS as_of FROM viewers),
hits AS MATERIALIZED (SELECT profile_id FROM ({query}) AS a WHERE in_0)
SELECT (SELECT count(*) FROM hits), ARRAY(SELECT profile_id FROM hits ORDER BY profile_id LIMIT {SAMPLE})
"""  # noqa: S608 - the query is ours, see rules.compile
    connection = await session.connection()
    row: AnyRow = (await connection.exec_driver_sql(statement, (as_of,))).one()
    return row[0], row[1]


async def limit_time(session: AsyncSession, seconds: int) -> None:
    """End any statement of this transaction that takes longer."""
    await session.execute(text(f"SET LOCAL statement_timeout = {seconds * 1000:d}"))


async def due(session: AsyncSession, at: datetime, limit: int) -> Sequence[AnyRow]:
    """Pairs whose answer time may have changed: segment_id, profile_id."""
    query = (
        select(deadlines.c.segment_id, deadlines.c.profile_id)
        .join(segments, (segments.c.id == deadlines.c.segment_id) & ~segments.c.archived)
        .where(deadlines.c.at <= at)
        .order_by(deadlines.c.at)
        .limit(limit)
    )
    return (await session.execute(query)).all()


async def page(session: AsyncSession, segment_id: int, after: int, limit: int) -> Sequence[AnyRow]:
    """Members of a segment by id: profile_id, since, cause."""
    query = select(members.c.profile_id, members.c.since, members.c.cause).where(
        members.c.segment_id == segment_id, members.c.profile_id > after
    )
    return (await session.execute(query.order_by(members.c.profile_id).limit(limit))).all()


async def snapshot(session: AsyncSession, after: tuple[int, int], limit: int) -> Sequence[AnyRow]:
    """Members of all active segments after (segment_id, profile_id), with key and version of their segment."""
    query = (
        select(members.c.segment_id, members.c.profile_id, segments.c.key, segments.c.version)
        .join(segments, segments.c.id == members.c.segment_id)
        .where(~segments.c.archived, tuple_(members.c.segment_id, members.c.profile_id) > after)
        .order_by(members.c.segment_id, members.c.profile_id)
        .limit(limit)
    )
    return (await session.execute(query)).all()


async def clear(session: AsyncSession, segment_id: int, limit: int) -> tuple[list[int], bool]:
    """Forget some members and deadlines of an archived segment: the members that went, whether any row is left."""
    gone: list[list[int]] = []
    for table in (members, deadlines):
        some = select(table.c.profile_id).where(table.c.segment_id == segment_id).limit(limit).scalar_subquery()
        done = await session.execute(
            delete(table)
            .where(table.c.segment_id == segment_id, table.c.profile_id.in_(some))
            .returning(table.c.profile_id)
        )
        gone.append(list(done.scalars()))
    return gone[0], max(map(len, gone)) == limit


async def of_viewer(session: AsyncSession, profile_id: int) -> Sequence[AnyRow]:
    """Segments a viewer is in, by key: key, name, since, cause."""
    query = (
        select(segments.c.key, segments.c.name, members.c.since, members.c.cause)
        .join(members, members.c.segment_id == segments.c.id)
        .where(members.c.profile_id == profile_id, ~segments.c.archived)
        .order_by(segments.c.key)
    )
    return (await session.execute(query)).all()


async def of(session: AsyncSession, profile_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Segment and profile of every membership of these viewers."""
    query = select(members.c.segment_id, members.c.profile_id).where(members.c.profile_id.in_(profile_ids))
    return [(row.segment_id, row.profile_id) for row in await session.execute(query)]
