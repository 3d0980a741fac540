"""One connection to NATS, with the guards that nats-py needs (see docs/decisions/0003-bus.md)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.errors import APIError, NotFoundError

from shared import telemetry
from shared.bus import server
from shared.bus.answers import Answers
from shared.bus.errors import BusDown, Unanswered
from shared.bus.streams import StreamState
from shared.contracts import Question
from shared.settings import Settings

log = telemetry.logger(__name__)

ACK_TIMEOUT = 5.0
HEADERS = 1024
"""Bytes kept free for headers: the server counts them, and hangs up on a message that is too large."""

_NO_MESSAGE = 10057
"""The server's error code for a sequence that does not exist (any more)."""

Answer = TypeVar("Answer", bound=msgspec.Struct)


class Bus:
    """The bus as one service sees it. `name` is the service's, its queue group's and its inbox's."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self.closed = asyncio.Event()
        self._closing = False
        self._client = Client()
        self._answers = Answers(self._client, name)
        self._opened = False

    async def open(self) -> None:
        """Connect and make sure that the server keeps what it acknowledges, and that the streams exist."""
        await server.check(self.settings)

        # Callbacks only take notes: one that raises leaves nats-py reconnecting for ever.
        async def errored(error: Exception) -> None:
            log.warning("bus error", error=repr(error))

        async def disconnected() -> None:
            log.warning("bus disconnected")

        async def reconnected() -> None:
            log.info("bus connected again")

        async def closed() -> None:
            self.closed.set()

        await self._client.connect(
            servers=[part.strip() for part in self.settings.nats_url.split(",")],
            name=f"marquee-{self.name}",
            inbox_prefix=f"_INBOX_{self.name}",
            connect_timeout=5,
            reconnect_time_wait=0.5,  # type: ignore[arg-type] # it is slept, a fraction is fine
            max_reconnect_attempts=-1,
            ping_interval=5,
            max_outstanding_pings=2,
            pending_size=64 * 1024 * 1024,
            error_cb=errored,
            disconnected_cb=disconnected,
            reconnected_cb=reconnected,
            closed_cb=closed,
        )
        self._opened = True
        self._js = self._client.jetstream(timeout=5)
        await server.ensure_streams(self._js)

    @property
    def connected(self) -> bool:
        """Whether a publish can be tried now."""
        return self._client.is_connected

    @property
    def reconnects(self) -> int:
        """How often the connection was made anew; what was on its way then may be lost."""
        return self._client.stats["reconnects"]

    @property
    def client(self) -> Client:
        """The raw client, for the bus package only."""
        return self._client

    async def watch(self) -> bool:
        """Watchdog step: a read loop that died leaves nats-py 'connected' for ever, so ask the server for a pong."""
        if self.closed.is_set() and not self._closing:
            log.error("the bus closed the connection for good, the process ends so that it is started anew")
            signal.raise_signal(signal.SIGTERM)
        if self._client.is_connected:
            try:
                await self._client.flush(timeout=3)
            except (NatsError, TimeoutError, OSError):
                log.warning("the bus does not answer a ping, connecting anew")
                with contextlib.suppress(NatsError, TimeoutError, OSError):
                    await self._client.force_reconnect()
        return False

    # Streams

    async def publish(
        self, stream: str, subject: str, payload: bytes, *, message_id: str | None = None, timeout: float = ACK_TIMEOUT
    ) -> int:
        """Publish and wait for the stream's acknowledgement; the answer is its sequence. Raises BusDown."""
        if why := self._refused(payload):
            raise BusDown(f"{subject}: {why}")
        headers = {"Nats-Expected-Stream": stream}
        if message_id:
            headers["Nats-Msg-Id"] = message_id
        try:
            reply = await self._client.request(subject, payload, timeout=timeout, headers=headers)
        except (NatsError, TimeoutError, OSError) as error:
            raise BusDown(f"{subject}: {error!r}") from error
        ack = _ACK.decode(reply.data)
        if ack.error:
            raise BusDown(f"{subject}: {ack.error.description}")
        return ack.seq

    def _refused(self, payload: bytes) -> str:
        """Why a request must not be tried: nats-py never forgets the waiting future of one that it refuses itself."""
        if not self._client.is_connected:
            return "not connected"
        if len(payload) + HEADERS > self._client.max_payload:
            return f"{len(payload)} bytes are too large for the bus"
        return ""

    async def state(self, stream: str) -> StreamState:
        """The stream's incarnation, size and last sequence."""
        try:
            info = await self._js.stream_info(stream)
        except (NatsError, TimeoutError, APIError) as error:
            raise BusDown(f"{stream}: {error!r}") from error
        return StreamState(
            created=str(info.created),
            messages=info.state.messages,
            bytes=info.state.bytes,
            max_bytes=info.config.max_bytes or 0,
            last=info.state.last_seq,
        )

    async def first(self, stream: str, subject: str, after: int) -> datetime | None:
        """When the first message on a subject (with wildcards) after a sequence came; None: there is none."""
        try:
            found = await self._js.get_msg(stream, seq=after + 1, subject=subject, next=True)
        except NotFoundError:
            return None
        except (NatsError, TimeoutError, APIError) as error:
            raise BusDown(f"{stream}: {error!r}") from error
        assert found.time is not None
        return found.time

    async def purge(self, stream: str, subject: str, upto: int) -> None:
        """Remove this subject's messages with sequences up to and including `upto`."""
        try:
            await self._js.purge_stream(stream, seq=upto + 1, subject=subject)
        except (NatsError, TimeoutError, APIError) as error:
            raise BusDown(f"{stream}: {error!r}") from error

    async def erase(self, stream: str, sequence: int) -> None:
        """Remove one message and overwrite its bytes; nothing happens when it is gone."""
        try:
            await self._js.delete_msg(stream, sequence)
        except NotFoundError:
            return
        except APIError as error:
            if error.err_code != _NO_MESSAGE:
                raise BusDown(f"{stream}: {error!r}") from error
        except (NatsError, TimeoutError) as error:
            raise BusDown(f"{stream}: {error!r}") from error

    # Questions

    async def ask(
        self, question: Question, answer: type[Answer], *, to: str | None = None, timeout: float = 5
    ) -> Answer:
        """Ask the service named by the question's subject (or `to`) and decode its answer. Raises Unanswered."""
        subject = f"ask.{to}.{question.subject}" if to else f"ask.{question.subject}"
        reply = await self.ask_raw(subject, msgspec.json.encode(question), timeout)
        try:
            return msgspec.json.decode(reply, type=answer)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Unanswered(f"{subject}: the answer cannot be read: {error}") from error

    async def ask_raw(self, subject: str, payload: bytes, timeout: float) -> bytes:
        """The bytes of an answer. Raises Unanswered."""
        if why := self._refused(payload):
            raise Unanswered(f"{subject}: {why}")
        headers = {"trace": trace} if (trace := telemetry.trace.get()) else None
        try:
            reply = await self._client.request(subject, payload, timeout=timeout, headers=headers)
        except NoRespondersError as error:
            raise Unanswered(f"{subject}: nobody is there") from error
        except (NatsError, TimeoutError, OSError) as error:
            raise Unanswered(f"{subject}: {error!r}") from error
        if reply.headers and "error" in reply.headers:
            raise Unanswered(f"{subject}: {reply.headers['error']}")
        return reply.data

    async def answer(self, subject: str, handle: Callable[[bytes], Awaitable[bytes]]) -> None:
        """Answer questions on `ask.<subject>`, shared with the other replicas of this service."""
        await self._answers.take(subject, handle)

    async def quiet(self) -> None:
        """Take no more questions (another replica gets them) and finish those that have come."""
        await self._answers.quiet()

    # Broadcasts

    async def listen(self, subject: str, heard: Callable[[bytes], Awaitable[None]]) -> Subscription:
        """Hear core messages on a subject (no storage: for hints only)."""

        async def arrived(message: Msg) -> None:
            try:
                await heard(message.data)
            except Exception:
                log.exception("hint failed", subject=message.subject)

        return await self._client.subscribe(subject, cb=arrived)

    async def hint(self, subject: str, payload: bytes) -> None:
        """Publish a core message that may be lost: reports and hints between replicas."""
        if self._client.is_connected:
            with contextlib.suppress(NatsError, OSError):
                await self._client.publish(subject, payload)

    async def broadcast(self, payload: bytes) -> None:
        """Tell all replicas of this service, this one included, that something changed."""
        await self.hint(f"changed.{self.name}", payload)

    async def close(self) -> None:
        """Finish what is being answered and disconnect."""
        self._closing = True
        await self._answers.finish()
        if not self._opened:
            return  # nats-py cannot close what it never connected
        with contextlib.suppress(NatsError, TimeoutError, OSError):
            async with asyncio.timeout(3):
                await self._client.close()


class _AckError(msgspec.Struct):
    description: str = ""
    err_code: int = 0


class _Ack(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    error: _AckError | None = None


_ACK = msgspec.json.Decoder(_Ack)
