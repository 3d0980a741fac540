"""What one gateway process holds open: keys, buckets, lanes to INTAKE, the client to the services, readers' reports."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec
from prometheus_client import Counter

from gateway import actions, operators, proxy
from gateway.documents import Documents
from gateway.edge import turned
from gateway.edge.intake import Intake
from gateway.edge.turned import TurnedAway
from gateway.keyring import Keyring
from gateway.limits import Buckets
from gateway.rules import links
from gateway.rules.trim import Position
from shared import telemetry
from shared.contracts import subject

if TYPE_CHECKING:
    from gateway.settings import Settings
    from shared.house import House

log = telemetry.logger(__name__)

UNANSWERED = Counter("marquee_edge_unanswered", "Questions of front-ends that nobody answered in time", ["question"])


class Report(msgspec.Struct):
    """How far a service has committed a stream, by partition."""

    service: str
    stream: str
    created: str
    positions: dict[int, int]


_report = msgspec.json.Decoder(Report)


class Memory:
    """Opened with the house, closed with it."""

    def __init__(self, house: House, settings: Settings) -> None:
        self.house = house
        self.bus = house.bus
        self.keyring = Keyring()
        self.buckets = Buckets(settings.rate)
        self.addresses = settings.contact_ids == "keep"
        self.link_key = settings.key(links.PURPOSE)
        self.link_key_before = settings.previous_key(links.PURPOSE)
        self.services = proxy.client()
        self.urls = settings.urls()
        self.documents = Documents(self.services, self.urls)
        self.intake = Intake(self._publish, lambda: house.bus.connected, house.name)
        self.turned = TurnedAway()
        self._telling: tuple[str, str, bytes] | None = None
        self.purged: dict[tuple[str, str, int], int] = {}
        self._reports: dict[tuple[str, str], Report] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def _publish(self, subject: str, payload: bytes, message_id: str) -> None:
        await self.bus.publish("INTAKE", subject, payload, message_id=message_id)

    async def tell_turned_away(self) -> None:
        """Tell profile what was turned away since it was told last; what was not acknowledged goes again, and once."""
        if self._telling is None:
            facts = self.turned.take()
            if not facts:
                return
            message = turned.message(facts, self.house.name)
            self._telling = message.id, subject(message.kind, "INTAKE", message.part), msgspec.json.encode(message)
        message_id, its_subject, payload = self._telling
        await self._publish(its_subject, payload, message_id)
        self._telling = None

    async def refresh_keys(self) -> None:
        """Read all keys anew."""
        async with self.house.db.transaction() as session:
            self.keyring.replace(await actions.live_keys(session))
        self.buckets.forget(self.keyring.alive())

    def keys_changed(self) -> None:
        """Read the keys anew, here and in every replica."""
        self.house.loops.wake("keys")
        task = asyncio.get_running_loop().create_task(self.bus.broadcast(b"keys"))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def key_revoked(self, key_id: str) -> None:
        """Stop taking a key here at once, elsewhere as soon as they hear."""
        self.keyring.forget(key_id)
        self.keys_changed()

    def unanswered(self, question: str, reason: Exception) -> None:
        """Note that a front-end got `unavailable`."""
        UNANSWERED.labels(question).inc()
        log.warning("nobody answered in time", question=question, error=str(reason)[:300])

    async def reported(self, payload: bytes) -> None:
        """Keep a reader's last report until the trimmer writes it down."""
        report = _report.decode(payload)
        self._reports[report.service, report.stream] = report

    def reports(self) -> list[Position]:
        """What has been reported since the last question."""
        reports, self._reports = self._reports, {}
        return [
            Position(report.service, report.stream, part, report.created, sequence)
            for report in reports.values()
            for part, sequence in report.positions.items()
        ]

    async def close(self) -> None:
        """Let what is under way end."""
        await self.intake.close()
        await self.services.aclose()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)


@contextlib.asynccontextmanager
async def opened(house: House) -> AsyncIterator[Memory]:
    """The memory of this process, with the first keys made and all keys known."""
    settings: Settings = house.settings  # type: ignore[assignment] # the app gives the gateway's own settings
    memory = Memory(house, settings)
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(memory.close)
        secret = settings.secret_key.get_secret_value() if settings.secret_key else None
        first = settings.admin_password.get_secret_value() if settings.admin_password else None
        async with house.db.transaction() as session:
            await actions.make_first_keys(session, write=settings.write_key, secret=secret)
            if first:
                await operators.make_first(session, first)
        await memory.refresh_keys()
        await house.bus.listen("report.positions", memory.reported)
        yield memory
