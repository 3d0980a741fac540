"""Answers to other services' questions, many at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from shared import telemetry

log = telemetry.logger(__name__)

CONCURRENT = 256
"""Questions that are answered at once; more wait."""


class Answers:
    """The questions that one service takes; its replicas, the `group`, share them."""

    def __init__(self, client: Client, group: str) -> None:
        self._client = client
        self._group = group
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._subscriptions: list[Subscription] = []

    async def take(self, subject: str, handle: Callable[[bytes], Awaitable[bytes]]) -> None:
        """Answer questions on `ask.<subject>` by this; returns once whoever asks is heard."""

        async def one(message: Msg) -> None:
            try:
                telemetry.trace.set((message.headers or {}).get("trace", ""))
                await message.respond(await handle(message.data))
            except Exception as error:
                log.exception("question failed", subject=message.subject)
                with contextlib.suppress(NatsError, OSError):
                    text = f"{type(error).__name__}: {error}".replace("\n", " ").replace("\r", " ")[:500]
                    await self._client.publish(message.reply, b"", headers={"error": text})
            finally:
                self._slots.release()

        async def arrived(message: Msg) -> None:
            await self._slots.acquire()
            task = asyncio.create_task(one(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._subscriptions.append(await self._client.subscribe(f"ask.{subject}", queue=self._group, cb=arrived))
        # Until the server has heard of it, whoever asks is told that nobody is there.
        await self._client.flush()

    async def quiet(self) -> None:
        """Take no more questions (another replica gets them) and finish those that have come."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            with contextlib.suppress(NatsError, TimeoutError, OSError):
                async with asyncio.timeout(3):
                    await subscription.drain()  # type: ignore[no-untyped-call] # untyped in nats-py
        await self.finish()

    async def finish(self) -> None:
        """Wait, two seconds at most, for the answers that are under way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
