"""The warehouse's process: `python -m services.segment.outside.warehouse`, started by segment, told by its pipe."""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import duckdb
import msgspec
import pyarrow as pa

from services.segment.outside.warehouse import wire
from services.segment.outside.warehouse.feed import Feed
from services.segment.outside.warehouse.file import File, Replaced

ATTEMPTS = 3


class Cancelled(Exception):
    """Nobody waits for this any more"""


class Wrong(Exception):
    """DuckDB does not accept the statement"""


class Process:
    """Works one question after the other; a second thread hears what is cancelled, and that the parent is gone."""

    def __init__(self, asked: BinaryIO, told: BinaryIO) -> None:
        self._asked = asked
        self._told = told
        self._waiting: queue.SimpleQueue[wire.Ask] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._file: File | None = None
        self._feed: Feed | None = None
        self._loop = asyncio.new_event_loop()
        self._current = 0

    def run(self) -> None:
        """Work until the parent closes the pipe, which ends the process wherever it is."""
        options = msgspec.msgpack.decode(self._frame(), type=wire.Options)
        threading.Thread(target=self._hear, daemon=True).start()
        for ask in iter(self._waiting.get, None):
            self._current = ask.id
            self._tell(self._answer(options, ask))

    def _frame(self) -> bytes:
        head = self._asked.read(wire.LENGTH.size)
        if len(head) < wire.LENGTH.size:
            os._exit(0)
        return self._asked.read(wire.LENGTH.unpack(head)[0])

    def _hear(self) -> None:
        for body in iter(self._frame, None):
            message: wire.Question = msgspec.msgpack.decode(body, type=wire.Question)
            if isinstance(message, wire.Ask):
                self._waiting.put(message)
                continue
            self._cancelled.add(message.id)
            if message.id == self._current and self._file is not None:
                self._file.db.interrupt()

    def _tell(self, message: wire.Reply) -> None:
        self._told.write(wire.frame(message))
        self._told.flush()

    async def _check(self) -> None:
        if self._current in self._cancelled:
            raise Cancelled

    def _answer(self, options: wire.Options, ask: wire.Ask) -> wire.Reply:
        try:
            return self._loop.run_until_complete(self._work(options, ask))
        except (Cancelled, duckdb.InterruptException):
            return wire.Failure(id=ask.id, kind="cancelled", words="it was stopped")
        except duckdb.OutOfMemoryException as error:
            return wire.Failure(id=ask.id, kind="memory", words=str(error))
        except (duckdb.FatalException, duckdb.IOException, duckdb.InternalException) as error:
            # The file can no longer be trusted, or the process: whoever comes next begins with a new one.
            self._tell(wire.Failure(id=ask.id, kind="fault", words=f"{type(error).__name__}: {error}"))
            os._exit(1)
        except Wrong as error:
            return wire.Failure(id=ask.id, kind="statement", words=str(error))
        except Exception as error:
            return wire.Failure(id=ask.id, kind="fault", words=f"{type(error).__name__}: {error}")

    async def _work(self, options: wire.Options, ask: wire.Ask) -> wire.Reply:
        await self._check()
        if self._file is None or self._feed is None:
            folder = Path(options.folder)
            self._feed = Feed(options.url)
            self._file = File(folder, self._feed, threads=options.threads, memory=options.memory)
        file = self._file
        await self._fresh(file, ask.id)
        if ask.rewrite:
            file.rewrite()
        data = b""
        if ask.sql:
            await self._check()
            data = wire.pack(self._query(file, ask))
        return wire.Answer(
            id=ask.id,
            data=data,
            watermark=file.low,
            events=file.count("events"),
            viewers=file.count("viewers"),
            forgotten=file.forgotten,
        )

    async def _fresh(self, file: File, id_: int) -> None:
        for _ in range(ATTEMPTS):
            try:
                return await file.fresh(self._check, lambda share: self._tell(wire.Built(id=id_, share=share)))
            except Replaced:
                file.anew()
        raise Replaced

    def _query(self, file: File, ask: wire.Ask) -> pa.Table:
        """The statement's answer, on top of the tail, which is undone with all that the statement may have done."""
        db = file.db
        db.execute("BEGIN")
        try:
            file.tail()
            for name, data in ask.inputs.items():
                db.register(name, wire.unpack(data))
            return db.sql(ask.sql, params=ask.params or None).to_arrow_table()
        except (
            duckdb.ProgrammingError,
            duckdb.DataError,
            duckdb.NotSupportedError,
            duckdb.PermissionException,
        ) as error:
            raise Wrong(f"{type(error).__name__}: {error}") from error
        finally:
            for name in ask.inputs:
                db.unregister(name)
            db.execute("ROLLBACK")


def main() -> None:
    """Take the pipe for ourselves: whatever else is printed must not get into it."""
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Process(sys.stdin.buffer, told).run()


if __name__ == "__main__":
    main()
