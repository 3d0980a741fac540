"""The suite under measurement: the programs that `./marquee up` runs, on a folder of its own, started one by one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import psutil

from deploy.local import databases, migrations, plan, processes, secrets, servers, temporary
from deploy.local.installation import HOME, Installation
from deploy.local.plan import BEHIND, Plan
from deploy.local.processes import Program
from deploy.tools.client import Client, Door
from shared.bus import Bus
from shared.settings import Settings

READY_SECONDS = 300.0
"""A service that starts late catches up with all that was recorded before it is ready."""


class TooSlow(Exception):
    """What was waited for did not come."""


class Ended(TooSlow):
    """What was waited for will not come: its program has ended."""


@dataclass(frozen=True)
class Taken:
    """Events that INTAKE acknowledged to the gateway, and the messages they were put in."""

    events: int
    messages: int

    def events_per_message(self, *, since: Taken) -> int:
        """The mean size of a message since then: what a fair baseline publishes too."""
        return max(1, round((self.events - since.events) / (self.messages - since.messages)))


class Suite:
    """Postgres and NATS run, and those services that were started."""

    def __init__(self, drawn: Plan, folder: Path, stack: contextlib.ExitStack) -> None:
        self.plan = drawn
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = stack

    @property
    def door(self) -> Door:
        """How clients come in."""
        kept = self.plan.secrets
        return Door(url=self.plan.url("gateway"), write_key=kept.write_key, secret_key=kept.secret_key)

    def client(self) -> Client:
        """A client of the public API."""
        return Client(self.door)

    async def start(self, *services: str) -> None:
        """Start these and wait until they are ready."""
        for name in services:
            self._begin(plan.process(self.plan, name))
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            for name in services:
                await until(lambda name=name: self._ready(http, name), f"{name} to be ready")  # type: ignore[misc]

    async def _ready(self, http: httpx.AsyncClient, name: str) -> bool:
        if (status := self.processes[name].poll()) is not None:
            last = (self.folder / f"{name}.log").read_text().splitlines()[-1:]
            raise Ended(f"{name} ended with {status}: {''.join(last)}")
        return await _ready(http, f"{self.plan.url(name)}/readyz")

    async def start_bare(self, same: bytes = b"{}") -> int:
        """Start the bare baseline; its port."""
        port = processes.free_port(taken=self.plan.ports.values())
        answer = self.folder / f"same-{port}.json"
        answer.write_bytes(same)
        argv = (sys.executable, "-m", "tests.bench.bare", str(port), str(answer))
        await self._start_baseline(Program(name=f"bare-{port}", argv=argv, cwd=HOME), port, "/openapi.json")
        return port

    async def start_bare_page(self) -> str:
        """Start the bare baseline of the console's pages; the page's address."""
        port = processes.free_port(taken=self.plan.ports.values())
        env = {"PORT": str(port), "MARQUEE_SECRET": self.plan.secrets.marquee_secret}
        argv = (sys.executable, "-m", "tests.bench.bare_page")
        await self._start_baseline(Program(name=f"bare-page-{port}", argv=argv, env=env, cwd=HOME), port, "/")
        return f"http://127.0.0.1:{port}/"

    async def _start_baseline(self, program: Program, port: int, path: str) -> None:
        self._begin(program)
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            await until(lambda: _ready(http, f"http://127.0.0.1:{port}{path}"), "the bare baseline")

    def _begin(self, program: Program) -> None:
        output = self._stack.enter_context((self.folder / f"{program.name}.log").open("ab"))
        process = self.processes[program.name] = temporary.start(program, output.fileno())
        self._stack.callback(temporary.stop, process, program)

    @contextlib.asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        """The bus as the gateway sees it: it may publish to INTAKE and read any stream."""
        bus = Bus("gateway", Settings.model_validate(self.settings()))
        await bus.open()
        try:
            yield bus
        finally:
            await bus.close()

    @contextlib.asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[asyncpg.Connection]:
        """That service's database, to see what it has recorded."""
        connection = await asyncpg.connect(self.plan.database_urls[service])
        try:
            yield connection
        finally:
            await connection.close()

    async def metrics(self, service: str) -> str:
        """That service's page of metrics."""
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(f"{self.plan.url(service)}/metrics")).text

    def busy(self) -> dict[str, float]:
        """Processor seconds each program has used so far; Postgres' by the database it worked for."""
        seconds: dict[str, float] = {}
        for name, process in self.processes.items():
            family = psutil.Process(process.pid)
            for one in (family, *family.children()) if name == "postgres" else (family,):
                with contextlib.suppress(psutil.NoSuchProcess):
                    # A session's title is `postgres: user database address …`, and none yet where it has just begun.
                    _, user, *_ = [*" ".join(one.cmdline()).split(), "", ""]
                    serves = user if one is not family and user in self.plan.database_urls else ""
                    label = f"{name} for {serves}" if serves else name
                    seconds[label] = seconds.get(label, 0.0) + sum(one.cpu_times()[:2])
        return seconds

    def memory(self, name: str) -> dict[str, int]:
        """Bytes of memory that a program holds by itself (`rss`), and those of its children by their command."""
        family = psutil.Process(self.processes[name].pid)
        held = {name: family.memory_info().rss}
        for one in family.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                command = " ".join(one.cmdline()[1:3]).removeprefix("-m ")
                held[command] = held.get(command, 0) + one.memory_info().rss
        return held

    async def taken(self) -> Taken:
        """What the gateway has put on the bus so far."""
        text = await self.metrics("gateway")
        found = dict(re.findall(r"^marquee_intake_(events|messages)_total (\S+)$", text, re.MULTILINE))
        return Taken(events=int(float(found["events"])), messages=int(float(found["messages"])))

    async def read(self, service: str, kind: str) -> int:
        """Facts of this kind that the service has taken in since it was started."""
        found = re.findall(
            rf'^marquee_reader_items_total{{kind="{re.escape(kind)}",.*}} (\S+)$', await self.metrics(service), re.M
        )
        return int(sum(map(float, found)))

    @contextlib.contextmanager
    def spare_bus(self) -> Iterator[dict[str, str]]:
        """A second nats-server on the same disk, which nobody reads; settings to publish there as the gateway."""
        folder = self.folder / "spare"
        folder.mkdir()
        try:
            with temporary.nats(folder) as spare:
                yield self.settings(nats_url=spare.url("gateway"), monitor_url=spare.monitor_url)
        finally:
            shutil.rmtree(folder)

    def settings(self, *, nats_url: str | None = None, monitor_url: str | None = None) -> dict[str, str]:
        """Settings of a process that is on the bus as the gateway is."""
        return {
            "DATABASE_URL": self.plan.database_urls["gateway"],
            "NATS_URL": nats_url or self.plan.nats_urls["gateway"],
            "NATS_MONITOR_URL": monitor_url or self.plan.monitor_url,
            "secret": self.plan.secrets.marquee_secret,
        }

    async def recorded(self) -> int:
        """Events on profile's timeline."""
        async with self.database("profile") as connection:
            return int(await connection.fetchval("SELECT count(*) FROM events WHERE event IS NOT NULL"))

    async def passed(self, bus: Bus, service: str, stream: str, *, seconds: float = 120) -> None:
        """Wait until that service has taken in the stream to its present end, by what it says of its readers.

        Its recorded positions would not do: partitions of one batch go side by side, the highest is ahead of the rest.
        """
        last = (await bus.state(stream)).last
        async with self.client() as client:

            async def there() -> bool:
                answer = await client.call("GET", f"/v1/services/{service}/readers")
                taken = next((one["taken"] for one in answer["readers"] if one["stream"] == stream), None)
                return taken is not None and taken >= last

            await until(there, f"{service} to take in {stream}", seconds=seconds)

    async def caught_up(self, bus: Bus, services: Iterable[str] = BEHIND) -> None:
        """Wait until profile has read INTAKE and told all of it, and the others have read that and told theirs."""
        for service in sorted(services, key=BEHIND.index):
            await self.passed(bus, service, "INTAKE" if service == "profile" else "FACTS")
            async with self.database(service) as connection:

                async def told(connection: asyncpg.Connection = connection) -> bool:
                    return not await connection.fetchval("SELECT EXISTS (SELECT FROM outbox)")

                await until(told, f"{service} to tell its facts", seconds=120)


