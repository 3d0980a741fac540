"""A pull consumer that acknowledges nothing: the database holds the position, the consumer only delivers in order."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import deque
from dataclasses import dataclass

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError

from shared.bus.connection import Bus
from shared.bus.errors import BusDown

TURN = 1.0
"""Seconds one request stays open. Short, since an open request is not renewed after a server's restart."""


class Broken(BusDown):
    """The consumer lost its thread (a gap, a restart, its deletion): make it anew from the position."""


@dataclass(frozen=True)
class Received:
    """One message of a stream; `at` is when the stream stored it (ns since 1970), `pending` how many came after it."""

    subject: str
    data: bytes
    sequence: int
    at: int
    message_id: str | None
    pending: int


class Pull:
    """One reader's consumer over some subjects of a stream, from a sequence on."""

    def __init__(self, bus: Bus, stream: str, subjects: list[str], start: int) -> None:
        self.bus = bus
        self.stream = stream
        self.subjects = subjects
        self.start = start
        self.name = f"{bus.name}-{secrets.token_hex(6)}"
        self._queue: deque[Msg] = deque()
        self._arrived = asyncio.Event()
        self._subscription: Subscription | None = None
        self._delivered = 0
        self._open = 0
        self._until = 0.0
        self._failure = ""
        self._reconnects = bus.reconnects

    async def open(self) -> None:
        """Create the consumer. It disappears by itself when nobody has pulled for a minute."""
        client = self.bus.client
        inbox = client.new_inbox()
        try:
            self._subscription = await client.subscribe(
                inbox, cb=self._take, pending_msgs_limit=65536, pending_bytes_limit=256 * 1024 * 1024
            )
            await client.jetstream(timeout=5).add_consumer(
                self.stream,
                ConsumerConfig(
                    name=self.name,
                    deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                    opt_start_seq=self.start,
                    ack_policy=AckPolicy.NONE,
                    filter_subjects=self.subjects,
                    inactive_threshold=60,
                    mem_storage=True,
                    num_replicas=1,
                ),
            )
        except (NatsError, APIError, TimeoutError, OSError) as error:
            await self.close()
            raise Broken(f"{self.stream}: {error!r}") from error
        self._inbox = inbox

    async def _take(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status")
        if status is None:
            self._queue.append(message)
        elif status in ("404", "408") or (status == "409" and "Batch Completed" in str(message.headers)):
            self._open = 0
        elif status != "100":
            self._failure = f"{status} {(message.headers or {}).get('Description', '')}"
        self._arrived.set()

    async def batch(self, most: int, *, wait: float = TURN, size: int | None = None) -> list[Received]:
        """At most this many messages, in order, and no more once they have `size` bytes; empty after `wait` seconds
        without any. Raises Broken."""
        if not self._queue:
            await self._request(most)
            self._arrived.clear()
            if not self._queue and not self._failure:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._arrived.wait()
        if self._failure:
            raise Broken(f"{self.stream}: {self._failure}")
        if self.bus.reconnects != self._reconnects:
            # A message lost with the connection is noticed by its number only when another one follows it.
            raise Broken(f"{self.stream}: the connection was made anew")
        received: list[Received] = []
        left = size
        while self._queue and len(received) < most and (left is None or left > 0):
            message = self._queue.popleft()
            if left is not None:
                left -= len(message.data)
            self._open -= 1
            tokens = message.reply.split(".")
            if len(tokens) < 9 or tokens[1] != "ACK":
                raise Broken(f"{self.stream}: no position in a message")
            # $JS.ACK[.domain.account].stream.consumer.delivered.stream-sequence.consumer-sequence.time.pending[.token]
            base = 4 if len(tokens) == 9 else 6
            sequence, delivered, at = int(tokens[base + 1]), int(tokens[base + 2]), int(tokens[base + 3])
            if delivered != self._delivered + 1:
                raise Broken(f"{self.stream}: message {self._delivered + 1} of the consumer is missing")
            self._delivered = delivered
            message_id = (message.headers or {}).get("Nats-Msg-Id")
            pending = int(tokens[base + 4])
            received.append(Received(message.subject, message.data, sequence, at, message_id, pending))
        if self._open < most // 2:
            await self._request(most)
        return received

    async def _request(self, most: int) -> None:
        """Ask for more unless a request is still open. A consumer that is gone answers 503, which breaks the batch."""
        now = time.monotonic()
        if self._open > 0 and now < self._until:
            return
        if not self.bus.connected:
            raise Broken(f"{self.stream}: not connected")
        self._open = most
        self._until = now + TURN + 0.5
        body = msgspec.json.encode({"batch": most, "expires": int(TURN * 1e9)})
        try:
            await self.bus.client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{self.name}", body, reply=self._inbox
            )
        except (NatsError, OSError) as error:
            raise Broken(f"{self.stream}: {error!r}") from error

    async def close(self) -> None:
        """Forget the consumer."""
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        with contextlib.suppress(NatsError, APIError, TimeoutError, OSError):
            await subscription.unsubscribe()
        if self.bus.connected:
            with contextlib.suppress(NatsError, APIError, TimeoutError, OSError):
                await self.bus.client.jetstream(timeout=1).delete_consumer(self.stream, self.name)
