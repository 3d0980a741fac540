"""The bare baseline of the bus, a process of its own: acknowledged publishes of ready messages, nothing around them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence

import msgspec
import uvloop

from shared.bus import Bus
from shared.settings import Settings
from tests.bench import report


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """For so many seconds, publish these (subject, payload) pairs again and again, each as soon as it is acknowledged.

    That is how the gateway publishes: one message of each partition is under way at a time.
    """

    settings: dict[str, str]
    messages: list[tuple[str, str]]
    events: int
    """Events in one message."""
    seconds: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Events acknowledged, and the seconds it took."""

    events: int
    elapsed: float

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.elapsed


async def work(job: Job) -> Result:
    """Do the job as the gateway's user of the bus."""
    bus = Bus("gateway", Settings.model_validate(job.settings))
    await bus.open()
    began = time.perf_counter()
    end = began + job.seconds

    async def lane(subject: str, payload: bytes) -> int:
        done = 0
        while time.perf_counter() < end:
            await bus.publish("INTAKE", subject, payload)
            done += job.events
        return done

    done = await asyncio.gather(*(lane(subject, payload.encode()) for subject, payload in job.messages))
    elapsed = time.perf_counter() - began
    await bus.close()
    return Result(events=sum(done), elapsed=elapsed)


async def fire(job: Job) -> Result:
    """Have a process of its own do the job."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.publish"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(msgspec.json.encode(job))
    if process.returncode != 0:
        raise RuntimeError(f"the publisher ended with {process.returncode}")
    return msgspec.json.decode(output, type=Result)


def main(argv: Sequence[str]) -> int:
    """Read a job, do it, write the result."""
    report.quiet()
    result = uvloop.run(work(msgspec.json.decode(sys.stdin.buffer.read(), type=Job)))
    sys.stdout.buffer.write(msgspec.json.encode(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
