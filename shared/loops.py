"""Background steps that never die quietly and always stop. The only endless loop of the house stands here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import Counter

from shared import telemetry
from shared.database import is_outage

if TYPE_CHECKING:
    from shared.house import House

log = telemetry.logger(__name__)
FAILED = Counter("marquee_loop_failures", "Steps that raised and were tried again", ["loop"])
LONGEST_BACKOFF = 5.0


@dataclass(frozen=True)
class Step:
    """Call `action(house)` again and again: at once while it answers True, else after `pause` seconds or a wake."""

    name: str
    action: Callable[[House], Awaitable[bool]]
    pause: float = 0.2


class Loops:
    """The background steps of one process."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wakes: dict[str, asyncio.Event] = {}
        self._stopping = False
        self._stop = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """Whether the house is closing: a step that could begin something long had better not."""
        return self._stopping

    def start(self, name: str, step: Callable[[], Awaitable[bool]], *, pause: float) -> None:
        """Turn this step until the house closes. Raises ValueError when a step of that name turns already."""
        if name in self._tasks:
            raise ValueError(f"two steps are named {name!r}")
        self._wakes[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._turn(name, step, pause), name=name)

    def wake(self, name: str) -> None:
        """Turn the step now, if it is resting."""
        if name in self._wakes:
            self._wakes[name].set()

    async def _turn(self, name: str, step: Callable[[], Awaitable[bool]], pause: float) -> None:
        wake = self._wakes[name]
        backoff = 0.1
        while True:
            if self._stopping:
                return
            rest, waiting = pause, wake
            try:
                telemetry.trace.set("")
                if await step():
                    rest = 0.0
                backoff = 0.1
            except asyncio.CancelledError:
                if self._stopping:
                    raise
            except Exception as error:
                FAILED.labels(name).inc()
                if is_outage(error):
                    log.warning("step waits for its servers", loop=name, error=f"{type(error).__name__}: {error}"[:500])
                else:
                    log.exception("step failed and is tried again", loop=name)
                # Not to be woken: every new fact would call the relay again while the bus is away.
                rest, waiting = backoff, self._stop
                backoff = min(backoff * 2, LONGEST_BACKOFF)
            if rest:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(rest):
                        await waiting.wait()
                wake.clear()
            else:
                await asyncio.sleep(0)

    async def stop(self, grace: float = 5.0) -> None:
        """Let each step end its turn, then cancel; cancel again, since a cancel can be lost on Python 3.11."""
        self._stopping = True
        self._stop.set()
        for wake in self._wakes.values():
            wake.set()
        pending = set(self._tasks.values())
        if pending:
            _, pending = await asyncio.wait(pending, timeout=grace)
        for _ in range(20):
            if not pending:
                break
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=0.25)
        self._tasks.clear()
