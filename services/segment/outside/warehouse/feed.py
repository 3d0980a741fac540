"""Where the warehouse's rows come from: what its process asks the service's own Postgres, and nothing else.

It stands here and not in the store because it runs in the warehouse's process, on a connection of its own, as COPY.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

PAGES = 8_192
"""Pages of 8 KB that one piece of the first build reads: about 64 MB."""

EVENTS = "stamp, event_id, profile_id, event, time, properties"
VIEWERS = (
    "stamp, profile_id, traits, since, to_json(tags) AS tags, weights, tag_since, scores, consent, consent_since,"
    " to_json(has) AS has"
)

_GRAVES = """
SELECT least(stamp, live), what, key, was, live IS NULL FROM (
  SELECT stamp, what, key, was, CASE what
    WHEN 'events' THEN (SELECT e.stamp FROM events AS e WHERE e.event_id = key)
    ELSE (SELECT v.stamp FROM viewers AS v WHERE v.profile_id = key::bigint) END AS live
  FROM tombstones WHERE stamp >= {since:d}) AS graves
WHERE live IS NULL OR live >= {since:d}
"""
"""What must go from the file, and as of which stamp.

A transaction may commit after another one that has a higher number, and write into the place that this one emptied:
when what lives is from before `since`, it is in the file and must stay; when it is older than its grave, the file's row
goes as soon as the living one comes.
"""

_STATE = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS low,
  pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS high,
  (SELECT system_identifier FROM pg_control_system())
    || ':' || (SELECT oid FROM pg_database WHERE datname = current_database())
    || ':' || 'events'::regclass::oid || ':' || 'viewers'::regclass::oid AS identity,
  pg_relation_filenode('events') || ':' || pg_relation_filenode('viewers') AS places,
  pg_relation_size('events') / current_setting('block_size')::int AS events,
  pg_relation_size('viewers') / current_setting('block_size')::int AS viewers
"""


@dataclass(frozen=True)
class State:
    """The database at one moment: every transaction below `low` has ended, none from `high` on has begun.

    `identity` changes when another database takes its place, `places` also when a table is written anew. `pages` is
    the size of each table.
    """

    low: int
    high: int
    identity: str
    places: str
    pages: dict[str, int]


class Feed:
    """One connection to the service's database."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("+asyncpg", "")
        self._connection: asyncpg.Connection[Any] | None = None

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close(timeout=2)
        self._connection = None

    async def _open(self) -> asyncpg.Connection[Any]:
        if self._connection is None or self._connection.is_closed():
            settings = {"application_name": "marquee-segment-warehouse", "timezone": "UTC", "jit": "off"}
            self._connection = await asyncpg.connect(self._url, timeout=5, server_settings=settings)
        return self._connection

    async def state(self) -> State:
        """The database now."""
        connection = await self._open()
        return await self._state(connection)

    async def _state(self, connection: asyncpg.Connection[Any]) -> State:
        row = await connection.fetchrow(_STATE)
        assert row is not None
        pages = {"events": row["events"], "viewers": row["viewers"]}
        return State(row["low"], row["high"], row["identity"], row["places"], pages)

    async def tidy(self) -> None:
        """Stamp anew what carries stamps of transactions yet to come: a database restored from a dump has such rows."""
        connection = await self._open()
        async with connection.transaction():
            high = await connection.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
            for table in ("events", "viewers"):
                query = f"UPDATE {table} SET stamp = DEFAULT WHERE stamp >= $1"  # noqa: S608
                await connection.execute(query, high, timeout=None)
            await connection.execute("DELETE FROM tombstones WHERE stamp >= $1", high, timeout=None)

    async def piece(self, table: str, first: int, below: int, file: Path, check: Callable[[], Awaitable[None]]) -> None:
        """Write rows of pages [first, first + PAGES) that no transaction from `below` on has touched, as CSV."""
        columns = EVENTS if table == "events" else VIEWERS
        await self._copy(
            await self._open(),
            f"SELECT {columns} FROM {table} WHERE ctid >= '({first:d},0)'::tid"  # noqa: S608 - names and numbers of ours
            f" AND ctid < '({first + PAGES:d},0)'::tid AND stamp < {below:d}",
            file,
            check,
        )

    async def news(self, since: int, folder: Path, check: Callable[[], Awaitable[None]]) -> State:
        """Write what transactions from `since` on have written, as far as it is committed: three files of CSV.

        `events.csv` and `viewers.csv` are the rows as they are now, `graves.csv` what must not stay: rows that were
        deleted or (events) changed. All of it is of one snapshot, whose state is the answer.
        """
        connection = await self._open()
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            state = await self._state(connection)
            for name, query in (
                ("graves", _GRAVES.format(since=since)),
                ("events", f"SELECT {EVENTS} FROM events WHERE stamp >= {since:d}"),  # noqa: S608
                ("viewers", f"SELECT {VIEWERS} FROM viewers WHERE stamp >= {since:d}"),  # noqa: S608
            ):
                await self._copy(connection, query, folder / f"{name}.csv", check)
        return state

    async def _copy(
        self, connection: asyncpg.Connection[Any], query: str, file: Path, check: Callable[[], Awaitable[None]]
    ) -> None:
        with file.open("wb") as out:

            async def write(data: bytes) -> None:
                await check()
                out.write(data)

            await connection.copy_from_query(query, output=write, format="csv", null="\\N", timeout=None)
