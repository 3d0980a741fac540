"""Segment's side of the warehouse: starts its process when first asked, and again whenever it has died.

The process works one question at a time with all its threads. Whoever asks waits his turn, within his own time limit;
when too many wait, or the file is being built for the first time, he is told so at once or when his time is up.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import itertools
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from services.segment.outside.warehouse import wire
from services.segment.outside.warehouse.child import Child, Died
from shared import telemetry
from shared.errors import Invalid, Unavailable

log = telemetry.logger(__name__)

SECONDS = 30.0
"""A question's time, waiting included, unless it asks for another."""
MOST_REPLICAS = 64
"""On one disk."""
PATIENCE = 5.0
"""Seconds that the process gets to stop a statement before it is killed."""


class WarehouseBusy(Unavailable):
    """Too many questions wait for the warehouse"""


class WarehouseBuilding(Unavailable):
    """The warehouse is being built"""


class WarehouseTooSlow(Unavailable):
    """The question took too long"""


class WarehouseDown(Unavailable):
    """The warehouse does not work"""


class TooMuchMemory(Invalid):
    """The question needs more memory than the warehouse may use"""


@dataclass(frozen=True)
class Place:
    """Where a warehouse is and what it may use: `memory` in MB; at most `waiting` questions wait."""

    folder: Path
    url: str
    memory: int = 1024
    threads: int = 2
    waiting: int = 16

    @property
    def own(self) -> Path:
        """The folder of this database: another database has another one."""
        return self.folder / hashlib.sha256(self.url.rpartition("@")[2].encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Result:
    """An answer: the table, and the stamp below which everything that transactions wrote is in it.

    What was committed at or above the stamp before the question came is in it as well; what came later is not.
    """

    table: pa.Table
    watermark: int


class Warehouse:
    """The warehouse of one process of segment."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.events = 0
        self.viewers = 0
        self.forgotten = 0
        self.rewritten = time.monotonic()
        """When the file was last written anew, on time.monotonic(): with the process, at the latest."""
        self.built: float | None = None
        """How much of the first build is done, None when none is going on."""
        self._child: Child | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._numbers = itertools.count(1)
        self._slot: int | None = None

    @property
    def running(self) -> bool:
        """Whether its process has been started and lives, as far as is known."""
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int | None:
        """The process id while it lives."""
        return self._child.pid if self._child is not None and self._child.alive else None

    async def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        inputs: Mapping[str, pa.Table] | None = None,
        seconds: float = SECONDS,
    ) -> pa.Table:
        """Ask over `events` and `viewers` (see file) as they are now, all that was committed before included.

        `params` are named values (`$name`), `inputs` tables that the statement may name. Raises WarehouseBusy,
        WarehouseBuilding, WarehouseTooSlow, WarehouseDown, TooMuchMemory; DuckDB's own complaint about a statement is
        a ValueError.
        """
        return (await self.ask(sql, params, inputs=inputs, seconds=seconds)).table

    async def ask(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        inputs: Mapping[str, pa.Table] | None = None,
        seconds: float = SECONDS,
    ) -> Result:
        """As `query`, with the stamp up to which the answer is complete."""
        packed = {name: wire.pack(table) for name, table in (inputs or {}).items()}
        ask = wire.Ask(id=next(self._numbers), sql=sql, params=dict(params or {}), inputs=packed)
        answer = await self._asked(ask, seconds)
        return Result(table=wire.unpack(answer.data), watermark=answer.watermark)

    async def refresh(self, *, rewrite: bool = False, seconds: float = 3600.0) -> None:
        """Bring the file up to date; build it where there is none. With `rewrite`, write it anew after that."""
        await self._asked(wire.Ask(id=next(self._numbers), rewrite=rewrite), seconds)
        if rewrite:
            self.rewritten = time.monotonic()

    async def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None:
            await child.end()
        if self._slot is not None:
            os.close(self._slot)
            self._slot = None

    async def _asked(self, ask: wire.Ask, seconds: float) -> wire.Answer:
        if self._waiting > self.place.waiting:
            raise WarehouseBusy(f"{self._waiting} questions wait: try again", headers={"Retry-After": "5"})
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                async with self._turn:
                    reply = await self._work(ask)
        except TimeoutError:
            raise self._too_late(seconds) from None
        finally:
            self._waiting -= 1
        return self._answer(reply)

    async def _work(self, ask: wire.Ask) -> wire.Answer | wire.Failure:
        """Ask the process; one that dies over it gets a second chance as another one."""
        for _ in range(2):
            done = False
            try:
                reply = await self._exchange(ask)
                done = True
                return reply
            except Died as error:
                done = True
                await self.close()
                log.warning("the warehouse's process ended over a question", error=str(error))
            finally:
                if not done:
                    await self._stop(ask.id)
        raise WarehouseDown("its process ended twice over this question; the log says why")

    async def _exchange(self, ask: wire.Ask) -> wire.Answer | wire.Failure:
        child = await self._alive()
        await child.tell(ask)
        reply = await child.hear(ask.id)
        while isinstance(reply, wire.Built):
            self.built = None if reply.share >= 1 else reply.share
            reply = await child.hear(ask.id)
        return reply

    def _answer(self, reply: wire.Answer | wire.Failure) -> wire.Answer:
        if isinstance(reply, wire.Answer):
            self.events, self.viewers, self.forgotten, self.built = reply.events, reply.viewers, reply.forgotten, None
            return reply
        log.warning("the warehouse could not answer", kind=reply.kind, words=reply.words[:500])
        match reply.kind:
            case "statement":
                raise ValueError(reply.words)
            case "memory":
                raise TooMuchMemory(f"it may use {self.place.memory} MB: ask about a shorter time or fewer events")
            case _:
                raise WarehouseDown("it cannot read the database or its file: try again", headers={"Retry-After": "2"})

    def _too_late(self, seconds: float) -> Unavailable:
        if self.built is not None:
            share = f"{self.built:.0%} are there"
            return WarehouseBuilding(f"{share}: try again in a while", headers={"Retry-After": "10"})
        return WarehouseTooSlow(f"it was stopped after {seconds:g} s: ask about a shorter time or fewer events")

    async def _stop(self, id_: int) -> None:
        """Let the process stop this question and say so; kill it where it does not."""
        child = self._child
        if child is None:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await child.tell(wire.Cancel(id=id_))
                while isinstance(await child.hear(id_), wire.Built):
                    pass
        except (TimeoutError, Died):
            await self.close()

    async def _alive(self) -> Child:
        if self._child is None or not self._child.alive:
            await self.close()
            place = self.place
            options = wire.Options(
                url=place.url, folder=str(self._folder()), threads=place.threads, memory=place.memory
            )
            self._child = await Child.start(options)
        return self._child

    def _folder(self) -> Path:
        """A folder that no other process of this machine uses: replicas on one disk have a file each."""
        for number in range(MOST_REPLICAS):
            folder = self.place.own / str(number)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                continue
            self._slot = handle
            return folder
        raise WarehouseDown(f"{MOST_REPLICAS} processes use {self.place.own} already")
