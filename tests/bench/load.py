"""The load generator, a process of its own: raw HTTP/1.1 over kept connections, one request under way on each.

A job comes as JSON on standard input and its result leaves as JSON on standard output. It counts answers with status
200 only; any other one is reported and fails the bench.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import uvloop

MARK = b"%SERIAL-NO%"
"""Stands in a body for a number of the same length that is new in every request."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """POST these bodies in turn on so many connections, for so many seconds or so many requests."""

    host: str
    port: int
    path: str
    write_key: str
    bodies: list[str]
    connections: int
    seconds: float = 0.0
    requests: int = 0
    serial: int = 0
    """The first number to put in place of the mark."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """`latencies` are in seconds, sorted, at most 1,000 evenly chosen ones; `wrong` counts answers other than 200.

    All of them would be more than a pipe holds, and Python 3.11's asyncio cuts a child's output off at 128 KB when the
    child ends while the reader is paused.
    """

    done: int
    elapsed: float
    latencies: list[float]
    wrong: int = 0
    example: str = ""

    def percentile(self, share: float) -> float:
        """The latency that this share of the requests did not exceed, in seconds."""
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


class _Run:
    """What the connections of one job share."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.serial = job.serial
        self.latencies: list[float] = []
        self.wrong = 0
        self.example = ""
        self.parts = [body.encode().split(MARK) for body in job.bodies]
        token = base64.b64encode(f"{job.write_key}:".encode()).decode()
        self.heads = [
            (
                f"POST {job.path} HTTP/1.1\r\nHost: {job.host}:{job.port}\r\nAuthorization: Basic {token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n\r\n"
            ).encode()
            for body in job.bodies
        ]
        self.end = time.perf_counter() + job.seconds if job.seconds else float("inf")
        self.left = job.requests or sys.maxsize

    def next(self) -> bytes | None:
        """The next request, None when the job is over."""
        if self.left <= 0 or time.perf_counter() >= self.end:
            return None
        self.left -= 1
        self.serial += 1
        turn = self.serial % len(self.parts)
        return self.heads[turn] + (b"%0*d" % (len(MARK), self.serial)).join(self.parts[turn])


class _Connection(asyncio.Protocol):
    """Sends a request, waits for the whole answer, sends the next."""

    def __init__(self, run: _Run, over: asyncio.Future[None]) -> None:
        self.run = run
        self.over = over
        self.read = b""
        self.sent = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class does not descend from it
        self._send()

    def _send(self) -> None:
        request = self.run.next()
        if request is None:
            self.transport.close()
            return
        self.sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.read += data
        head = self.read.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self.read.lower().find(b"content-length:", 0, head)
        length = int(self.read[at + 15 : self.read.find(b"\r\n", at)]) if at >= 0 else 0
        if len(self.read) < head + 4 + length:
            return
        if self.read[9:12] == b"200":
            self.run.latencies.append(time.perf_counter() - self.sent)
        else:
            self.run.wrong += 1
            self.run.example = self.read[:400].decode(errors="replace")
        self.read = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


async def work(job: Job) -> Result:
    """Do the job. A connection that breaks ends there; its missing answer shows in the count."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_give_up)
    run = _Run(job)
    began = time.perf_counter()
    ends: list[asyncio.Future[None]] = [loop.create_future() for _ in range(job.connections)]
    for over in ends:
        await loop.create_connection(lambda over=over: _Connection(run, over), job.host, job.port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    return Result(
        done=len(run.latencies),
        elapsed=time.perf_counter() - began,
        latencies=_thinned(sorted(run.latencies)),
        wrong=run.wrong,
        example=run.example,
    )


def _thinned(values: list[float], most: int = 1000) -> list[float]:
    """The same distribution in at most so many values; the first and the last stay."""
    if len(values) <= most:
        return values
    return [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]


def _give_up(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A callback that raised would leave its connection silent and the job without an end."""
    print(f"load generator: {context}", file=sys.stderr)
    os._exit(1)


class Failed(Exception):
    """Something was answered with another status than 200: the numbers would mean nothing."""


async def fire(job: Job) -> Result:
    """Have a process of its own do the job. Raises Failed when any answer is not a 200."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.load"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(msgspec.json.encode(job))
    if process.returncode != 0:
        raise Failed(f"the load generator ended with {process.returncode}")
    result = msgspec.json.decode(output, type=Result)
    if result.wrong or not result.done:
        raise Failed(
            f"{job.path}: {result.wrong} of {result.wrong + result.done} answers were no 200: {result.example}"
        )
    return result


def main(argv: Sequence[str]) -> int:
    """Read a job, do it, write the result."""
    result = uvloop.run(work(msgspec.json.decode(sys.stdin.buffer.read(), type=Job)))
    sys.stdout.buffer.write(msgspec.json.encode(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
