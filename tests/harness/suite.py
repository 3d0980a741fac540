"""The whole suite as an operator runs it: `python -m deploy.local up` in a process of its own, on its own data."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deploy.local import processes
from deploy.local.installation import HOME

PATIENCE = 120.0


class DidNotStart(Exception):
    """`up` ended, or was not ready in time; carries what it said."""


@dataclass(kw_only=True)
class Suite:
    """One installation. `start` and `stop` may be called again and again; its data stays in `data`."""

    data: Path
    port: int = field(default_factory=processes.free_port)
    env: dict[str, str] = field(default_factory=dict)
    home: Path = HOME
    prefix: tuple[str, ...] = ()
    """Put before the command line, as `setpriv` with its options."""
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextlib.contextmanager
    def started(cls, data: Path, env: Mapping[str, str] | None = None) -> Iterator[Suite]:
        """A suite from ready to stopped."""
        suite = cls(data=data, env=dict(env or {}))
        try:
            suite.start()
            yield suite
        finally:
            suite.stop()

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        """What `up` printed."""
        return self.data.parent / f"{self.data.name}-output.log"

    def environment(self) -> dict[str, str]:
        """The environment of this installation's commands. The console is there only where `env` gives it a port."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MARQUEE_", "NATS_"))}
        own = {"MARQUEE_DATA": str(self.data), "MARQUEE_PORT": str(self.port), "MARQUEE_CONSOLE_PORT": "0"}
        return {**kept, **own, **self.env}

    def command(self, *arguments: str) -> tuple[str, ...]:
        """The command line of `./marquee <arguments>` without its preparations."""
        return (*self.prefix, sys.executable, "-m", "deploy.local", *arguments)

    def run(self, *arguments: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.home,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `up` without waiting."""
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                self.command("up", *arguments),
                cwd=self.home,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    def start(self, *arguments: str) -> None:
        """Start `up` and wait until everything is ready. Raises DidNotStart."""
        process = self.begin(*arguments)
        self.wait(lambda: self.is_ready(process.pid) or process.poll() is not None)
        if process.poll() is not None:
            raise DidNotStart(self.output.read_text())

    def wait(self, check: Any, timeout: float = PATIENCE) -> None:
        """Until `check()` holds; DidNotStart with the output when it takes too long."""
        deadline = time.monotonic() + timeout
        while not check():
            if time.monotonic() > deadline:
                raise DidNotStart(self.output.read_text())
            time.sleep(0.02)

    def is_ready(self, pid: int) -> bool:
        """Whether the `up` of that process id has said that everything is ready."""
        state = self.state()
        return bool(state.get("ready")) and state.get("pid") == pid

    def state(self) -> dict[str, Any]:
        """`state.json` as it is now, {} before there is one."""
        try:
            found: dict[str, Any] = json.loads((self.data / "state.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found

    def secrets(self) -> dict[str, Any]:
        """`secrets.json`: write_key, secret_key, passwords by role and user."""
        found: dict[str, Any] = json.loads((self.data / "secrets.json").read_text())
        return found

    def pid(self, name: str) -> int:
        """Process id of a child: profile, segment, campaign, recommend, gateway, nats, postgres."""
        return int(self.state()["children"][name]["pid"])

    def children(self) -> dict[str, int]:
        """Process ids of all children by name."""
        return {name: int(child["pid"]) for name, child in self.state().get("children", {}).items()}

    def kill(self, name: str) -> int:
        """kill -9 a child (or `parent`); the process id it had."""
        pid = self.process.pid if name == "parent" and self.process else self.pid(name)
        os.kill(pid, signal.SIGKILL)
        if name == "parent" and self.process:
            self.process.wait()
        return pid

    def stop(self, number: signal.Signals = signal.SIGINT) -> int | None:
        """Ask it to stop, wait, and give its exit status; None when it was not running."""
        process, self.process = self.process, None
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise DidNotStart(f"it did not stop:\n{self.output.read_text()}") from None

    def client(self, *, key: str | None = "secret_key") -> httpx.AsyncClient:
        """An HTTP client of the gateway: with the secret key, the write key (as Basic user), or none."""
        secrets = self.secrets()
        headers = {"Authorization": f"Bearer {secrets['secret_key']}"} if key == "secret_key" else {}
        auth = httpx.BasicAuth(secrets["write_key"], "") if key == "write_key" else None
        return httpx.AsyncClient(base_url=self.url, headers=headers, auth=auth, timeout=30)

    def nats_url(self, user: str = "external") -> str:
        """The bus as other systems reach it."""
        return f"nats://{user}:{self.secrets()['bus'][user]}@127.0.0.1:{self.state()['ports']['nats']}"

    def database_url(self, service: str) -> str:
        """A service's database, with its own role."""
        password = self.secrets()["databases"][service]
        return f"postgresql://{service}:{password}@127.0.0.1:{self.state()['ports']['postgres']}/{service}"
