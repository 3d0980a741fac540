"""One installation: where its data lies, on which port it answers, who runs it now."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local import processes
from deploy.local.processes import CannotStart

HOME = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, kw_only=True)
class Installation:
    """`data` holds everything that outlives a run; `host`, `port` and `public_url` are the gateway's."""

    data: Path
    host: str
    port: int
    public_url: str
    console_port: int | None
    """The console's port: None for the one after the gateway's or any that is free, 0 for no console."""

    @property
    def state_file(self) -> Path:
        """Who runs, on which ports: for the other commands and for the next start."""
        return self.data / "state.json"

    @property
    def log_file(self) -> Path:
        """Everything that was said, by everyone."""
        return self.data / "marquee.log"


def installation(environ: Mapping[str, str] = os.environ) -> Installation:
    """From MARQUEE_DATA (default `.data` beside the script), MARQUEE_HOST, MARQUEE_PORT and MARQUEE_PUBLIC_URL.

    MARQUEE_CONSOLE_PORT is the console's, by default the one after the gateway's; 0 leaves the console out.
    """
    text = environ.get("MARQUEE_PORT", "8080")
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise CannotStart(f"MARQUEE_PORT must be a port number, not {text!r}.")
    console = environ.get("MARQUEE_CONSOLE_PORT", "")
    if console and not (console.isdecimal() and int(console) < 65536):
        raise CannotStart(f"MARQUEE_CONSOLE_PORT must be a port number, or 0 for no console, not {console!r}.")
    host = environ.get("MARQUEE_HOST", "127.0.0.1")
    reachable = "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104
    return Installation(
        data=Path(environ.get("MARQUEE_DATA") or HOME / ".data").absolute(),
        host=host,
        port=int(text),
        public_url=environ.get("MARQUEE_PUBLIC_URL", f"http://{reachable}:{text}"),
        console_port=int(console) if console else None,
    )


@contextlib.contextmanager
def held(place: Installation) -> Iterator[None]:
    """The installation is ours until the end of the block; CannotStart when another process runs it."""
    place.data.mkdir(parents=True, exist_ok=True)
    with open(place.data / "lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = state(place).get("pid")
            raise CannotStart(
                f"Marquee is already running on {place.data}" + (f" (process {pid})." if pid else ".")
            ) from None
        except OSError as error:
            raise CannotStart(f"{place.data} cannot be used: {error.strerror}.") from error
        yield


def state(place: Installation) -> dict[str, Any]:
    """What the last run wrote, {} when there was none."""
    try:
        found: dict[str, Any] = json.loads(place.state_file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def running(place: Installation) -> dict[str, Any]:
    """The state of the run that is alive now; CannotStart when none is."""
    found = state(place)
    if not found or not processes.is_same(found["pid"], found["born"]):
        raise CannotStart(f"Marquee is not running on {place.data}. Start it with ./marquee up.")
    return found


def write_state(place: Installation, found: dict[str, Any]) -> None:
    """Replace the state at once, so that a reader sees the old or the new. It holds no secrets."""
    draft = place.state_file.with_suffix(".new")
    draft.write_text(json.dumps(found, indent=2))
    draft.rename(place.state_file)
