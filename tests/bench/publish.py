"""The bare baseline of the bus, a process of its own: acknowledged publishes of ready messages, nothing around them."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Sequence

import msgspec
import uvloop

from shared.bus import Bus
from shared.settings import Settings


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Publish these batches in turn, so many of them under way at once, for so many seconds.

    A batch is (subject, payload) pairs which are sent together and waited for together, as a request of the gateway is.
    """

    settings: dict[str, str]
    batches: list[list[tuple[str, str]]]
    events: int
    """Events in one batch."""
    together: int
    seconds: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Events acknowledged, and the seconds it took."""

    events: int
    elapsed: float


async def work(job: Job) -> Result:
    """Do the job as the gateway's user of the bus."""
    bus = Bus("gateway", Settings.model_validate(job.settings))
    await bus.open()
    done = 0
    began = time.perf_counter()
    end = began + job.seconds
    turns = itertools.cycle([[(subject, payload.encode()) for subject, payload in batch] for batch in job.batches])

    async def lane() -> None:
        nonlocal done
        while time.perf_counter() < end:
            batch = next(turns)
            await asyncio.gather(*(bus.publish("INTAKE", subject, payload) for subject, payload in batch))
            done += job.events

    await asyncio.gather(*(lane() for _ in range(job.together)))
    elapsed = time.perf_counter() - began
    await bus.close()
    return Result(events=done, elapsed=elapsed)


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
    result = uvloop.run(work(msgspec.json.decode(sys.stdin.buffer.read(), type=Job)))
    sys.stdout.buffer.write(msgspec.json.encode(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
