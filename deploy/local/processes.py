"""Child processes that die with their parent, may run unprivileged, and are recognised again by the next start."""

from __future__ import annotations

import ctypes
import os
import pwd
import random
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522
LOWEST_PORT = 20000
_libc = ctypes.CDLL(None, use_errno=True)


class CannotStart(Exception):
    """Something the operator has to put right before Marquee can start; the text says what."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One child: what to run, as whom, and which signals end it (`death_signal` is sent when the parent is gone)."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    user: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    patience: float = 15.0
    """Seconds between the stop signal and SIGKILL."""


def environment(program: Program) -> dict[str, str]:
    """What the child sees: this process's environment with the program's own on top."""
    return {**os.environ, **program.env}


def before_exec(program: Program) -> Callable[[], None]:
    """What the forked child does before it becomes the program: drop root if asked, and bind its life to the parent's.

    The kernel ties the parent-death signal to the *thread* that forked, so children are started from the main thread.
    Changing the user clears the signal, hence the order.
    """
    parent = os.getpid()
    reach = program.user is not None and not all(reachable(Path(path), program.user) for path in _paths(program))

    def prepare() -> None:
        if program.user is not None:
            _become(program.user, reach=reach)
        if sys.platform == "linux":
            _libc.prctl(PR_SET_PDEATHSIG, int(program.death_signal), 0, 0, 0)
            if os.getppid() != parent:  # it died between fork and prctl
                os.kill(os.getpid(), signal.SIGKILL)

    return prepare


def _paths(program: Program) -> Iterable[str]:
    yield from (argument for argument in program.argv if argument.startswith("/"))
    if program.cwd is not None:
        yield str(program.cwd)


def reachable(path: Path, user: int) -> bool:
    """Whether a user without groups may enter every folder above `path`."""
    for folder in path.resolve().parents:
        status = folder.stat()
        bit = 0o100 if status.st_uid == user else 0o001
        if not status.st_mode & bit:
            return False
    return True


def unprivileged() -> int | None:
    """The user id Postgres runs as when we are root (it refuses to be root), None when we are a plain user."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise CannotStart("Postgres refuses to run as root, and there is no user 'nobody' to run it as.") from None


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _become(user: int, *, reach: bool) -> None:
    """Turn from root into `user`. With `reach` it may read below closed folders too (a checkout in root's home).

    The alternative, opening those folders to everybody, would change what is not ours. One capability is kept, as an
    ambient one so that it survives exec: to read everywhere, or, where that one is withheld (containers), to override
    file permissions.
    """
    group = pwd.getpwuid(user).pw_gid
    os.setgroups([])
    os.setgid(group)
    if reach and sys.platform == "linux":
        _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setuid(user)
    if reach and sys.platform == "linux":
        for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
            bits = 1 << capability
            data = (_CapData * 2)(_CapData(bits, bits, bits), _CapData(0, 0, 0))
            if _libc.capset(ctypes.byref(_CapHeader(LINUX_CAPABILITY_VERSION_3, 0)), ctypes.byref(data)) == 0:
                _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)
                return


def free_port(taken: Iterable[int] = ()) -> int:
    """A TCP port of 127.0.0.1 nobody listens on, below the range that outgoing connections draw from.

    A port of that range could be taken by a client's own retry while its server restarts.
    """
    highest = 32768
    ephemeral = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if ephemeral.exists():
        highest = max(int(ephemeral.read_text().split()[0]), LOWEST_PORT + 1000)
    candidates = [port for port in range(LOWEST_PORT, highest) if port not in set(taken)]
    for port in random.sample(candidates, k=min(200, len(candidates))):
        if is_free(port):
            return port
    raise CannotStart(f"No free TCP port between {LOWEST_PORT} and {highest} on 127.0.0.1.")


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def born(pid: int) -> float | None:
    """When that process started (seconds since 1970), or None: pid and birth together name a process."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def is_same(pid: int, birth: float) -> bool:
    """Whether the process born then still lives. Births shift by a second or two when the machine's clock is set."""
    now = born(pid)
    return now is not None and abs(now - birth) < 5


def end_leftovers(children: dict[str, dict[str, float]]) -> list[str]:
    """Kill children that an earlier parent left behind, given as {name: {"pid", "born"}}; gives the names it killed."""
    left: list[psutil.Process] = []
    names: list[str] = []
    for name, child in children.items():
        try:
            process = psutil.Process(int(child["pid"]))
            if not is_same(process.pid, child["born"]):
                continue
            left += [*process.children(recursive=True), process]
            names.append(name)
        except psutil.NoSuchProcess:
            continue
    for process in left:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=10)
    return names
