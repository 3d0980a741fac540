"""Measures a decision: 10 placements of 50 creatives each, in this process and over the bus, and where the time goes.

Run it: `python -m tests.recommend.measure_decide [--profile]`. It asserts nothing about time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import pstats
import random
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from deploy.local import temporary
from services.recommend import memory
from services.recommend.actions import decisions, placements, viewers
from services.recommend.app import SERVICE
from services.recommend.schemas import Audience, CreativeInput, PlacementInput
from shared.contracts import DecideAnswered, DecideAsked, SegmentChanged, partition_of
from tests.harness import bus as buses
from tests.harness import databases as databases_
from tests.harness import houses
from tests.harness.houses import Running
from tests.recommend.words import NOON, linked

PLACEMENTS = 10
CREATIVES = 50
SEGMENTS = 100
VIEWERS = 2000
ROUNDS = 5000


def asked(number: int) -> DecideAsked:
    """One visitor asks for all placements."""
    return DecideAsked(placements=[f"p{n}" for n in range(PLACEMENTS)], user_id=f"u{number}", anonymous_id=f"a{number}")


async def fill(running: Running) -> None:
    """Placements of creatives with and without audience, viewers with 20 segments each."""
    chance = random.Random(1)
    async with running.db.transaction() as session:
        for n in range(PLACEMENTS):
            await placements.put(session, f"p{n}", PlacementInput(name="P"))
            for c in range(CREATIVES):
                creative = CreativeInput(
                    audience=Audience(segment=f"s{chance.randrange(SEGMENTS)}") if c % 5 else None,
                    priority=chance.randrange(5),
                    content={
                        "title": f"Banner {c}",
                        "image_url": f"https://img.example.com/{n}/{c}.png",
                        "link_url": f"https://www.example.com/landing/{c}",
                    },
                )
                await placements.put_creative(session, f"p{n}", f"c{c}", creative)
        await viewers.link(session, [linked(n, "user_id", f"u{n}") for n in range(VIEWERS)])
        entered: dict[str, list[int]] = {}
        for n in range(VIEWERS):
            for segment in chance.sample(range(SEGMENTS), 20):
                entered.setdefault(f"s{segment}", []).append(n)
        await viewers.move(
            session,
            [
                SegmentChanged(key=key, version=1, part=partition_of(0), cause="fill", at=NOON, entered=members)
                for key, members in entered.items()
            ],
        )


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Running]:
    """Recommend on servers of its own."""
    with temporary.scratch() as scratch, temporary.postgres(scratch) as server:
        (scratch / "nats").mkdir(exist_ok=True)
        async with (
            databases_.opened(server) as databases,
            buses.opened(scratch / "nats") as bus,
            houses.opened(SERVICE, databases=databases, bus=bus, decisions_waiting=10**6) as running,
        ):
            yield running


def tell(what: str, seconds: list[float]) -> None:
    """One line: middle, 99th percentile, worst."""
    ordered = sorted(seconds)
    p99 = ordered[int(len(ordered) * 0.99)]
    print(
        f"{what:<46} p50 {statistics.median(ordered) * 1e6:8.0f} µs   p99 {p99 * 1e6:8.0f} µs   "
        f"worst {ordered[-1] * 1e6:8.0f} µs   {len(ordered) / sum(ordered):8.0f}/s"
    )


async def timed(what: str, count: int, call: Callable[[int], Awaitable[object]]) -> None:
    """Call it one after the other and tell."""
    seconds = []
    for number in range(count):
        began = time.perf_counter()
        await call(number % VIEWERS)
        seconds.append(time.perf_counter() - began)
        if number % 20 == 0:
            await asyncio.sleep(0)
    tell(what, seconds)


async def main(*, profile: bool) -> None:
    """Fill, measure, tell."""
    async with opened() as running:
        await fill(running)
        house = running.house
        held = memory.held(house)
        await timed("decide, viewer not in memory (1 read)", VIEWERS, lambda n: decisions.decide(house, asked(n)))
        await timed("decide, viewer in memory, log being written", ROUNDS, lambda n: decisions.decide(house, asked(n)))
        await house.loops.stop()
        await decisions.write_rest(house.db, held)
        await timed("decide alone", ROUNDS, lambda n: decisions.decide(house, asked(n)))
        lines = len(held.log)
        began = time.perf_counter()
        await decisions.write_rest(house.db, held)
        print(f"{'writing the log, per request':<46} {(time.perf_counter() - began) / lines * 1e6:12.0f} µs")
        answer = await decisions.decide(house, asked(1))
        encoder = msgspec.json.Encoder()
        began = time.perf_counter()
        for _ in range(ROUNDS):
            encoder.encode(answer)
        print(f"{'encoding the answer':<46} {(time.perf_counter() - began) / ROUNDS * 1e6:12.0f} µs")
        print(f"{'bytes of the answer':<46} {len(encoder.encode(answer)):12d}")
        gateway = await running.bus.connection("gateway")
        await timed(
            "ask over NATS, same process, one at a time", ROUNDS, lambda n: gateway.ask(asked(n), DecideAnswered)
        )
        if profile:
            profiler = cProfile.Profile()
            profiler.enable()
            for number in range(2000):
                await decisions.decide(house, asked(number % VIEWERS))
            profiler.disable()
            pstats.Stats(profiler).sort_stats("tottime").print_stats(14)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true")
    asyncio.run(main(profile=parser.parse_args().profile))
