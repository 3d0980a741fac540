"""The DuckDB file: its tables, how it is built, kept up to date, and written anew so that nothing deleted stays in it.

The file is derived from the service's tables and may be lost at any time. Rows of finished transactions are committed
to it; the tail (committed, but beside transactions that still run, so that more of that age may come) is put on top
inside the transaction of each question and undone after it. So a question reads plain tables that hold all that was
committed before it came, and the file never has to guess what it has seen.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from services.segment.outside.warehouse.feed import PAGES, Feed, State

VERSION = "1"
"""Of the tables below: a file of another version is built anew."""

STALE_DAYS = 6
"""A file that has not been brought up to date for so long is built anew: tombstones are kept a day longer."""

Check = Callable[[], Awaitable[None]]

_READ = {
    "events": "event_id VARCHAR, profile_id BIGINT, event VARCHAR, time TIMESTAMPTZ, properties JSON",
    "viewers": "profile_id BIGINT, traits JSON, since JSON, tags VARCHAR[], weights JSON, tag_since JSON, scores JSON,"
    " consent JSON, consent_since JSON, has VARCHAR[]",
    "graves": "what VARCHAR, key VARCHAR, was BIGINT, gone BOOLEAN",
}
_ORDER = {"events": "event, time", "viewers": "profile_id"}
"""Rows lie so after a rewrite: a question about one event in one window reads only the pages of these."""


def _columns(table: str) -> list[str]:
    return [one.split()[0] for one in _READ[table].split(", ")]


class File:
    """The open file. One question at a time; every method is called by the one thread that works."""

    def __init__(self, folder: Path, feed: Feed, *, threads: int, memory: int) -> None:
        self.folder = folder
        self._feed = feed
        self._options: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": f"{memory}MB",
            "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": False,
        }
        self.low = 0
        """Everything that transactions below this number have written was there when the file was last brought up to
        date: its watermark, or later if there was nothing to read since."""
        self._news: set[str] = set()
        self.db = self._open()

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder / "warehouse.duckdb"

    def _open(self) -> duckdb.DuckDBPyConnection:
        """Open the file; one that cannot be read, or is of another version, makes room for an empty one."""
        with contextlib.suppress(duckdb.Error):
            db = self._connect()
            if self._begun(db):
                return db
            db.close()
        self._remove()
        db = self._connect()
        self._begin(db)
        return db

    def _connect(self) -> duckdb.DuckDBPyConnection:
        db = duckdb.connect(str(self.path), config=self._options)
        db.execute("SET TimeZone = 'UTC'")
        db.execute("SET enable_progress_bar = false")
        # No statement reads or writes a file elsewhere, whoever wrote it.
        db.execute(f"SET allowed_directories = ['{_quoted(self.folder)}/']")
        db.execute("SET enable_external_access = false")
        return db

    def _begun(self, db: duckdb.DuckDBPyConnection) -> bool:
        try:
            found = db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        except duckdb.CatalogException:
            return False
        return found is not None and found[0] == VERSION

    def _begin(self, db: duckdb.DuckDBPyConnection) -> None:
        db.execute("CREATE TABLE meta (name VARCHAR, value VARCHAR)")
        for table in ("events", "viewers"):
            db.execute(f"CREATE TABLE {table} ({_READ[table]})")
        db.execute("INSERT INTO meta VALUES ('version', ?)", [VERSION])

    def _remove(self) -> None:
        for name in ("warehouse.duckdb", "warehouse.duckdb.wal"):
            (self.folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close it; what it holds stays."""
        self.db.close()

    def anew(self) -> None:
        """Forget everything."""
        self.db.close()
        self._remove()
        self.db = self._connect()
        self._begin(self.db)

    def meta(self, name: str) -> str | None:
        """What is noted under this name."""
        found = self.db.execute("SELECT value FROM meta WHERE name = ?", [name]).fetchone()
        return None if found is None else str(found[0])

    def _note(self, **values: object) -> None:
        for name, value in values.items():
            self.db.execute("DELETE FROM meta WHERE name = ?", [name])
            self.db.execute("INSERT INTO meta VALUES (?, ?)", [name, str(value)])

    @property
    def watermark(self) -> int:
        """Everything that transactions below this number have written is in the file."""
        return int(self.meta("watermark") or 0)

    @property
    def forgotten(self) -> int:
        """Rows that went for good since the file was last written anew: they are still somewhere in its pages."""
        return int(self.meta("forgotten") or 0)

    def count(self, table: str) -> int:
        """Rows of a table."""
        found = self.db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        assert found is not None
        return int(found[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    async def fresh(self, check: Check, built: Callable[[float], None]) -> None:
        """Bring the file up to date; what is newer than its watermark waits in the staging tables for `tail`.

        `check` raises when the work shall stop, `built` hears how far a first build is. A build that was stopped goes
        on where it was, unless the tables were written anew meanwhile.
        """
        state = await self._feed.state()
        if self._other(state):
            self.anew()
        if self.meta("complete") is None:
            await self._build(state, check, built)
        state = await self._feed.news(self.watermark, self.folder, check)
        if self._other(state):
            raise Replaced
        self._news = {table for table in ("graves", "events", "viewers") if self._stage(table)}
        with self._transaction():
            settled = f"stamp < {state.low:d}"
            self._apply(settled)
            if "graves" in self._news:
                found = self.db.execute(f"SELECT count(*) FROM fresh_graves WHERE gone AND {settled}").fetchone()  # noqa: S608
                self._note(forgotten=self.forgotten + (found[0] if found else 0))
            if self._news and state.low > self.watermark:
                self._note(watermark=state.low)
            now = datetime.now(UTC)
            if self._refreshed() is None or now - (self._refreshed() or now) > timedelta(hours=1):
                self._note(refreshed=now.isoformat())
        self.low = state.low

    def _other(self, state: State) -> bool:
        """Whether what the file was made of is not what the database is now: replaced, set back, or long ago."""
        identity = self.meta("identity")
        if identity is None:
            return False
        refreshed = self._refreshed()
        old = refreshed is not None and datetime.now(UTC) - refreshed > timedelta(days=STALE_DAYS)
        begun = self.meta("complete") is not None or self.meta("places") == state.places
        return identity != state.identity or self.watermark > state.high or old or not begun

    def _refreshed(self) -> datetime | None:
        noted = self.meta("refreshed")
        return None if noted is None else datetime.fromisoformat(noted)

    def tail(self) -> None:
        """Put what is newer than the watermark on top, inside the transaction that is open."""
        self._apply(f"stamp >= {self.low:d}")

    def _stage(self, table: str, name: str | None = None) -> bool:
        """Read a file of the feed into its staging table; false (and no table) when nothing is in it."""
        file = self.folder / f"{name or table}.csv"
        if not file.stat().st_size:
            file.unlink()
            return False
        columns = ", ".join(
            f"'{column}': '{type_}'"
            for column, type_ in (one.split(" ", 1) for one in f"stamp BIGINT, {_READ[table]}".split(", "))
        )
        self.db.execute(
            f"CREATE OR REPLACE TEMP TABLE fresh_{table} AS SELECT * FROM read_csv('{_quoted(file)}',"  # noqa: S608
            f" columns = {{{columns}}}, auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"',"
            " nullstr = '\\N', allow_quoted_nulls = false, max_line_size = 16777216)"
        )
        file.unlink()
        return True

    def _apply(self, which: str) -> None:
        """Take over the staged rows of these stamps."""
        gone: list[Any] = []
        if "graves" in self._news:
            gone = self.db.execute(f"SELECT what, key, was FROM fresh_graves WHERE {which}").fetchall()  # noqa: S608
        if events := [(key, was) for what, key, was in gone if what == "events"]:
            # The viewer is asked first: comparing numbers leaves few texts to compare.
            self._delete(
                "events",
                "profile_id IN (SELECT unnest($viewers::BIGINT[])) AND event_id IN (SELECT unnest($ids::VARCHAR[]))",
                {"viewers": sorted({was for _, was in events}), "ids": [key for key, _ in events]},
            )
        if viewers := [int(key) for what, key, _ in gone if what == "viewers"]:
            self._delete("viewers", "profile_id IN (SELECT unnest($ids::BIGINT[]))", {"ids": viewers})
        if "viewers" in self._news:
            fresh = f"SELECT profile_id FROM fresh_viewers WHERE {which}"  # noqa: S608
            self._delete("viewers", f"profile_id IN ({fresh})", {})
        for table in sorted(self._news - {"graves"}):
            columns = ", ".join(_columns(table))
            self.db.execute(f"INSERT INTO {table} SELECT {columns} FROM fresh_{table} WHERE {which}")  # noqa: S608

    def _delete(self, table: str, where: str, values: dict[str, Any]) -> None:
        self.db.execute(f"DELETE FROM {table} WHERE {where}", values)  # noqa: S608

    async def _build(self, state: State, check: Check, built: Callable[[float], None]) -> None:
        """Read both tables piece by piece, then lay the rows in their order."""
        if self.meta("identity") is None:
            await self._feed.tidy()
            state = await self._feed.state()
            with self._transaction():
                self._note(identity=state.identity, places=state.places, watermark=state.low)
                self._note(**{f"pages_{table}": count for table, count in state.pages.items()})
        total = {table: int(self.meta(f"pages_{table}") or 0) for table in ("events", "viewers")}
        read = {table: int(self.meta(f"read_{table}") or 0) for table in total}
        for table, pages in total.items():
            for first in range(read[table], pages, PAGES):
                await check()
                await self._feed.piece(table, first, self.watermark, self.folder / "piece.csv", check)
                staged = self._stage(table, "piece")
                with self._transaction():
                    if staged:
                        columns = ", ".join(_columns(table))
                        self.db.execute(f"INSERT INTO {table} SELECT {columns} FROM fresh_{table}")  # noqa: S608
                    self._note(**{f"read_{table}": first + PAGES})
                read[table] = min(pages, first + PAGES)
                built(0.8 * sum(read.values()) / max(1, sum(total.values())))
        self.db.execute("DROP TABLE IF EXISTS fresh_events")
        self.db.execute("DROP TABLE IF EXISTS fresh_viewers")
        with self._transaction():
            self._note(complete="yes")
        if total["events"] > PAGES:
            self.rewrite()
        built(1.0)

    def rewrite(self) -> None:
        """Write the file anew with its rows in order: nothing that was deleted stays in it."""
        new = self.folder / "new.duckdb"
        for name in ("new.duckdb", "new.duckdb.wal"):
            (self.folder / name).unlink(missing_ok=True)
        self.db.execute(f"ATTACH '{_quoted(new)}' AS fresh_file")
        try:
            self.db.execute("CREATE TABLE fresh_file.meta AS SELECT * FROM meta WHERE name <> 'forgotten'")
            for table, order in _ORDER.items():
                self.db.execute(f"CREATE TABLE fresh_file.{table} AS SELECT * FROM {table} ORDER BY {order}")  # noqa: S608
            self.db.execute("CHECKPOINT fresh_file")
        finally:
            self.db.execute("DETACH fresh_file")
        self.db.close()
        # The write-ahead log of the old file must never meet the new one.
        (self.folder / "warehouse.duckdb.wal").unlink(missing_ok=True)
        os.replace(new, self.path)
        self.db = self._connect()


class Replaced(Exception):
    """The database was replaced while it was read"""


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
