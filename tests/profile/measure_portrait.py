"""How long a portrait takes: `python -m tests.profile.measure_portrait [events] [asks]`.

One viewer with that many events over a year on two identities: in sittings as people have them, and as the worst case
at any moment of day and night. Real Postgres (fsync off), from the action's begin to the JSON, and in turn with each a
transaction of as many bare statements: what of it is the machine's.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import text

from deploy.local import temporary
from services.profile.actions.events import absorb
from services.profile.actions.portraits import portrait
from shared import clock
from shared.contracts import EventReceived
from shared.database import Database
from shared.serve import tidy_rarely
from shared.settings import Settings
from tests.harness import databases
from tests.profile.samples import call

STATEMENTS = 7
BARE = text("SELECT 1")


async def ask(database: Database, who: str, asks: int) -> None:
    """Print milliseconds per portrait of this viewer."""
    took, bare, busy = [], [], 0.0
    for _ in range(asks):
        began, worked = time.perf_counter(), time.process_time()
        async with database.transaction() as session:
            found = await portrait(session, f"user_id:{who}", unmasked=True)
            body = found.model_dump_json()
        took.append((time.perf_counter() - began) * 1000)
        busy += (time.process_time() - worked) * 1000
        began = time.perf_counter()
        async with database.transaction() as session:
            for _ in range(STATEMENTS):
                await session.execute(BARE)
        bare.append((time.perf_counter() - began) * 1000)
    took.sort()
    bare.sort()
    middle, far = len(took) // 2, int(len(took) * 0.99)
    print(
        f"{sum(found.interactions.values()):,} events, {found.habits.sessions.count:,} sessions: "
        f"p50 {took[middle]:.1f} ms, p99 {took[far]:.1f} ms, busy {busy / asks:.1f} ms, {len(body):,} bytes; "
        f"as many bare statements between: p50 {bare[middle]:.1f} ms, p99 {bare[far]:.1f} ms"
    )


async def measure(events: int, asks: int) -> None:
    """Print milliseconds per portrait."""
    draw = random.Random(7)
    now = clock.now()
    with temporary.scratch() as folder, temporary.postgres(folder, small=False) as server:
        async with databases.opened(server) as made:
            url = await made.clone("profile")
            settings = Settings(
                database_url=url, nats_url="nats://none", nats_monitor_url="http://none", secret="s" * 32
            )
            database = Database("profile", settings)

            def sitting() -> timedelta:
                # Three times a day, up to an hour and a half.
                return timedelta(days=draw.randrange(365), hours=draw.choice((3, 8, 13)), seconds=draw.randrange(5400))

            def anytime() -> timedelta:
                return timedelta(seconds=draw.randrange(365 * 86_400))

            def one(who: str, number: int, moment: Callable[[], timedelta]) -> EventReceived:
                return call(
                    message_id=f"{who}-{number}",
                    time=now - moment(),
                    **({"user_id": who} if number % 3 else {"anonymous_id": who}),
                    event=draw.choice(("Video Watched", "Content Liked", "Content Shown", "Order Completed")),
                    properties={
                        "tags": [f"tag{draw.randrange(200)}", f"tag{draw.randrange(20)}"],
                        "watch_seconds": draw.randrange(100),
                        "revenue": 5,
                    },
                )

            for who, moment in (("u1", sitting), ("u2", anytime)):
                async with database.transaction() as session:
                    await absorb(session, [call("alias", user_id=who, previous_id=who, message_id=f"{who}-alias")])
                for begin in range(0, events, 2000):
                    batch = [one(who, number, moment) for number in range(begin, min(events, begin + 2000))]
                    async with database.transaction() as session:
                        await absorb(session, batch)
                await ask(database, who, asks)
            await database.close()


if __name__ == "__main__":
    tidy_rarely()
    numbers = [int(word) for word in sys.argv[1:]]
    asyncio.run(measure(*[*numbers, *(100_000, 300)[len(numbers) :]]))
