"""A toy service for the kernel's tests: it notes what it hears, in one table of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import BigInteger, Column, Identity, Integer, MetaData, Table, Text, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.local import servers, temporary
from shared.bus import Bus
from shared.contracts import EventReceived, EventRecorded, SegmentDefined
from shared.database import Database
from shared.reader import Abreast, On, Reader
from shared.settings import Settings
from shared.tables import dead_letters, positions
from tests.harness.bus import TestBus

NOW = datetime(2026, 1, 2, tzinfo=UTC)

tables = MetaData()
noted = Table(
    "noted",
    tables,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("what", Text, nullable=False),
    Column("who", Integer, nullable=False),
)

_CREATE = """
CREATE TABLE noted (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text NOT NULL, who integer NOT NULL)
"""


def settings(database_url: str, bus: TestBus | None = None, name: str = "profile", **options: Any) -> Settings:
    return Settings(
        database_url=database_url,
        nats_url=bus.url(name) if bus else "nats://none",
        nats_monitor_url=bus.monitor_url if bus else "http://none",
        secret="s" * 64,
        **options,
    )


async def add_table(url: str) -> str:
    """Put the toy's table into a cloned database; its address again."""
    connection = await asyncpg.connect(url)
    await connection.execute(_CREATE)
    await connection.close()
    return url


def received(what: str, who: str = "a", **more: Any) -> EventReceived:
    """Something a front-end sent, as INTAKE carries it."""
    return EventReceived(
        message_id=what, type="track", event="x", time=NOW, received_at=NOW, source="w", anonymous_id=who, **more
    )


def recorded(what: str, who: int = 1, **properties: Any) -> EventRecorded:
    """Something profile recorded, as FACTS carries it."""
    return EventRecorded(
        event_id=what,
        origin=f"user_id:u{who}",
        profile_id=who,
        event="x",
        time=NOW,
        received_at=NOW,
        properties=properties,
    )


def thing(key: str) -> SegmentDefined:
    """Something that a toy may tell."""
    return SegmentDefined(key=key, name=key, version=1)


async def note(session: AsyncSession, items: list[Any]) -> None:
    """The plain listener: one row for each item."""
    rows = []
    for item in items:
        if isinstance(item, EventReceived):
            rows.append({"what": item.message_id, "who": int(item.properties.get("who", 0))})
        else:
            rows.append({"what": item.event_id, "who": item.profile_id})
    await session.execute(insert(noted), rows)


@dataclass
class Shelf:
    """One database and one connection to the bus, for tests that turn a reader by hand."""

    url: str
    db: Database
    bus: Bus
    stream: str
    readers: list[Reader] = field(default_factory=list)

    def reader(self, *listeners: On, rest: float = 0.0, abreast: int = 1) -> Reader:
        self.readers.append(Reader(self.db, self.bus, self.stream, listeners, rest=rest, abreast=Abreast(abreast)))
        return self.readers[-1]

    async def noted(self) -> list[str]:
        async with self.db.transaction() as session:
            return list((await session.scalars(select(noted.c.what).order_by(noted.c.id))).all())

    async def dead(self) -> list[Any]:
        async with self.db.transaction() as session:
            return list((await session.execute(select(dead_letters).order_by(dead_letters.c.id))).all())

    async def read(self) -> int:
        """Sum of the positions: 0 when nothing was taken in."""
        async with self.db.transaction() as session:
            return sum((await session.scalars(select(positions.c.sequence))).all())

    async def close(self) -> None:
        for reader in self.readers:
            await reader.close()
        await self.bus.close()
        await self.db.close()


@contextlib.asynccontextmanager
async def shelf(url: str, bus: TestBus, name: str, stream: str) -> AsyncIterator[Shelf]:
    """A toy of this name: `profile` reads INTAKE, `recommend` reads FACTS."""
    await bus.step_aside(name)
    await add_table(url)
    chosen = settings(url, bus, name)
    opened = Bus(name, chosen)
    await opened.open()
    made = Shelf(url, Database(name, chosen), opened, stream)
    try:
        yield made
    finally:
        await made.close()


async def drain(reader: Reader, *, turns: int = 60) -> None:
    """Turn a reader until it finds nothing more."""
    for _ in range(turns):
        if not await reader.step():
            return
    raise AssertionError(f"still reading after {turns} turns")


@contextlib.contextmanager
def nats_again(bus: TestBus) -> Iterator[None]:
    """The bus' server, which the test has killed, on the same ports and the same store."""
    server = bus.server
    monitor_port = int(server.monitor_url.rsplit(":", 1)[1])
    passwords = dict.fromkeys(servers.NATS_USERS, temporary.PASSWORD)
    program = servers.nats(server.folder, port=server.port, monitor_port=monitor_port, passwords=passwords)
    folder: Path = server.folder.parent
    with temporary.running(program, folder, lambda: servers.nats_ready(server.monitor_url)):
        yield


def kill_nats(bus: TestBus) -> None:
    """kill -9, as a power cut of the server's machine would."""
    bus.server.process.kill()
    bus.server.process.wait()
