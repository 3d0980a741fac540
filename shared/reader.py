"""Reading a stream once and in order: position, effects and told facts are one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import ARRAY, BigInteger, SmallInteger, bindparam, column, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock, outbox, telemetry
from shared.bus import Bus, Pull, Received
from shared.contracts import PARTITIONS, Fact, Message, TriggerReceived
from shared.contracts.wire import join
from shared.database import Database, Locks, is_outage, words
from shared.tables import dead_letters, heard, positions

log = telemetry.logger(__name__)

READ = Counter("marquee_reader_items", "Facts taken in", ["stream", "kind"])
DEAD = Counter("marquee_dead_letters", "Facts that could not be taken in because of their content", ["stream", "kind"])
GAPS = Counter("marquee_reader_gaps", "Jumps in a producer's numbers", ["stream", "producer"])
BEHIND = Gauge("marquee_reader_seconds_behind", "Age of the last message when it was taken in", ["stream"])
BATCH_SECONDS = Histogram("marquee_reader_batch_seconds", "Time of one transaction of the reader", ["stream"])

BATCH = 256
"""Messages of one transaction at most."""

BATCH_BYTES = 4 * 1024 * 1024
"""A transaction takes no further message once it has this many bytes: a full one then takes well under a second."""

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises: another shape, bytes that are not UTF-8, nesting without end."""

AnyAction = Callable[[AsyncSession, list[Any]], Awaitable[object]]


@dataclass(frozen=True)
class On:
    """Call `action(session, items)` with facts of one type, in stream order.

    It may be called again with fewer items after it raised, and with a newcomer's snapshot when `catch_up` is set: an
    action is an idempotent write. A snapshot tells what is, not what is gone: where things can go, `forget(session)`
    drops what was known, in the transaction of the snapshot's first page. A service is ready once it has caught up with
    everything but what is `optional`: what it can serve without.
    """

    fact: type[Fact]
    action: AnyAction
    catch_up: bool = False
    optional: bool = False
    forget: Callable[[AsyncSession], Awaitable[object]] | None = None


class MissedFacts(Exception):
    """A producer's number jumped: what is missing must come from its snapshot."""

    def __init__(self, producer: str) -> None:
        super().__init__(producer)
        self.producer = producer


def catching_up(session: AsyncSession) -> bool:
    """Whether a newcomer's snapshot is being applied: it is the present state, not news."""
    return outbox.effects(session).catching_up


@dataclass(frozen=True)
class Heard:
    """One message of the stream, decoded as far as it could be: `bad` is what could not, as payload and reason."""

    part: int
    sequence: int
    kind: str
    producer: str
    n: int
    trace: str
    items: list[Fact]
    bad: tuple[tuple[bytes, str], ...] = ()


class Apply:
    """Runs a service's listeners over facts; the reader, the catch-up and the replay of dead letters share it."""

    def __init__(self, listeners: Sequence[On]) -> None:
        self.by_kind: dict[str, list[On]] = {}
        for on in listeners:
            self.by_kind.setdefault(on.fact.kind, []).append(on)
        self._decoders = {on.fact.kind: msgspec.json.Decoder(list[on.fact]) for on in listeners}  # type: ignore[name-defined]

    def decode(self, kind: str, items: bytes | msgspec.Raw) -> list[Fact]:
        """The facts of a message; none of a kind nobody listens to. Raises one of UNREADABLE."""
        decoder = self._decoders.get(kind)
        decoded: list[Fact] = decoder.decode(items) if decoder else []
        return decoded

    def decode_each(self, kind: str, items: msgspec.Raw) -> tuple[list[Fact], list[tuple[bytes, str]]]:
        """The facts of a message, and those that cannot be read, each as a list of one with the reason."""
        try:
            return self.decode(kind, items), []
        except UNREADABLE:
            pass
        good: list[Fact] = []
        bad: list[tuple[bytes, str]] = []
        try:
            each = msgspec.json.decode(items, type=list[msgspec.Raw])
        except UNREADABLE as error:
            return [], [(bytes(items), words(error))]
        for one in each:
            payload = join([bytes(one)])
            try:
                good += self.decode(kind, payload)
            except UNREADABLE as error:
                bad.append((payload, words(error)))
        return good, bad

    async def all(self, session: AsyncSession, kind: str, items: list[Fact]) -> None:
        """Every listener of this kind, with these items."""
        for on in self.by_kind.get(kind, ()):
            await on.action(session, items)

    async def forget(self, session: AsyncSession, kind: str) -> None:
        """Let every listener of this kind drop what it knew: its snapshot begins."""
        for on in self.by_kind.get(kind, ()):
            if on.forget is not None:
                await on.forget(session)

    async def salvage(self, session: AsyncSession, kind: str, items: list[Fact]) -> list[tuple[Fact, str]]:
        """Apply what can be applied, halving around what cannot; the answer is the culprits with their errors."""
        effects = outbox.effects(session)
        mark = effects.mark()
        try:
            async with session.begin_nested():
                await self.all(session, kind, items)
        except Exception as error:
            if is_outage(error):
                raise
            effects.rollback(mark)
            if len(items) == 1:
                log.warning("dead letter", kind=kind, error=repr(error)[:500])
                return [(items[0], words(error))]
            half = len(items) // 2
            return [
                *await self.salvage(session, kind, items[:half]),
                *await self.salvage(session, kind, items[half:]),
            ]
        return []


