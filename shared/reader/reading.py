"""The reader of one stream: which partitions, in which batches, in what transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram

from shared import telemetry
from shared.bus import Bus, Pull, Received
from shared.database import Database, Locks, is_outage
from shared.reader import dead, decoding, positions
from shared.reader.applying import Apply
from shared.reader.decoding import Heard, layers
from shared.reader.listening import MissedFacts, On
from shared.reader.positions import Numbers

log = telemetry.logger(__name__)

READ = Counter("marquee_reader_items", "Facts taken in", ["stream", "kind"])
GAPS = Counter("marquee_reader_gaps", "Jumps in a producer's numbers", ["stream", "producer"])
BEHIND = Gauge("marquee_reader_seconds_behind", "Age of the last message when it was taken in", ["stream"])
BATCH_SECONDS = Histogram("marquee_reader_batch_seconds", "Time of one transaction of the reader", ["stream"])

BATCH = 256
"""Messages of one transaction at most."""

BATCH_BYTES = 4 * 1024 * 1024
"""A transaction takes no further message once it has this many bytes: a full one then takes well under a second."""

LOOK = 2.0
"""Seconds between looks at the locks: whether they are still held, and whether another replica has left some."""


class Reader:
    """One service's reader of one stream. It reads the partitions whose advisory locks it holds.

    `rest` are the seconds after a batch in which what comes is left waiting to share the next transaction. A full
    batch is followed by the next at once.
    """

    def __init__(
        self, database: Database, bus: Bus, stream: str, listeners: Sequence[On], *, rest: float = 0.0
    ) -> None:
        self.database = database
        self.bus = bus
        self.stream = stream
        self.rest = rest
        self.apply = Apply([on for on in listeners if on.fact.stream == stream])
        self.parts = list(decoding.parts(stream))
        self.must_catch_up = {on.fact.owner for on in listeners if on.catch_up and on.fact.stream == stream}
        self.positions: dict[int, int] = {}
        self.numbers: Numbers = {}
        self.created = ""
        self.locks = Locks(database)
        self._pull: Pull | None = None
        self._owned: set[int] = set()
        self._look_at = 0.0
        self._next_at = 0.0
        self._turned = False

    @property
    def reading(self) -> bool:
        """Whether this process reads some partitions: the next step then waits for messages by itself."""
        return self._pull is not None

    async def progress(self) -> tuple[int, int] | None:
        """Sequence of the last message taken in, and of the last one in the stream; None while nothing is read here.

        A process that reads only some partitions may never reach the last: it can belong to another's.
        """
        if self._pull is None or not self._turned:
            return None
        state = await self.bus.state(self.stream)
        taken = max(self.positions.values())
        return (taken, max(taken, state.last)) if state.messages else (state.last, state.last)

    async def step(self) -> bool:
        """Read and take in one batch; True when there was one. Raises MissedFacts on a gap, after closing itself."""
        if self._pull is None or time.monotonic() > self._look_at or self.locks.lost():
            await self._own()
            self._look_at = time.monotonic() + LOOK
        if not self._owned or self._pull is None:
            return False
        if (left := self._next_at - time.monotonic()) > 0:
            await asyncio.sleep(left)
        try:
            received = await self._pull.batch(BATCH, size=BATCH_BYTES)
            if received:
                await self._take(received)
            self._turned = True
        except BaseException:
            # Whatever happened, the truth is in the database: start again from the position.
            await self._drop()
            raise
        if received and len(received) < BATCH:
            self._next_at = time.monotonic() + self.rest
        return bool(received)

    async def _own(self) -> None:
        """Take free partitions; after a change of what is owned begin anew from the positions."""
        names = {f"{self.stream}.{part}": part for part in self.parts}
        owned = {names[name] for name in await self.locks.take(list(names))}
        if self._pull is not None and owned == self._owned:
            return
        await self._drop()
        self._owned = owned
        if not owned:
            return
        state = await self.bus.state(self.stream)
        self.created = state.created
        async with self.database.transaction() as session:
            self.positions = await positions.load(session, self.stream, state.created, sorted(owned))
            self.numbers = await positions.load_numbers(session, self.stream)
        start = min(self.positions.values()) + 1
        pull = Pull(self.bus, self.stream, decoding.subjects(self.stream, owned), start)
        await pull.open()
        self._pull = pull
        log.info("reading", stream=self.stream, partitions=len(owned), start=pull.start)

    def _news(self, received: Sequence[Received]) -> tuple[list[Heard], dict[int, int], Numbers]:
        """What is new in a batch, the positions and the producers' numbers after it. Raises MissedFacts."""
        news: list[Heard] = []
        moved: dict[int, int] = {}
        numbers: Numbers = {}
        for one in received:
            message = decoding.message(self.stream, one, self.apply.decode_each)
            if message.sequence <= self.positions[message.part]:
                continue
            moved[message.part] = message.sequence
            if message.n:
                key = (message.producer, message.part)
                last = numbers.get(key, self.numbers.get(key))
                if last is not None and message.n <= last:
                    continue
                if message.n > (last or 0) + 1 and (last is not None or message.producer in self.must_catch_up):
                    GAPS.labels(self.stream, message.producer).inc()
                    log.error(
                        "facts are missing", stream=self.stream, producer=message.producer, after=last, n=message.n
                    )
                    if message.producer in self.must_catch_up:
                        raise MissedFacts(message.producer)
                numbers[key] = message.n
            news.append(message)
        return news, moved, numbers

    async def _take(self, received: Sequence[Received]) -> None:
        news, moved, numbers = self._news(received)
        if not moved:
            return
        if news:
            telemetry.trace.set(news[0].trace or telemetry.new_trace())
        runs = layers(news)
        place = self.stream, self.created
        with BATCH_SECONDS.labels(self.stream).time():
            try:
                if any(message.bad for message in news):
                    raise _Undecodable
                async with self.database.transaction() as session:
                    await positions.move(session, *place, old=self.positions, new=moved, numbers=numbers)
                    for kind, run in runs:
                        items = [item for message in run for item in message.items]
                        if items:
                            await self.apply.all(session, kind, items)
            except Exception as error:
                if is_outage(error):
                    raise
                if not isinstance(error, _Undecodable):
                    log.warning("batch failed on its content, looking for the culprit", error=repr(error)[:500])
                async with self.database.transaction() as session:
                    await positions.move(session, *place, old=self.positions, new=moved, numbers=numbers)
                    for kind, run in runs:
                        await dead.salvage(session, self.apply, self.stream, kind, run)
        self.positions.update(moved)
        self.numbers.update(numbers)
        for kind, run in runs:
            READ.labels(self.stream, kind).inc(sum(len(message.items) for message in run))
        BEHIND.labels(self.stream).set(max(0.0, time.time() - received[-1].at / 1e9))

    async def _drop(self) -> None:
        pull, self._pull, self._turned = self._pull, None, False
        if pull is not None:
            await pull.close()

    async def close(self) -> None:
        """Stop reading and let another replica take the partitions."""
        await self._drop()
        await self.locks.release()


class _Undecodable(Exception):
    """Some message of the batch cannot be decoded."""
