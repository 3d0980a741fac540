"""A house: one service running, with its database, bus, doors and background steps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from fastapi import APIRouter
from sqlalchemy import MetaData, delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import answers, catchup, clock, freshness, idempotency, jobs, migrations, telemetry, vacuum
from shared.answers import Answers, AnswersFromMemory
from shared.bus import Bus
from shared.catchup import CatchUp, Offers
from shared.clock import Every
from shared.database import Database, settings_of
from shared.freshness import Freshness
from shared.jobs import Job
from shared.loops import Loops, Step
from shared.reader import Abreast, MissedFacts, On, Reader
from shared.relay import Relay
from shared.settings import Settings
from shared.tables import dead_letters

log = telemetry.logger(__name__)

REPORT_SECONDS = 1.0


class NotMigrated(Exception):
    """The database's schema is not the one this code needs."""


@dataclass(frozen=True)
class Service:
    """What makes a service: its rooms, by name."""

    name: str
    title: str
    tables: MetaData
    routes: tuple[APIRouter, ...] = ()
    listeners: tuple[On, ...] = ()
    timers: tuple[Every, ...] = ()
    answers: tuple[Answers | AnswersFromMemory, ...] = ()
    snapshots: tuple[Offers, ...] = ()
    steps: tuple[Step, ...] = ()
    rests: Mapping[str, float] = field(default_factory=dict)
    """Seconds its reader of a stream rests after a batch: what comes meanwhile shares the next transaction. For facts
    that need not be acted on at once."""
    abreast: Mapping[str, Abreast] = field(default_factory=dict)
    """How a large batch of a stream is cut into transactions that go side by side."""
    jobs: tuple[Job, ...] = ()
    settings: type[Settings] = Settings
    memory: Callable[[House], contextlib.AbstractAsyncContextManager[Any]] | None = None
    """Opens what the service holds in memory; it stands in `house.memory` while the house is open."""
    changed: Callable[[House, bytes], Awaitable[None]] | None = None
    """Hears `house.bus.broadcast(…)` of every replica of this service, its own included."""


@dataclass
class House:
    """A running service."""

    service: Service
    settings: Settings
    db: Database
    bus: Bus
    loops: Loops
    caller_key: bytes
    freshness: Freshness
    memory: Any = None
    readers: list[Reader] = field(default_factory=list)
    caught_up: dict[str, bool] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The service's name: producer, queue group and database."""
        return self.service.name

    async def unready(self) -> str:
        """Why this process should not get requests now; empty when it should."""
        if not self.bus.connected:
            return "the bus is not connected"
        needed = {on.fact.stream for on in self.service.listeners if not on.optional}
        waiting = [stream for stream, done in self.caught_up.items() if not done and stream in needed]
        if waiting:
            return f"catching up with {', '.join(waiting)}"
        try:
            async with asyncio.timeout(3):
                await self.db.ping()
        except Exception as error:
            return f"the database does not answer: {type(error).__name__}"
        return ""


@contextlib.asynccontextmanager
async def open_house(service: Service, settings: Settings) -> AsyncIterator[House]:
    """Open a service: refuse an old schema, connect, listen, read. Closing ends the steps in reverse order."""
    loops = Loops()
    database = Database(service.name, settings, wake=lambda: loops.wake("relay"))
    bus = Bus(service.name, settings)
    fresh = Freshness(database, bus, service.listeners)
    house = House(service, settings, database, bus, loops, settings.key("caller"), fresh)
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(database.close)
        await _refuse_old_schema(house)
        closing.push_async_callback(bus.close)
        await bus.open()
        if service.memory is not None:
            house.memory = await closing.enter_async_context(service.memory(house))
        if service.changed is not None:
            await _hear_changes(house, service.changed)
        # Before the memory closes: what an answer leaves there must not come too late.
        closing.push_async_callback(bus.quiet)
        for door in service.answers:
            await answers.listen(house, door)
        if service.listeners:
            await freshness.serve(house)
        if service.snapshots:
            await catchup.serve(house, service.snapshots)
        relay = Relay(database, bus)
        closing.push_async_callback(relay.close)
        for stream in dict.fromkeys(on.fact.stream for on in service.listeners):
            rest, abreast = service.rests.get(stream, 0.0), service.abreast.get(stream, Abreast())
            reader = Reader(database, bus, stream, service.listeners, rest=rest, abreast=abreast)
            house.readers.append(reader)
            closing.push_async_callback(reader.close)
        closing.push_async_callback(loops.stop)
        _start(house, relay)
        yield house