@contextlib.asynccontextmanager
async def standing(*services: str, kept_in: Path | None = None) -> AsyncIterator[Suite]:
    """A suite with these services, on the disk of the temporary folder, with every write synced as in production.

    With `kept_in` it lies in that folder, and goes on there when it is called again.
    """
    folder = _folder() if kept_in is None else kept_in
    port = processes.free_port()
    place = Installation(
        data=folder,
        host="127.0.0.1",
        port=port,
        console_port=processes.free_port(taken=[port]) if "console" in services else 0,
        public_url=f"http://127.0.0.1:{port}",
    )
    noted = folder / "ports.json"
    # segment's warehouse is of one database: another port would be another database, and it would be built anew
    earlier = json.loads(noted.read_text()) if noted.exists() else {}
    drawn = plan.make(place, secrets.ensure(folder), earlier=earlier, environ={})
    ports, kept = drawn.ports, drawn.secrets
    noted.write_text(json.dumps(ports))
    with contextlib.ExitStack() as stack:
        if kept_in is None:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        servers.make_postgres(folder / "postgres", password=kept.superuser)
        postgres = servers.postgres(folder / "postgres", port=ports["postgres"])
        bus = servers.nats(folder / "nats", port=ports["nats"], monitor_port=ports["nats_monitor"], passwords=kept.bus)
        servers_ = {
            "nats": temporary.running(bus, folder, lambda: servers.nats_ready(drawn.monitor_url)),
            "postgres": temporary.running(postgres, folder, lambda: servers.postgres_ready(folder / "postgres")),
        }
        under = {name: stack.enter_context(server) for name, server in servers_.items()}
        await databases.make_on(ports["postgres"], superuser=kept.superuser, passwords=kept.databases)
        await migrations.upgrade_all(drawn.database_urls, say=lambda name, words: print(f"{name}: {words}"))
        suite = Suite(drawn, folder, stack)
        suite.processes.update(under)
        await suite.start(*services)
        yield suite


def _folder() -> Path:
    """A folder that others may enter: as root, Postgres runs as another user and must reach its own in there."""
    folder = Path(tempfile.mkdtemp(prefix="marquee-bench-"))
    folder.chmod(0o755)
    return folder


async def until(check: Callable[[], Awaitable[bool]], what: str, *, seconds: float = READY_SECONDS) -> None:
    """Ask every 20 ms; TooSlow when it has not come true in time."""
    deadline = time.monotonic() + seconds
    while not await check():
        if time.monotonic() > deadline:
            raise TooSlow(f"waited {seconds:g} s for {what}")
        await asyncio.sleep(0.02)


async def _ready(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).status_code == 200
    except httpx.TransportError:
        return False
