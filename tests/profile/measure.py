"""How long taking in a batch takes, and where it goes: `python -m tests.profile.measure [events] [viewers] [batches]`.

One process, one transaction per batch as in the reader, real Postgres (fsync off), facts written to the outbox.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import psutil

from deploy.local import temporary
from services.profile.actions.events import absorb
from shared.contracts import EventReceived
from shared.database import Database
from shared.serve import tidy_rarely
from shared.settings import Settings
from tests.harness import databases
from tests.profile.samples import call


def _busy(pid: int) -> float:
    """Processor seconds of a process and its children so far."""
    family = [psutil.Process(pid), *psutil.Process(pid).children()]
    return sum(sum(one.cpu_times()[:2]) for one in family)


async def measure(size: int, viewers: int, batches: int, *, profile: bool) -> None:
    """Print microseconds per event of each kind of batch."""
    with temporary.scratch() as folder, temporary.postgres(folder) as server:
        async with databases.opened(server) as made:
            url = await made.clone("profile")
            settings = Settings(
                database_url=url, nats_url="nats://none", nats_monitor_url="http://none", secret="s" * 32
            )
            database = Database("profile", settings)
            profiler = cProfile.Profile() if profile else None
            numbers = iter(range(10**9))
            kinds: dict[str, Callable[[int], EventReceived]] = {
                "first identify of each": lambda n: call("identify", user_id=f"u{n % viewers}", traits={"age": n % 90}),
                "track, known users": lambda n: call(
                    user_id=f"u{n % viewers}",
                    message_id=f"{n:032x}",
                    properties={"content_id": f"v{n % 977}", "category": "anime"},
                    context={"library": {"name": "bench", "version": "1"}},
                ),
                "track, new visitors": lambda n: call(anonymous_id=f"a{n}", message_id=f"{n:032x}"),
                "identify, known users": lambda n: call("identify", user_id=f"u{n % viewers}", traits={"age": n % 91}),
            }
            for name, make in kinds.items():
                watched = profiler if profiler is not None and name.startswith("track, known") else None
                took, busy, served = [], time.process_time(), _busy(server.process.pid)
                for _ in range(batches):
                    batch = [make(next(numbers)) for _ in range(size)]
                    watch: AbstractContextManager[object] = watched or nullcontext()
                    began = time.perf_counter()
                    with watch:
                        async with database.transaction() as session:
                            await absorb(session, batch)
                    took.append(time.perf_counter() - began)
                best = min(took) / size * 1e6
                mean = sum(took) / len(took) / size * 1e6
                python = (time.process_time() - busy) / size / batches * 1e6
                postgres = (_busy(server.process.pid) - served) / size / batches * 1e6
                print(
                    f"{name:25} {mean:7.1f} µs an event (best {best:.1f}), {1e6 / mean:,.0f} events/s;"
                    f" busy: Python {python:.1f}, Postgres {postgres:.1f} µs"
                )
            if profiler is not None:
                pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
            await database.close()


if __name__ == "__main__":
    tidy_rarely()
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    size, viewers, batches = [*numbers, *(3000, 2000, 10)[len(numbers) :]]
    asyncio.run(measure(size, viewers, batches, profile="--profile" in sys.argv))
