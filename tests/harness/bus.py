"""A test's own bus: its streams, what is told on it, and the services that are only played."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import nats

from deploy.local import temporary
from deploy.local.temporary import Nats
from shared.bus import Bus, Pull
from shared.contracts import (
    FACTS,
    EventReceived,
    Fact,
    Message,
    Question,
    SnapshotAsked,
    SnapshotPage,
    TakenInAnswered,
    TriggerReceived,
    partition,
    partition_of,
    subject,
)
from shared.settings import Settings

Q = TypeVar("Q", bound=Question)
DECODERS: dict[str, msgspec.json.Decoder[list[Fact]]] = {
    fact.kind: msgspec.json.Decoder(list[fact])  # type: ignore[valid-type]
    for fact in FACTS
}


class TestBus:
    """One nats-server, empty at the start. Producers connect as themselves, so the permissions of `nats.conf` hold."""

    __test__ = False

    def __init__(self, server: Nats) -> None:
        self.server = server
        self.monitor_url = server.monitor_url
        self._buses: dict[str, Bus] = {}
        self._numbers: dict[tuple[str, str, int], int] = {}
        self._played: dict[str, Bus] = {}
        self._present: list[Fact] = []
        self.taken_in: datetime | None = None
        """Up to when owners that are played have taken in everything; None: up to now."""
        self._real: set[str] = set()

    def url(self, user: str) -> str:
        """The address that user connects to."""
        return self.server.url(user)

    async def connection(self, user: str) -> Bus:
        """A connection as that user, kept until the end of the test."""
        if user not in self._buses:
            self._buses[user] = await self._connect(user)
        return self._buses[user]

    async def _connect(self, user: str) -> Bus:
        settings = Settings(
            database_url="postgresql://none",
            nats_url=self.url(user),
            nats_monitor_url=self.monitor_url,
            secret="s" * 64,
        )
        bus = Bus(user, settings)
        await bus.open()
        return bus

    async def tell(self, *facts: Fact) -> None:
        """Publish facts in this order as their owners would: numbered, neighbours of a kind and partition together."""
        for (kind, part), run in groupby(facts, key=lambda fact: (fact.kind, part_of(fact))):
            await self._publish(kind, part, list(run))

    async def _publish(self, kind: str, part: int, facts: list[Fact]) -> None:
        fact = facts[0]
        if isinstance(fact, TriggerReceived):
            await self._trigger(facts)
            return
        producer = "gateway" if isinstance(fact, EventReceived) else fact.owner
        n = 0
        if producer != "gateway":
            n = self._numbers[producer, fact.stream, part] = self._numbers.get((producer, fact.stream, part), 0) + 1
        message = Message(
            id=f"{producer}-{fact.stream}-{part}-{n}",
            producer=producer,
            part=part,
            n=n,
            at=datetime.now(UTC),
            trace="",
            kind=kind,
            items=msgspec.Raw(msgspec.json.encode(facts)),
        )
        bus = await self.connection(producer)
        await bus.publish(fact.stream, subject(kind, fact.stream, part), msgspec.json.encode(message))

    async def _trigger(self, triggers: Sequence[Fact]) -> None:
        """Another system's message: a bare JSON body, its id in the header that JetStream dedupes by."""
        for trigger in triggers:
            assert isinstance(trigger, TriggerReceived)
            body = msgspec.json.encode(trigger.data)
            await self.publish_raw(f"triggers.{trigger.name}", body, message_id=trigger.id)

    async def publish_raw(
        self, subject: str, payload: bytes, *, user: str = "external", message_id: str | None = None
    ) -> None:
        """Publish these very bytes and wait for the stream's word, as a careless or hostile system would."""
        await self.connection("gateway")  # the streams are there
        client = await nats.connect(self.url(user), inbox_prefix=f"_INBOX_{user}")
        try:
            headers = {"Nats-Msg-Id": message_id} if message_id else None
            await client.jetstream(timeout=5).publish(subject, payload, headers=headers)
        finally:
            await client.close()

    async def told(self, producer: str) -> list[Fact]:
        """Everything that producer has published on FACTS and THINGS so far, in stream order."""
        return [
            fact
            for stream in ("FACTS", "THINGS")
            for message in await self.messages(stream)
            if message.producer == producer
            for fact in DECODERS[message.kind].decode(message.items)
        ]

    async def messages(self, stream: str) -> list[Message]:
        """Every message of a stream so far."""
        bus = await self.connection("gateway")
        last = (await bus.state(stream)).last
        found: list[Message] = []
        if not last:
            return found
        pull = Pull(bus, stream, [f"{stream.lower()}.>"], 1)
        await pull.open()
        try:
            sequence = 0
            while sequence < last:
                received = await pull.batch(256)
                if not received:
                    break  # the rest was purged
                sequence = received[-1].sequence
                found += [msgspec.json.decode(one.data, type=Message) for one in received]
        finally:
            await pull.close()
        return found

    async def answer(self, question: type[Q], reply: Callable[[Q], msgspec.Struct], *, of: str = "") -> None:
        """Play the service that answers this question; `of` names it where each service answers."""
        subject = f"{of}.{question.subject}" if of else question.subject
        owner = subject.partition(".")[0]
        decoder = msgspec.json.Decoder(question)

        async def handle(payload: bytes) -> bytes:
            return msgspec.json.encode(reply(decoder.decode(payload)))

        await (await self._player(owner)).answer(subject, handle)

    async def play(self, owners: Iterable[str], present: Sequence[Fact]) -> None:
        """Let these owners, unless they run here, answer newcomers with the present facts (none, usually)."""
        self._present += present
        for owner in owners:
            if owner in self._real or f"{owner} snapshot" in self._played:
                continue
            bus = await self._player(owner)
            self._played[f"{owner} snapshot"] = bus
            await bus.answer(f"{owner}.snapshot", self._snapshot)
            await bus.answer(f"{owner}.taken", self._taken)

    async def _snapshot(self, payload: bytes) -> bytes:
        asked = msgspec.json.decode(payload, type=SnapshotAsked)
        items = msgspec.json.encode([fact for fact in self._present if fact.kind == asked.kind])
        return msgspec.json.encode(SnapshotPage(items=msgspec.Raw(items), numbers={}, next=None))

    async def _taken(self, _: bytes) -> bytes:
        return msgspec.json.encode(TakenInAnswered(at=self.taken_in or datetime.now(UTC)))

    async def _player(self, owner: str) -> Bus:
        """A connection that plays a service; it goes when the real one opens."""
        if owner not in self._played:
            self._played[owner] = await self._connect(owner)
        return self._played[owner]

    async def step_aside(self, service: str) -> None:
        """The real service opens now: stop playing it."""
        self._real.add(service)
        self._played.pop(f"{service} snapshot", None)
        player = self._played.pop(service, None)
        if player is not None:
            await player.close()

    def gone(self, service: str) -> None:
        """The real service has closed."""
        self._real.discard(service)

    async def close(self) -> None:
        """Close every connection."""
        buses = {id(bus): bus for bus in (*self._buses.values(), *self._played.values())}
        await asyncio.gather(*(bus.close() for bus in buses.values()))


def part_of(fact: Fact) -> int:
    """The partition a fact is told in."""
    if isinstance(fact, EventReceived):
        return partition(fact.anonymous_id or fact.user_id or "")
    if fact.stream != "FACTS":
        return 0
    profile_id: Any = getattr(fact, "profile_id", None)
    return partition_of(profile_id) if profile_id is not None else int(getattr(fact, "part", 0))


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[TestBus]:
    """A fresh bus with its files in `folder`."""
    with temporary.nats(folder) as server:
        bus = TestBus(server)
        try:
            yield bus
        finally:
            await bus.close()