def _start(house: House, relay: Relay) -> None:
    service, loops = house.service, house.loops
    loops.start("relay", relay.step, pause=0.2)
    loops.start("watch", house.bus.watch, pause=5.0)
    loops.start("report", lambda: _report(house), pause=REPORT_SECONDS)
    for reader in house.readers:
        house.caught_up[reader.stream] = False
        listeners = [on for on in service.listeners if on.fact.stream == reader.stream]
        behind = CatchUp(house.db, house.bus, listeners)
        loops.start(f"read {reader.stream}", _reading(house, reader, behind), pause=0.05)
    loops.start("vacuum", lambda: vacuum.step(house.db), pause=5.0)
    for timer in (*service.timers, Every(3600, _tidy, "tidy")):
        loops.start(timer.name, _ticking(house, timer), pause=timer.seconds)
    for step in service.steps:
        loops.start(step.name, _stepping(house, step), pause=step.pause)
    for lane in dict.fromkeys(job.lane for job in service.jobs):
        loops.start(lane, _working(house, lane), pause=0.2)


def _reading(house: House, reader: Reader, behind: CatchUp) -> Callable[[], Awaitable[bool]]:
    async def turn() -> bool:
        if not house.caught_up[reader.stream]:
            if await behind.step():
                return True
            house.caught_up[reader.stream] = True
        try:
            # A step without messages has waited for them already: a pause would only keep the next ones waiting.
            return await reader.step() or reader.reading
        except MissedFacts as missed:
            await behind.again(missed.producer)
            house.caught_up[reader.stream] = False
            return True

    return turn


def _ticking(house: House, timer: Every) -> Callable[[], Awaitable[bool]]:
    async def turn() -> bool:
        async with house.db.transaction() as session:
            locked = await session.scalar(
                text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 1))"), {"name": timer.name}
            )
            more = await timer.action(session) if locked else False
        return timer.again and more is True

    return turn


def _working(house: House, lane: str) -> Callable[[], Awaitable[bool]]:
    kinds = {job.kind: job for job in house.service.jobs if job.lane == lane}
    return lambda: jobs.step(house.db, kinds)


def _stepping(house: House, step: Step) -> Callable[[], Awaitable[bool]]:
    return lambda: step.action(house)


async def _tidy(session: AsyncSession) -> None:
    now = clock.now()
    await idempotency.forget(session, now - timedelta(days=7))
    # They hold calls as they came, contact data in clear.
    kept = timedelta(days=settings_of(session).dead_letter_days)
    await session.execute(delete(dead_letters).where(dead_letters.c.at < now - kept))


async def _report(house: House) -> bool:
    """Tell the trimmer how far each reader has committed."""
    for reader in house.readers:
        if reader.positions:
            report = {
                "service": house.name,
                "stream": reader.stream,
                "created": reader.created,
                "positions": {str(part): sequence for part, sequence in reader.positions.items()},
            }
            await house.bus.hint("report.positions", msgspec.json.encode(report))
    return False


async def _hear_changes(house: House, changed: Callable[[House, bytes], Awaitable[None]]) -> None:
    await house.bus.listen(f"changed.{house.name}", lambda payload: changed(house, payload))


async def _refuse_old_schema(house: House) -> None:
    needed = migrations.heads(house.name)
    async with house.db.engine.connect() as connection:
        present = await connection.run_sync(migrations.present)
    if present != needed:
        raise NotMigrated(
            f"the database of {house.name} is at {sorted(present) or 'nothing'}, the code needs {sorted(needed)}: "
            f"run `python -m shared.migrations upgrade {house.name}`"
        )
