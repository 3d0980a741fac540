"""Servers for the length of a block, for tests and checks: the production configuration on free ports.

Only Postgres' fsync is off, which changes nothing short of a power cut. Files lie in memory where there is room.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local import processes, servers
from deploy.local.processes import Program

PASSWORD = "p" + secrets.token_hex(8)
ROOM = 2 * 1024**3
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
SMALL = {"shared_buffers": "128MB"}
"""Tests have few rows and run beside one another."""
PREFIX = "marquee-test-"


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """The running server."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]


@dataclass(frozen=True, kw_only=True)
class Nats:
    """A running bus. Each user's password is the same in tests."""

    port: int
    monitor_url: str
    folder: Path
    process: subprocess.Popen[bytes]

    def url(self, user: str) -> str:
        """The address that user connects to."""
        return f"nats://{user}:{PASSWORD}@127.0.0.1:{self.port}"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder in memory (/dev/shm) if there are 2 GB to spare, else in the temporary folder; removed at the end.

    Its name carries our process id, so that what a killed run left behind is removed by the next.
    """
    memory = Path("/dev/shm")  # noqa: S108
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    parent = memory if roomy else Path(tempfile.gettempdir())
    for old in parent.glob(f"{PREFIX}*"):
        pid = old.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and processes.born(int(pid)) is None:
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def postgres(folder: Path, *, small: bool = True) -> Iterator[Postgres]:
    """A fresh Postgres in `folder`, stopped at the end; unless it is `small` it caches as much as in production."""
    data = folder / "postgres"
    servers.make_postgres(data, password=PASSWORD, sync=False)
    port = processes.free_port()
    program = servers.postgres(data, port=port, settings=FAST | (SMALL if small else {}))
    with running(program, folder, lambda: servers.postgres_ready(data)) as it:
        yield Postgres(port=port, folder=data, process=it)


@contextlib.contextmanager
def nats(folder: Path) -> Iterator[Nats]:
    """A fresh nats-server with its store in `folder`, stopped at the end."""
    port = processes.free_port()
    monitor_port = processes.free_port(taken=[port])
    monitor_url = f"http://127.0.0.1:{monitor_port}"
    passwords = dict.fromkeys(servers.NATS_USERS, PASSWORD)
    program = servers.nats(folder / "nats", port=port, monitor_port=monitor_port, passwords=passwords)
    with running(program, folder, lambda: servers.nats_ready(monitor_url)) as process:
        yield Nats(port=port, monitor_url=monitor_url, folder=folder / "nats", process=process)


@contextlib.contextmanager
def running(program: Program, folder: Path, ready: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """The program from ready to stopped; what it said is shown when it does not become ready within 20 seconds."""
    log = folder / f"{program.name}.log"
    with log.open("ab") as output:
        process = start(program, output.fileno())
    try:
        deadline = time.monotonic() + 20
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{program.name} did not start: {log.read_text()}")
            time.sleep(0.005)
        yield process
    finally:
        stop(process, program)


def start(program: Program, output: int) -> subprocess.Popen[bytes]:
    """The program as a child of this process, its words written to the file descriptor `output`."""
    return subprocess.Popen(
        program.argv,
        cwd=program.cwd,
        env=processes.environment(program),
        preexec_fn=processes.before_exec(program),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes], program: Program) -> None:
    """End it as its supervisor would, by force when it takes too long."""
    process.send_signal(program.stop_signal)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
