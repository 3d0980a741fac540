"""From accepted events to acknowledged messages: one lane per INTAKE partition, in order, many events in a message."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

import msgspec
from prometheus_client import Counter, Gauge

from gateway.rules.events import Accepted
from shared import clock, telemetry
from shared.contracts import MESSAGE_BYTES, PARTITIONS, EventReceived, Message, partition, subject
from shared.contracts.wire import join

log = telemetry.logger(__name__)

TAKEN = Counter("marquee_intake_events", "Events acknowledged by INTAKE")
MESSAGES = Counter("marquee_intake_messages", "Messages acknowledged by INTAKE")
FAILED = Counter("marquee_intake_failures", "Messages that INTAKE did not acknowledge in time")
WAITING = Gauge("marquee_intake_waiting_bytes", "Bytes of events that wait for their turn or their acknowledgement")

TIMEOUT = 1.5
"""Seconds within which a request's events must be acknowledged; so the client hears 503 within two."""

WAITING_BYTES = 64 * 1024 * 1024
"""More than this does not wait in memory: the next request hears 503 at once."""

UNDER_WAY = 4
"""Messages of all lanes sent and not acknowledged. The server syncs one after the other, so more would only wait there,
with fewer events in each."""

_ROOM = MESSAGE_BYTES - 512  # what the envelope needs
_encode = msgspec.json.Encoder().encode

Publish = Callable[[str, bytes, str], Awaitable[object]]


class NotTaken(Exception):
    """INTAKE did not acknowledge in time: what was sent may still arrive, and the client's resend is deduplicated."""


class _Receipt:
    """One request's wait for all of its parcels."""

    __slots__ = ("future", "outstanding")

    def __init__(self, future: asyncio.Future[None], outstanding: int) -> None:
        self.future = future
        self.outstanding = outstanding

    def settle(self, error: Exception | None) -> None:
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
            return
        self.outstanding -= 1
        if self.outstanding == 0:
            self.future.set_result(None)

    def expire(self) -> None:
        self.settle(NotTaken("not acknowledged in time"))


class _Parcel:
    """Events of one request for one partition, small enough for one message."""

    __slots__ = ("items", "receipt", "size")

    def __init__(self, items: list[bytes], size: int, receipt: _Receipt) -> None:
        self.items = items
        self.size = size
        self.receipt = receipt


class Intake:
    """The lanes of this process. A lane has one message under way; what comes meanwhile shares the next one.

    So the batch grows by itself with the load, and an event that comes alone waits for nobody. `publish(subject,
    payload, message id)` returns after the acknowledgement; `ready()` is False while the bus is known to be away.
    """

    def __init__(self, publish: Publish, ready: Callable[[], bool], producer: str) -> None:
        self._publish = publish
        self._ready = ready
        self._producer = producer
        self._lanes: list[deque[_Parcel]] = [deque() for _ in range(PARTITIONS)]
        self._drains: dict[int, asyncio.Task[None]] = {}
        self._bytes = 0
        self._slots = asyncio.Semaphore(UNDER_WAY)

    async def take(self, events: Iterable[Accepted]) -> None:
        """Return when every one of these events is in the stream; NotTaken after 1.5 s at the latest."""
        if not self._ready():
            raise NotTaken("the bus is away")
        if self._bytes > WAITING_BYTES:
            raise NotTaken("too much is waiting for the bus already")
        loop = asyncio.get_running_loop()
        receipt = _Receipt(loop.create_future(), 0)
        parcels: list[tuple[int, _Parcel]] = []
        open_parcels: dict[int, _Parcel] = {}
        count = 0
        for event in events:
            count += 1
            part = partition(event.viewer)
            size = len(event.item) + 1
            parcel = open_parcels.get(part)
            if parcel is None or parcel.size + size > _ROOM:
                parcel = open_parcels[part] = _Parcel([], 0, receipt)
                parcels.append((part, parcel))
            parcel.items.append(event.item)
            parcel.size += size
        receipt.outstanding = len(parcels)
        for part, parcel in parcels:
            self._bytes += parcel.size
            self._lanes[part].append(parcel)
            if part not in self._drains:
                self._drains[part] = loop.create_task(self._drain(part), name=f"intake-{part}")
        deadline = loop.call_later(TIMEOUT, receipt.expire)
        try:
            await receipt.future
        finally:
            deadline.cancel()
        TAKEN.inc(count)

    @property
    def waiting(self) -> int:
        """Bytes of events that wait for their turn or their acknowledgement."""
        return self._bytes

    async def _drain(self, part: int) -> None:
        """Send what waits in a lane, message after message, until it is empty."""
        try:
            while self._lanes[part]:
                async with self._slots:
                    parcels = self._next(part)
                    if parcels:
                        await self._send(part, parcels)
        finally:
            WAITING.set(self._bytes)
            del self._drains[part]

    def _next(self, part: int) -> list[_Parcel]:
        """As many parcels as fit into one message; those whose request has given up are dropped unsent."""
        lane = self._lanes[part]
        parcels: list[_Parcel] = []
        room = _ROOM
        while lane and (lane[0].size <= room or not parcels):
            parcel = lane.popleft()
            if parcel.receipt.future.done():
                self._bytes -= parcel.size
                continue
            parcels.append(parcel)
            room -= parcel.size
        return parcels

    async def _send(self, part: int, parcels: list[_Parcel]) -> None:
        message_id = uuid.uuid4().hex
        message = Message(
            id=message_id,
            producer=self._producer,
            part=part,
            n=0,
            at=clock.now(),
            trace=telemetry.trace.get(),
            kind=EventReceived.kind,
            items=msgspec.Raw(join([item for parcel in parcels for item in parcel.items])),
        )
        failure: Exception | None = NotTaken("not sent")  # also what a cancel leaves: silence is no acknowledgement
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._publish(subject(EventReceived.kind, "INTAKE", part), _encode(message), message_id)
        except Exception as error:
            FAILED.inc()
            log.warning("INTAKE did not take a message", part=part, error=f"{type(error).__name__}: {error}"[:300])
            failure = NotTaken(str(error))
        else:
            failure = None
            MESSAGES.inc()
        finally:
            self._bytes -= sum(parcel.size for parcel in parcels)
            for parcel in parcels:
                parcel.receipt.settle(failure)

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._drains:
            await asyncio.wait(self._drains.values(), timeout=TIMEOUT + 1)
