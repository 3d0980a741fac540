"""`up`: starts everything in order, keeps it running, and stops it in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

from deploy.local import databases, installation, migrations, plan, processes, secrets, servers
from deploy.local.installation import HOME
from deploy.local.output import Voice
from deploy.local.plan import Plan
from deploy.local.processes import CannotStart
from deploy.local.supervisor import Child, Supervisor, python

T = TypeVar("T")


SINK = "sink:"
"""Where the e-mails of a demo go, unless a mail server is named: its people are not real."""


def up(*, demo: bool) -> int:
    """Run the installation until it is told to stop; the exit status."""
    if demo:
        os.environ.setdefault("MARQUEE_SMTP_URL", SINK)
    place = installation.installation()
    with installation.held(place):
        before = installation.state(place)
        left = processes.end_leftovers(before.get("children", {}))
        if not processes.is_free(place.port, place.host):
            raise CannotStart(
                f"Port {place.port} is taken on {place.host}. Set MARQUEE_PORT to another one,"
                " as in: MARQUEE_PORT=8081 ./marquee up"
            )
        drawn = plan.make(place, secrets.ensure(place.data), earlier=before.get("ports", {}))
        voice = Voice(place.log_file)
        if left:
            voice.say("marquee", f"ended what an earlier run left behind: {', '.join(left)}")
        return asyncio.run(_Run(drawn, voice).until_stopped(demo=demo))


class _Run:
    """One run: the plan, its supervisor, and the wish to stop."""

    def __init__(self, drawn: Plan, voice: Voice) -> None:
        self.plan = drawn
        self.voice = voice
        self.supervisor = Supervisor(voice, changed=self._note)
        self.ready = False
        self.began = time.monotonic()
        self._wishes = 0
        self._stop = asyncio.Event()

    def _note(self) -> None:
        """Write down who runs where."""
        children = {
            name: {"pid": it.pid, "born": self.supervisor.born[name]} for name, it in self.supervisor.running.items()
        }
        found = {
            "pid": os.getpid(),
            "born": processes.born(os.getpid()),
            "ready": self.ready,
            "url": self.plan.url("gateway"),
            "ports": self.plan.ports,
            "urls": {name: self.plan.url(name) for name in self.plan.processes},
            "embedded": {"postgres": self.plan.postgres_port is not None, "nats": self.plan.nats_port is not None},
            "outside": sorted(self.plan.outside),
            "nats_monitor": self.plan.monitor_url,
            "children": children,
        }
        installation.write_state(self.plan.place, found)

    def _wish(self) -> None:
        """A signal: the first stops kindly, the second at once."""
        self._wishes += 1
        self._stop.set()
        if self._wishes > 1:
            self.supervisor.kill([*self.plan.processes, "nats"])

    async def until_stopped(self, *, demo: bool) -> int:
        """Start, show the banner, wait for a signal, stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._wish)
        starting = asyncio.create_task(self._start(demo=demo))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await starting
                return 130
            starting.result()
            await stopping
            return 0
        except CannotStart as error:
            self.voice.say("marquee", str(error))
            return 1
        finally:
            await self._stop_all()

    async def _start(self, *, demo: bool) -> None:
        await self._start_servers()
        await self._migrate()
        async with httpx.AsyncClient(timeout=2) as client:
            for name in self.plan.processes:
                self.supervisor.start(self._service(name, client))
            await self.supervisor.ready(self.plan.processes, timeout=90)
            fresh = await _is_fresh(self.plan, client)
        self.ready = True
        self._note()
        self.voice.show(banner(self.plan, seconds=time.monotonic() - self.began, fresh=fresh))
        if demo:
            await self._demo()

    async def _start_servers(self) -> None:
        data, drawn = self.plan.place.data, self.plan
        started = []
        if drawn.nats_port is not None:
            monitor = drawn.ports["nats_monitor"]
            program = servers.nats(
                data / "nats", port=drawn.nats_port, monitor_port=monitor, passwords=drawn.secrets.bus
            )
            self.supervisor.start(Child(program=program, ready=_asked(servers.nats_ready, drawn.monitor_url)))
            started.append("nats")
        if drawn.postgres_port is not None:
            folder = data / "postgres"
            servers.make_postgres(folder, password=drawn.secrets.superuser)
            program = servers.postgres(folder, port=drawn.postgres_port)
            self.supervisor.start(Child(program=program, ready=_asked(servers.postgres_ready, folder)))
            started.append("postgres")
        await self.supervisor.ready(started, timeout=120)
        if drawn.postgres_port is not None:
            await databases.make_on(
                drawn.postgres_port, superuser=drawn.secrets.superuser, passwords=drawn.secrets.databases
            )

    async def _migrate(self) -> None:
        """Unless all databases are the embedded ones and have seen these migrations."""
        folder = self.plan.place.data / "postgres"
        if self.plan.outside or not migrations.are_done(folder):
            await migrations.upgrade_all(self.plan.database_urls, say=self.voice.say)
            if not self.plan.outside:
                migrations.note_done(folder)

    def _service(self, service: str, client: httpx.AsyncClient) -> Child:
        async def ready() -> bool:
            try:
                answer = await client.get(f"{self.plan.url(service)}/readyz")
            except httpx.HTTPError:
                return False
            return answer.status_code == 200

        return Child(program=plan.process(self.plan, service), ready=ready)

    async def _demo(self) -> None:
        """Load the demo as a client would, while everything keeps running."""
        loading = await asyncio.create_subprocess_exec(*python("-m", "deploy.local", "demo"), cwd=HOME)
        try:
            await loading.wait()
        except asyncio.CancelledError:
            loading.terminate()
            await loading.wait()
            raise

    async def _stop_all(self) -> None:
        """First who takes calls, then who works, then the bus, then the databases."""
        self.voice.say("marquee", "stopping")
        await self.supervisor.stop(("console",), ("gateway",), plan.BEHIND, ("nats",), ("postgres",))
        self.ready = False
        self._note()
        self.voice.say("marquee", "stopped")


