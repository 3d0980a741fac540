"""Measures the live work by CPU time: ticks of 50 events that touch 20 segments each, 100,000 deadlines, and a fill.

Run it: `python -m tests.segment.measure_live [--viewers 100000] [--profile]`. It asserts nothing about time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import itertools
import pstats
import random
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psutil
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.local import temporary
from services.segment import memory
from services.segment.actions import filling, live, segments, timed
from services.segment.schemas.segments import SegmentInput
from services.segment.settings import Settings
from shared import clock, jobs
from shared.bus import Bus
from shared.contracts import EventRecorded
from shared.database import Database
from shared.jobs import Job
from tests.harness import databases as databases_

NAMES = ("Content Liked", "Content Shared", "Content Saved", "Video Watched", "Gift Sent", "Order Completed")
EVENTS = 3
"""Of each name, per viewer."""
TICK = 50
ACTIVE = 2000
"""Viewers who act while it is measured."""
ROUNDS = 60


def behavioural(event: str, number: int) -> dict[str, Any]:
    """One of twenty rules about an event, none like another."""
    days = f"{number + 1}d"
    every: list[dict[str, Any]] = [
        {"did": event, "within": days},
        {"did": event, "times": {"gte": 3}, "within": days},
        {"not": {"did": event, "within": days}},
        {"did": event, "measure": {"sum": "amount"}, "times": {"gt": 20}, "within": days},
        {"did": event, "where": [{"property": "category", "ne": "c9"}], "within": days},
        {"all": [{"did": event, "within": days}, {"trait": "age", "gte": 18}]},
        {"stopped": event, "quiet": days, "before": "30d"},
        {"sequence": [{"event": event}, {"event": event}], "within": days},
        {"did": event, "measure": {"active_days": True}, "times": {"gte": 2}, "within": days},
        {"any": [{"did": event, "times": {"gte": number}}, {"tag": "vip"}]},
    ]
    return every[number % 10]


def rules() -> dict[str, dict[str, Any]]:
    """200 rules: 120 about what viewers do, twenty for each event, and 80 about who they are."""
    found = {f"b{n}-{k}": behavioural(event, k) for n, event in enumerate(NAMES) for k in range(20)}
    return found | {
        f"t{n}": {"all": [{"trait": "age", "gte": n}, {"trait": "city", "eq": f"x{n % 10}"}]} for n in range(80)
    }


class Costs:
    """CPU time of this process and of the server's, in milliseconds."""

    def __init__(self, server: psutil.Process) -> None:
        self.server = server
        self.ours = self.theirs = self.wall = 0.0

    def _server(self) -> float:
        used = 0.0
        for one in (self.server, *self.server.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                used += times.user + times.system
        return used

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Whatever is done in here."""
        began, theirs, wall = time.process_time(), self._server(), time.perf_counter()
        yield
        self.ours = 1000 * (time.process_time() - began)
        self.theirs = 1000 * (self._server() - theirs)
        self.wall = 1000 * (time.perf_counter() - wall)

    def told(self, what: str, count: int) -> None:
        """Print what one of `count` took."""
        print(
            f"{what}: {self.ours / count:.2f} ms Python, {self.theirs / count:.2f} ms PostgreSQL,"
            f" {self.wall / count:.2f} ms on the clock"
        )


async def load(db: Database, viewers: int) -> None:
    """Viewers with traits and events."""
    async with db.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO viewers (profile_id, version, traits, tags) SELECT n, 1,"
                " jsonb_build_object('age', n % 80, 'city', 'x' || n % 10), '{vip}' FROM generate_series(1, :viewers) n"
            ),
            {"viewers": viewers},
        )
    for first in range(1, viewers, 5_000):
        async with db.transaction() as session:
            await _events(session, first, min(viewers, first + 4_999))
    async with db.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("VACUUM ANALYZE"))


async def _events(session: AsyncSession, first: int, last: int) -> None:
    await session.execute(
        text(
            "INSERT INTO events (event_id, profile_id, event, time, history, origin, properties)"
            " SELECT n || '-' || k || '-' || e, n, e, now() - make_interval(hours => (7 * n + 97 * k) % 960 + 1),"
            " false, 'user_id:u' || n, jsonb_build_object('amount', n % 30, 'category', 'c' || k)"
            " FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n,"
            " generate_series(1, CAST(:events AS int)) k, unnest(CAST(:names AS text[])) e"
        ),
        {"first": first, "last": last, "events": EVENTS, "names": list(NAMES)},
    )


def tick(numbers: Iterator[int], chance: random.Random) -> list[EventRecorded]:
    """Fifty events of active viewers."""
    return [
        EventRecorded(
            event_id=f"new-{next(numbers)}",
            origin="user_id:x",
            profile_id=chance.randint(1, ACTIVE),
            event=chance.choice(NAMES),
            time=clock.now(),
            received_at=clock.now(),
            history=False,
            properties={"amount": chance.randint(0, 30), "category": f"c{chance.randint(0, 9)}"},
        )
        for _ in range(TICK)
    ]


async def measure(db: Database, server: psutil.Process, viewers: int, profile: bool) -> None:
    """All of it."""
    costs = Costs(server)
    await load(db, viewers)
    every = rules()
    async with db.transaction() as session:
        for key, rule in every.items():
            await segments.create(session, SegmentInput.model_validate({"key": key, "name": key, "rule": rule}))
        await session.execute(text("UPDATE segments SET filling = NULL"))
        await session.execute(text("UPDATE jobs SET state = 'superseded'"))
    chance, numbers = random.Random(1), itertools.count()
    for _ in range(2 * ACTIVE // TICK * 4):  # the active ones are where they belong before it is measured
        async with db.transaction() as session:
            await live.absorb_events(session, tick(numbers, chance))
    profiler = cProfile.Profile()
    ticks = [tick(numbers, chance) for _ in range(ROUNDS)]
    with costs.measured():
        for items in ticks:
            if profile:
                profiler.enable()
            async with db.transaction() as session:
                await live.absorb_events(session, items)
            profiler.disable()
    costs.told(f"a tick of {TICK} events, each touching 20 of {len(every)} segments, {viewers} viewers", ROUNDS)
    if profile:
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)

    async with db.transaction() as session:
        await session.execute(text("TRUNCATE deadlines"))
        await session.execute(
            text(
                "INSERT INTO deadlines (segment_id, profile_id, at) SELECT s.id, n, now() + make_interval(secs =>"
                " n % 60) FROM generate_series(1, :viewers) n, segments s WHERE s.key = 'b0-0'"
            ),
            {"viewers": min(viewers, 100_000)},
        )
    began = clock.now()
    turns, late = 0, 0.0
    with costs.measured():
        for second in range(1, 61):
            with clock.at(began + timedelta(seconds=second)):
                more = True
                while more:
                    async with db.transaction() as session:
                        wall = time.perf_counter()
                        more = await timed.transitions(session)
                    late = max(late, time.perf_counter() - wall)
                    turns += 1
    costs.told(f"{min(viewers, 100_000)} deadlines of one minute, in all", 1)
    print(f"  the longest of {turns} turns took {late:.2f} s")

    async with db.transaction() as session:
        rule = {"all": [{"did": NAMES[0], "times": {"gte": 2}, "within": "20d"}, {"trait": "age", "lt": 60}]}
        await segments.create(session, SegmentInput.model_validate({"key": "new", "name": "n", "rule": rule}))
    await _fill(db, costs, f"a fill of {viewers} viewers, judged, in all", large=viewers + 1)
    async with db.transaction() as session:
        rule = {"all": [{"did": NAMES[1], "times": {"gte": 2}, "within": "20d"}, {"trait": "age", "lt": 60}]}
        await segments.create(session, SegmentInput.model_validate({"key": "wide", "name": "n", "rule": rule}))
        await memory.of(session).warehouse.refresh()
    await _fill(db, costs, f"a fill of {viewers} viewers by the warehouse (its own CPU is not counted)", large=0)


async def _fill(db: Database, costs: Costs, what: str, *, large: int) -> None:
    filling.LARGE = large
    kinds = {filling.FILL: Job(filling.FILL, filling.step, ahead=filling.ask)}
    with costs.measured():
        while await jobs.step(db, kinds):
            pass
    costs.told(what, 1)


async def main() -> None:
    """Read the arguments, and measure on a database of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=100_000)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    with temporary.scratch() as folder, temporary.postgres(folder) as server:
        async with databases_.opened(server) as made:
            url = await made.clone("segment")
            settings = Settings(
                database_url=url, nats_url="nats://none", nats_monitor_url="http://none", secret="s" * 64, data=folder
            )
            db = Database("segment", settings)
            held = memory.fresh(settings, Bus("segment", settings))
            memory.belongs(held, db.engine)
            pids = [one for one in psutil.Process().children(recursive=True) if one.name().startswith("postgres")]
            await measure(db, pids[0], asked.viewers, asked.profile)
            await held.warehouse.close()
            await db.close()


if __name__ == "__main__":
    asyncio.run(main())