def layers(messages: Iterable[Heard]) -> list[tuple[str, list[Heard]]]:
    """Messages as few runs of one kind, with the order inside each partition kept.

    A message goes to the layer of its partition's previous one when both are of one kind, else to a later one; inside
    a layer the kinds belong to different partitions, so their order does not matter.
    """
    level: dict[int, tuple[int, str]] = {}
    runs: dict[tuple[int, str], list[Heard]] = {}
    for message in messages:
        depth, kind = level.get(message.part, (0, message.kind))
        if kind != message.kind:
            depth += 1
        level[message.part] = (depth, message.kind)
        runs.setdefault((depth, message.kind), []).append(message)
    return [(kind, run) for (_, kind), run in sorted(runs.items(), key=lambda item: item[0][0])]


class Reader:
    """One service's reader of one stream. It reads the partitions whose advisory locks it holds."""

    def __init__(self, database: Database, bus: Bus, stream: str, listeners: Sequence[On]) -> None:
        self.database = database
        self.bus = bus
        self.stream = stream
        self.apply = Apply([on for on in listeners if on.fact.stream == stream])
        self.parts = list(range(PARTITIONS)) if stream in ("INTAKE", "FACTS") else [0]
        self.must_catch_up = {on.fact.owner for on in listeners if on.catch_up and on.fact.stream == stream}
        self.positions: dict[int, int] = {}
        self.numbers: dict[tuple[str, int], int] = {}
        self.created = ""
        self.locks = Locks(database)
        self._pull: Pull | None = None
        self._owned: set[int] = set()
        self._turns = 0
        self._turned = False

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
        if self._pull is None or self._turns % 20 == 0 or self.locks.lost():
            await self._own()
        self._turns += 1
        if not self._owned or self._pull is None:
            return False
        try:
            received = await self._pull.batch(BATCH, size=BATCH_BYTES)
            if received:
                await self._take(received)
            self._turned = True
        except BaseException:
            # Whatever happened, the truth is in the database: start again from the position.
            await self._drop()
            raise
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
            self.positions = await _load_positions(session, self.stream, state.created, sorted(owned))
            self.numbers = await _load_numbers(session, self.stream)
        pull = Pull(self.bus, self.stream, self._subjects(owned), min(self.positions.values()) + 1)
        await pull.open()
        self._pull = pull
        log.info("reading", stream=self.stream, partitions=len(owned), start=pull.start)

    def _subjects(self, owned: set[int]) -> list[str]:
        if self.stream == "INTAKE":
            return [f"intake.{part}" for part in sorted(owned)]
        if self.stream == "FACTS":
            return [f"facts.{part}.>" for part in sorted(owned)]
        return [f"{self.stream.lower()}.>"]

    def _decode(self, received: Received) -> Heard:
        """A message of the house, or a foreign trigger. What cannot be decoded carries its error."""
        if self.stream == "TRIGGERS":
            return self._decode_trigger(received)
        part = int(received.subject.split(".")[1]) if self.stream in ("INTAKE", "FACTS") else 0
        try:
            message = _MESSAGES.decode(received.data)
        except UNREADABLE as error:
            return Heard(part, received.sequence, received.subject, "", 0, "", [], ((received.data, words(error)),))
        items, bad = self.apply.decode_each(message.kind, message.items)
        return Heard(
            part, received.sequence, message.kind, message.producer, message.n, message.trace, items, tuple(bad)
        )

    def _decode_trigger(self, received: Received) -> Heard:
        kind = TriggerReceived.kind
        try:
            data = msgspec.json.decode(received.data, type=dict[str, Any])
        except UNREADABLE as error:
            reason = f"the body of a trigger must be a JSON object: {words(error)}"
            return Heard(0, received.sequence, kind, "", 0, "", [], ((received.data, reason),))
        fact = TriggerReceived(
            name=received.subject.removeprefix("triggers."),
            id=received.message_id or f"{self.stream}-{received.sequence}",
            at=datetime.fromtimestamp(received.at / 1e9, UTC),
            data=data,
        )
        return Heard(0, received.sequence, kind, "", 0, telemetry.new_trace(), [fact])

    def _news(self, received: Sequence[Received]) -> tuple[list[Heard], dict[int, int], dict[tuple[str, int], int]]:
        """What is new in a batch, the positions and the producers' numbers after it. Raises MissedFacts."""
        news: list[Heard] = []
        moved: dict[int, int] = {}
        numbers: dict[tuple[str, int], int] = {}
        for one in received:
            message = self._decode(one)
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
        with BATCH_SECONDS.labels(self.stream).time():
            try:
                if any(message.bad for message in news):
                    raise _Undecodable
                async with self.database.transaction() as session:
                    await self._move(session, moved, numbers)
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
                    await self._move(session, moved, numbers)
                    for kind, run in runs:
                        await self._salvage(session, kind, run)
        self.positions.update(moved)
        self.numbers.update(numbers)
        for kind, run in runs:
            READ.labels(self.stream, kind).inc(sum(len(message.items) for message in run))
        BEHIND.labels(self.stream).set(max(0.0, clock.now().timestamp() - received[-1].at / 1e9))

    async def _salvage(self, session: AsyncSession, kind: str, run: list[Heard]) -> None:
        """Take in what can be taken in; the rest becomes dead letters with their reasons."""
        dead: list[dict[str, Any]] = []
        sources: dict[int, Heard] = {}
        items: list[Fact] = []
        for message in run:
            dead += [_dead(self.stream, message, payload, reason) for payload, reason in message.bad]
            for item in message.items:
                sources[id(item)] = message
                items.append(item)
        if items:
            for item, error in await self.apply.salvage(session, kind, items):
                dead.append(_dead(self.stream, sources[id(item)], msgspec.json.encode([item]), error))
        if dead:
            DEAD.labels(self.stream, kind).inc(len(dead))
            await session.execute(insert(dead_letters), dead)

    async def _move(self, session: AsyncSession, moved: dict[int, int], numbers: dict[tuple[str, int], int]) -> None:
        """Compare-and-set the positions: if anybody else has moved them, this batch must not happen."""
        new = (
            func.unnest(
                bindparam("parts", list(moved), ARRAY(SmallInteger)),
                bindparam("old", [self.positions[part] for part in moved], ARRAY(BigInteger)),
                bindparam("new", list(moved.values()), ARRAY(BigInteger)),
            )
            .table_valued(column("part", SmallInteger), column("old", BigInteger), column("new", BigInteger))
            .render_derived(name="moved")
        )
        done = await session.execute(
            update(positions)
            .where(
                positions.c.stream == self.stream,
                positions.c.created == self.created,
                positions.c.part == new.c.part,
                positions.c.sequence == new.c.old,
            )
            .values(sequence=new.c.new)
            .returning(positions.c.part)
        )
        if len(done.all()) != len(moved):
            raise LostPosition(f"{self.stream}: another process moved the position")
        if numbers:
            statement = upsert(heard).values(
                [
                    {"producer": producer, "stream": self.stream, "part": part, "n": n}
                    for (producer, part), n in sorted(numbers.items())
                ]
            )
            await session.execute(
                statement.on_conflict_do_update(
                    index_elements=["producer", "stream", "part"], set_={"n": statement.excluded.n}
                )
            )

    async def _drop(self) -> None:
        pull, self._pull, self._turned = self._pull, None, False
        if pull is not None:
            await pull.close()

    async def close(self) -> None:
        """Stop reading and let another replica take the partitions."""
        await self._drop()
        await self.locks.release()


