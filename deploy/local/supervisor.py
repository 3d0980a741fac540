"""Keeps children running: starts them, starts them again with back-off when they crash, stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from deploy.local import processes
from deploy.local.output import Voice
from deploy.local.processes import CannotStart, Program

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 60.0
"""Seconds a child must have been up for its next crash to count as the first."""
HOPELESS = 4
"""Crashes before the first readiness after which a start is given up."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """A program and how to see that it is ready."""

    program: Program
    ready: Callable[[], Awaitable[bool]]


class Supervisor:
    """Holds the children of this process. `changed` is called after every start of one.

    Its methods must run in the main thread: a child's life is tied to the thread that forked it.
    """

    def __init__(self, voice: Voice, *, changed: Callable[[], None] = lambda: None) -> None:
        self.voice = voice
        self.changed = changed
        self.running: dict[str, asyncio.subprocess.Process] = {}
        self.born: dict[str, float] = {}
        self._children: dict[str, Child] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._crashes: dict[str, int] = {}
        self._resting: set[str] = set()
        self._ending = asyncio.Event()

    def start(self, child: Child) -> None:
        """Run it from now on until it is stopped."""
        name = child.program.name
        self._children[name] = child
        self._watchers[name] = asyncio.create_task(self._watch(child.program), name=f"watch {name}")

    @property
    def names(self) -> list[str]:
        """Everyone who was started and not stopped."""
        return list(self._watchers)

    async def _watch(self, program: Program) -> None:
        name, pause = program.name, FIRST_PAUSE
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                end = _ended(await self._run(program))
            except (OSError, subprocess.SubprocessError) as error:
                end = f"cannot be run ({error})"
            if self._ending.is_set():
                return
            if time.monotonic() - began > STEADY:
                pause = FIRST_PAUSE
            self._crashes[name] = self._crashes.get(name, 0) + 1
            self.voice.say("marquee", f"{name} {end}; it starts again in {pause:g} s")
            self._resting.add(name)
            await asyncio.sleep(pause)
            self._resting.discard(name)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _run(self, program: Program) -> int:
        """One life of the child; its exit status, negative for a signal."""
        process = await asyncio.create_subprocess_exec(
            *program.argv,
            cwd=program.cwd,
            env=processes.environment(program),
            preexec_fn=processes.before_exec(program),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops everyone in order
        )
        name = program.name
        self.running[name] = process
        self.born[name] = processes.born(process.pid) or 0.0
        self.changed()
        if self._ending.is_set():  # it was asked to stop while it was being forked
            _send(process, program.stop_signal)
        assert process.stdout is not None
        relay = asyncio.create_task(self.voice.relay(name, process.stdout))
        try:
            return await process.wait()
        finally:
            self.running.pop(name, None)
            # A grandchild may keep the pipe open: its words are waited for only a moment.
            _, late = await asyncio.wait([relay], timeout=1)
            for task in late:
                task.cancel()

    async def ready(self, names: Iterable[str], timeout: float) -> None:
        """Wait until all of them are ready; CannotStart when one keeps crashing or takes too long."""
        waiting = list(names)
        deadline = time.monotonic() + timeout
        while waiting:
            for name in list(waiting):
                if name in self.running and await self._children[name].ready():
                    waiting.remove(name)
                elif self._crashes.get(name, 0) >= HOPELESS:
                    raise CannotStart(f"{name} does not start; its last words are above and in {self.voice.log}.")
            if time.monotonic() > deadline:
                raise CannotStart(f"{', '.join(waiting)} not ready within {timeout:g} s; see {self.voice.log}.")
            if waiting:
                await asyncio.sleep(0.05)

    async def stop(self, *groups: Iterable[str]) -> None:
        """Stop everyone, group after group: kindly, then by force after its patience. Nobody starts again."""
        self._ending.set()
        for name in self._resting & self._watchers.keys():
            # Only these are cancelled: asyncio may wait for ever for a child whose start was cancelled half-way.
            self._watchers[name].cancel()
        for group in groups:
            await asyncio.gather(*(self._stop(name) for name in group if name in self._watchers))

    async def _stop(self, name: str) -> None:
        program, watcher = self._children[name].program, self._watchers.pop(name)
        if process := self.running.get(name):
            _send(process, program.stop_signal)
        done, _ = await asyncio.wait([watcher], timeout=program.patience)
        if not done:
            self.voice.say("marquee", f"{name} did not stop within {program.patience:g} s and is killed")
            self.kill([name])
        with contextlib.suppress(asyncio.CancelledError):
            await watcher
        self.voice.say("marquee", f"{name} stopped")

    def kill(self, names: Iterable[str]) -> None:
        """End them now, with everything they started."""
        for name in names:
            process = self.running.get(name)
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def python(*arguments: str) -> tuple[str, ...]:
    """A command line of this same Python."""
    return (sys.executable, *arguments)
