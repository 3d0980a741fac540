"""From the gateway to the timeline: events per second that profile has recorded, beside what the bus alone takes."""

from __future__ import annotations

import time

from tests.bench import load, material, publish
from tests.bench.report import Line, line
from tests.bench.suite import Suite, TooSlow, standing

CONNECTIONS = 8
ROUNDS = 3
EVENTS = 50_000
RAW_SECONDS = 3.0


async def measure() -> list[Line]:
    """All lines of this bench."""
    async with standing("gateway", "profile") as suite:
        raw, alone = await _rounds(suite, first=1, services=("profile",))
        await suite.start("segment", "campaign", "recommend")
        await suite.caught_up()
        beside, whole = await _rounds(suite, first=1 + ROUNDS, services=("profile", "segment", "campaign", "recommend"))
    return [
        line("recorded by profile, the other services down / raw acknowledged publish", alone, "events/s", raw),
        line("recorded by profile, all services reading / raw acknowledged publish", whole, "events/s", beside),
    ]


async def _rounds(suite: Suite, *, first: int, services: tuple[str, ...]) -> tuple[list[float], list[float]]:
    raw: list[float] = []
    recorded: list[float] = []
    for number in range(first, first + ROUNDS):
        recorded.append(await _recorded(suite, number))
        await suite.caught_up(services)
        raw.append(await _raw(suite))
    return raw, recorded


async def _recorded(suite: Suite, number: int) -> float:
    """Events per second from the first byte sent until the timeline counts every acknowledged one."""
    before = await suite.recorded()
    began = time.perf_counter()
    sent = await load.fire(
        load.Job(
            host="127.0.0.1",
            port=suite.plan.ports["gateway"],
            path="/v1/batch",
            write_key=suite.door.write_key,
            bodies=material.batches(),
            connections=CONNECTIONS,
            requests=EVENTS // material.BATCH,
            serial=number * 1_000_000,
        )
    )
    wanted = before + sent.done * material.BATCH
    await suite.recorded_reaches(wanted)
    elapsed = time.perf_counter() - began
    if await suite.recorded() != wanted:
        raise TooSlow(f"{await suite.recorded()} events are recorded, {wanted} were acknowledged")
    return sent.done * material.BATCH / elapsed


async def _raw(suite: Suite) -> float:
    """The same bytes, published and acknowledged on a bus that nobody reads: a second nats-server."""
    with suite.spare_bus() as settings:
        done = await publish.fire(
            publish.Job(
                settings=settings,
                batches=material.raw(),
                events=material.BATCH,
                together=CONNECTIONS,
                seconds=RAW_SECONDS,
            )
        )
    return done.events / done.elapsed