class LostPosition(Exception):
    """Another process moved the position: this batch must not happen here."""

    outage = True


class _Undecodable(Exception):
    """Some message of the batch cannot be decoded."""


_MESSAGES = msgspec.json.Decoder(Message)


def _dead(stream: str, message: Heard, payload: bytes, error: str) -> dict[str, Any]:
    return {
        "stream": stream,
        "part": message.part,
        "sequence": message.sequence,
        "kind": message.kind.replace("\x00", "\ufffd"),
        "payload": payload,
        "error": error,
        "trace": message.trace.replace("\x00", "\ufffd"),
        "at": clock.now(),
    }


async def _load_positions(session: AsyncSession, stream: str, created: str, parts: list[int]) -> dict[int, int]:
    """Positions of these partitions; those of an earlier incarnation of the stream start at 0 again."""
    statement = upsert(positions).values(
        [{"stream": stream, "part": part, "created": created, "sequence": 0} for part in parts]
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["stream", "part"],
            set_={"created": statement.excluded.created, "sequence": 0},
            where=positions.c.created != statement.excluded.created,
        )
    )
    rows = await session.execute(
        select(positions.c.part, positions.c.sequence).where(positions.c.stream == stream, positions.c.part.in_(parts))
    )
    return {row.part: row.sequence for row in rows}


async def _load_numbers(session: AsyncSession, stream: str) -> dict[tuple[str, int], int]:
    rows = await session.execute(select(heard.c.producer, heard.c.part, heard.c.n).where(heard.c.stream == stream))
    return {(producer, part): n for producer, part, n in rows}
