"""The service's own database: one transaction per action, committed before the answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import asyncpg
import msgspec
from fastapi import Depends, Request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from shared import outbox, telemetry
from shared.settings import Settings

_OUTAGES = ("08", "53", "55", "57", "58", "40")
"""SQLSTATE classes that are nobody's content: connection, resources, locks, shutdown, system, rollback by deadlock."""

_UNSTORABLE = ("22000", "22003", "22021", "22P05")
"""SQLSTATEs of values no column can hold: refused by asyncpg itself, out of range, not in the encoding, NUL in JSON."""

_SETTINGS = "marquee.settings"
ENCLOSED = "marquee.enclosed"
"""Marks the session of a transaction that is more than its action's."""

log = telemetry.logger(__name__)


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()


class Database:
    """The engine of one service. `name` is the producer of the facts told here; `wake` is called when some were."""

    def __init__(self, name: str, settings: Settings, *, wake: Callable[[], object] = lambda: None) -> None:
        self.name = name
        self.wake = wake
        self.settings = settings
        self.url = settings.database_url
        self.engine = create_async_engine(
            settings.database_url,
            pool_size=settings.pool_size,
            max_overflow=settings.pool_size,
            pool_timeout=3,
            pool_recycle=1800,
            json_serializer=_encode,
            json_deserializer=msgspec.json.decode,
            # Errors go to logs and dead letters: values of viewers do not belong there.
            hide_parameters=True,
            connect_args={
                "timeout": 5,
                "command_timeout": 60,
                # jit: off, since it costs seconds on wide statements that run for milliseconds.
                "server_settings": {"application_name": f"marquee-{name}", "timezone": "UTC", "jit": "off"},
            },
        )

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: what is told in it leaves with it, callbacks run after its commit."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            effects = outbox.begin(session, self.name)
            session.info[_SETTINGS] = self.settings
            yield session
            await outbox.write(session)
            # What raises before this is rolled back as the session closes.
            await session.commit()
        if effects.written:
            self.wake()
        for callback in effects.after_commit:
            try:
                callback()
            except Exception:
                # The transaction has committed: saying otherwise to the caller would be untrue.
                log.exception("callback after the commit failed")

    async def ping(self) -> None:
        """Raise unless the database answers."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def settings_of(session: AsyncSession) -> Settings:
    """The settings of the process whose transaction this is: an action derives its keys from them."""
    found: Settings = session.info[_SETTINGS]
    return found


async def release(session: AsyncSession) -> None:
    """Give the connection back to the pool, before waiting long for something that is not the database.

    For actions that have only read so far: what they do next is a transaction of its own, with another snapshot. One
    that an Idempotency-Key encloses stays, since the key is claimed in it.
    """
    if session.info.get(ENCLOSED):
        return
    if outbox.effects(session).told:
        raise RuntimeError("facts were told: they must leave with what made them true")
    await session.commit()


def after_commit(session: AsyncSession, callback: Callable[[], object]) -> None:
    """Call this synchronous function once the transaction has committed; never if it did not."""
    outbox.effects(session).after_commit.append(callback)


def is_outage(error: BaseException) -> bool:
    """Whether an error is an outage (of database, bus, network) and not the fault of what was being done."""
    if isinstance(error, DBAPIError):
        code = getattr(error.orig, "sqlstate", None)
        return error.connection_invalidated or code is None or str(code)[:2] in _OUTAGES
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "")[:2] in _OUTAGES
    return isinstance(error, OSError | TimeoutError | PoolTimeout | asyncpg.InterfaceError) or bool(
        getattr(error, "outage", False)
    )


def is_unstorable(error: BaseException) -> bool:
    """Whether the database cannot hold a value: a NUL, half a surrogate pair, a number out of range."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _UNSTORABLE


def words(error: BaseException) -> str:
    """An error as text that a column can hold: no NUL, no half surrogates, at most 2,000 characters.

    Of what a database refused only its first line stands there: neither the statement nor the row.
    """
    message = str(error.orig).partition("\n")[0] if isinstance(error, DBAPIError) else str(error)
    text_ = f"{type(error).__name__}: {message}"[:2000]
    return text_.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


class Locks:
    """Advisory locks of this process, held on a connection of their own until it closes or is lost.

    `settings` are Postgres' for that connection.
    """

    def __init__(self, database: Database, **settings: str) -> None:
        self.settings = settings
        self.url = database.url.replace("+asyncpg", "", 1)
        self.name = database.name
        self.held: set[str] = set()
        self._connection: asyncpg.Connection[Any] | None = None

    async def take(self, names: list[str]) -> set[str]:
        """Try to take these locks; the answer is every lock held now. A lost connection has lost them all."""
        if self._connection is None or self._connection.is_closed():
            self.held = set()
            self._connection = await asyncpg.connect(
                self.url,
                timeout=5,
                command_timeout=5,
                server_settings={"application_name": f"marquee-{self.name}-locks", **self.settings},
            )
        wanted = [name for name in names if name not in self.held]
        if wanted:
            rows = await self._connection.fetch(
                "SELECT name FROM unnest($1::text[]) AS name WHERE pg_try_advisory_lock(hashtextextended(name, 0))",
                wanted,
            )
            self.held |= {row["name"] for row in rows}
        else:
            await self._connection.fetchval("SELECT 1")
        return self.held

    async def fetch(self, query: str, *values: Any) -> list[asyncpg.Record]:
        """Rows of one statement, a transaction of its own, run where the locks are held: were they lost, it would fail.

        Raises asyncpg's errors.
        """
        if self._connection is None:
            raise asyncpg.InterfaceError("no lock is held")
        return await self._connection.fetch(query, *values, timeout=60)

    def lost(self) -> bool:
        """Whether the connection that held the locks is gone."""
        return self._connection is None or self._connection.is_closed()

    async def release(self) -> None:
        """Let all of them go."""
        connection, self._connection, self.held = self._connection, None, set()
        if connection is not None and not connection.is_closed():
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await asyncio.shield(connection.close(timeout=2))


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    """The request's transaction. With an Idempotency-Key it belongs to the answer's record (shared.idempotency)."""
    enclosing: AsyncSession | None = request.scope.get("marquee.session")
    if enclosing is not None:
        yield enclosing
        return
    async with request.app.state.house.db.transaction() as session:
        yield session


Session = Annotated[AsyncSession, Depends(_session, scope="function")]
"""A route's transaction. `scope="function"`: it commits before the answer leaves, so 2xx means durable."""
