"""The reader of one stream: which partitions, in which batches, in what transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

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

BREATH = 0.05
"""After a small batch, one that took less than these seconds, the reader rests as long as it took. A longer one was
worth its transaction."""

LOOK = 2.0
"""Seconds between looks at the locks: whether they are still held, and whether another replica has left some."""


class Abreast(NamedTuple):
    """How a batch is cut by partition: into so many transactions at most, each worth so many facts at least."""

    transactions: int = 1
    facts: int = 500


class Reader:
    """One service's reader of one stream. It reads the partitions whose advisory locks it holds.

    `rest` are the seconds after a batch in which what comes is left waiting to share the next transaction. A full
    batch is followed by the next at once. A large one is cut `abreast`, and its transactions go side by side: while
    Postgres works on one this process works on another.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        stream: str,
        listeners: Sequence[On],
        *,
        rest: float = 0.0,
        abreast: Abreast = Abreast(),  # noqa: B008 - it never changes
    ) -> None:
        self.database = database
        self.bus = bus
        self.stream = stream
        self.rest = rest
        self.abreast = abreast
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
        self._taken: int | None = None

    @property
    def reading(self) -> bool:
        """Whether this process reads some partitions: the next step then waits for messages by itself."""
        return self._pull is not None

    async def progress(self) -> tuple[int, int] | None:
        """Sequence of the last message taken in, and of the last one in the stream; None while nothing is read here.

        A process that reads only some partitions may never reach the last: it can belong to another's. Positions do
        not tell it: while the partitions of a batch go side by side, one is ahead of what another has yet to take in.
        """
        taken = self._taken
        if self._pull is None or taken is None:
            return None
        state = await self.bus.state(self.stream)
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
        took = 0.0
        try:
            received = await self._pull.batch(BATCH, size=BATCH_BYTES)
            if received:
                began = time.monotonic()
                await self._take(received)
                took = time.monotonic() - began
                self._taken = received[-1].sequence
            elif self._taken is None:  # nothing waits
                self._taken = max(self.positions.values())
        except BaseException:
            # Whatever happened, the truth is in the database: start again from the position.
            await self._drop()
            raise
        if received and len(received) < BATCH and sum(len(one.data) for one in received) < BATCH_BYTES:
            # As much rest as work, so that on a busy machine many small transactions become fewer, larger ones: each
            # costs some milliseconds here, in the database and, for what it tells, on the bus and of whoever hears it.
            self._next_at = time.monotonic() + max(self.rest, took if took < BREATH else 0.0)
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
        with BATCH_SECONDS.labels(self.stream).time():
            shares = [self._share(news, moved, numbers, parts) for parts in self._cut(news, moved)]
            # Every share ends before an error of one is told: what begins anew must not meet what still goes on.
            for error in await asyncio.gather(*shares, return_exceptions=True):
                if isinstance(error, BaseException):
                    raise error
        BEHIND.labels(self.stream).set(max(0.0, time.time() - received[-1].at / 1e9))

    def _cut(self, news: Sequence[Heard], moved: Mapping[int, int]) -> list[set[int]]:
        """The partitions of each transaction: one for all, unless there is much to take in."""
        size = dict.fromkeys(moved, 0)
        for message in news:
            size[message.part] += len(message.items)
        abreast = min(self.abreast.transactions, sum(size.values()) // self.abreast.facts, len(moved))
        if abreast < 2:
            return [set(moved)]
        shares: list[set[int]] = [set() for _ in range(abreast)]
        laden = [0] * abreast
        for part in sorted(moved, key=lambda one: (-size[one], one)):  # the largest first, each to the least laden
            least = laden.index(min(laden))
            shares[least].add(part)
            laden[least] += size[part]
        return shares

    async def _share(self, news: Sequence[Heard], moved: Mapping[int, int], numbers: Numbers, parts: set[int]) -> None:
        """Take in these partitions of a batch, in one transaction with their positions."""
        its = [message for message in news if message.part in parts]
        new = {part: moved[part] for part in sorted(parts)}
        noted = {key: n for key, n in numbers.items() if key[1] in parts}
        runs = layers(its)
        place = self.stream, self.created
        try:
            if any(message.bad for message in its):
                raise _Undecodable
            async with self.database.transaction() as session:
                await positions.move(session, *place, old=self.positions, new=new, numbers=noted)
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
                await positions.move(session, *place, old=self.positions, new=new, numbers=noted)
                for kind, run in runs:
                    await dead.salvage(session, self.apply, self.stream, kind, run)
        self.positions.update(new)
        self.numbers.update(noted)
        for kind, run in runs:
            READ.labels(self.stream, kind).inc(sum(len(message.items) for message in run))

    async def _drop(self) -> None:
        pull, self._pull, self._taken = self._pull, None, None
        if pull is not None:
            await pull.close()

    async def close(self) -> None:
        """Stop reading and let another replica take the partitions."""
        await self._drop()
        await self.locks.release()


class _Undecodable(Exception):
    """Some message of the batch cannot be decoded."""