def _asked(check: Callable[[T], bool], argument: T) -> Callable[[], Awaitable[bool]]:
    """A blocking check as one that can be awaited."""

    async def ready() -> bool:
        return await asyncio.to_thread(check, argument)

    return ready


async def _is_fresh(drawn: Plan, client: httpx.AsyncClient) -> bool:
    """Whether the account `admin` still has its one-time password."""
    headers = {"Authorization": f"Bearer {drawn.secrets.secret_key}"}
    try:
        answer = await client.get(f"{drawn.url('gateway')}/v1/operators", params={"limit": 200}, headers=headers)
        accounts = answer.raise_for_status().json()["items"]
    except httpx.HTTPError:
        return False
    return any(one["login"] == "admin" and one["must_change"] for one in accounts)


def banner(drawn: Plan, *, seconds: float, fresh: bool = False) -> str:
    """What an operator needs to go on; `fresh` while the first account has its one-time password."""
    url = drawn.place.public_url
    mail = os.environ.get("MARQUEE_SMTP_URL") or "none: e-mails wait until MARQUEE_SMTP_URL=smtp://host:port is set"
    if mail == SINK:
        mail = "local sink: nothing is sent, /v1/outbox shows what would have been"
    bus = f"nats://127.0.0.1:{drawn.nats_port}" if drawn.nats_port else "as NATS_URL says"
    sign_in = f"admin   one-time password {drawn.secrets.admin_password}" if fresh else "with your account"
    console = (("console", drawn.url("console")), ("sign in", sign_in)) if "console" in drawn.ports else ()
    rows = (
        *console,
        ("API", url),
        ("API docs", f"{url}/docs"),
        ("write key", f"{drawn.secrets.write_key}   (front-ends send events and ask for banners with it)"),
        ("secret key", f"{drawn.secrets.secret_key}   (internal tools; keep it secret)"),
        ("mail", mail.rpartition("@")[2]),
        ("bus", f"{bus}   (other systems: user external, password in secrets.json)"),
        ("data", str(drawn.place.data)),
        ("log file", str(drawn.place.log_file)),
        ("stop", "Ctrl-C" if sys.stdout.isatty() else f"Ctrl-C, or kill {os.getpid()}"),
        ("next", "./marquee demo   loads a small audience; ./marquee keys prints the keys as JSON"),
    )
    width = 78
    lines = [f"  {name:<11} {value}" for name, value in rows]
    return "\n".join(["", "=" * width, f"  Marquee is ready after {seconds:.1f} s.", "", *lines, "=" * width, ""])
