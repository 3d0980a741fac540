"""The warehouse's process as segment holds it: started, told, heard, ended."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import msgspec

from services.segment.outside.warehouse import wire

ROOT = Path(__file__).parents[4]


class Died(Exception):
    """The process has ended"""


class Child:
    """A running process. Its words are read as they come, so that nobody who stops listening leaves half a frame."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._replies: asyncio.Queue[wire.Reply | None] = asyncio.Queue()
        self._hearing = asyncio.create_task(self._hear(), name="hear the warehouse")

    @classmethod
    async def start(cls, options: wire.Options) -> Child:
        """A new process that works so. It ends itself when its pipe closes, however this process ends."""
        child = cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "services.segment.outside.warehouse",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd=ROOT,
            )
        )
        await child.tell(options)
        return child

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet, as far as is known."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def tell(self, message: msgspec.Struct) -> None:
        """Send a message. Raises Died."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(wire.frame(message))
            await self._process.stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            raise Died(str(error)) from error

    async def hear(self, id_: int) -> wire.Reply:
        """The next word about this question; what is left of earlier ones is passed over. Raises Died."""
        while (reply := await self._replies.get()) is not None:
            if reply.id == id_:
                return reply
        self._replies.put_nowait(None)
        raise Died(f"it ended with {self._process.returncode}")

    async def _hear(self) -> None:
        assert self._process.stdout is not None
        stdout = self._process.stdout
        with contextlib.suppress(EOFError, ConnectionError):
            while not stdout.at_eof():
                (length,) = wire.LENGTH.unpack(await stdout.readexactly(wire.LENGTH.size))
                body = await stdout.readexactly(length)
                self._replies.put_nowait(msgspec.msgpack.decode(body, type=wire.Reply))
        self._replies.put_nowait(None)

    async def end(self) -> None:
        """Kill it: its file loses nothing that was committed."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._hearing
        if self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(ConnectionError):
                await self._process.stdin.wait_closed()
