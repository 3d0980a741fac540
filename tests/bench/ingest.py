"""From the gateway to the timeline: events per second that profile has recorded, beside what the bus alone takes."""

from __future__ import annotations

import time
from collections.abc import Sequence

from deploy.local.plan import BEHIND
from shared.bus import Bus
from tests.bench import load, material, publish
from tests.bench.report import Line, line
from tests.bench.suite import Suite, standing

CONNECTIONS = 8
ROUNDS = 3
EVENTS = 50_000
RAW_SECONDS = 3.0


async def measure() -> list[Line]:
    """All lines of this bench."""
    async with standing("gateway", "profile") as suite, suite.bus() as bus:
        raw, alone = await _rounds(suite, bus, first=1, services=("profile",))
        await suite.start("segment", "campaign", "recommend")
        await suite.caught_up(bus)
        beside, whole = await _rounds(suite, bus, first=1 + ROUNDS, services=BEHIND)
    return [
        line("recorded by profile, the other services down / raw acknowledged publish", alone, "events/s", raw),
        line("recorded by profile, all services reading / raw acknowledged publish", whole, "events/s", beside),
    ]


async def _rounds(suite: Suite, bus: Bus, *, first: int, services: Sequence[str]) -> tuple[list[float], list[float]]:
    raw: list[float] = []
    recorded: list[float] = []
    for number in range(first, first + ROUNDS):
        before = await suite.taken()
        recorded.append(await _recorded(suite, bus, number))
        await suite.caught_up(bus, services)
        raw.append(await _raw(suite, (await suite.taken()).events_per_message(since=before)))
    return raw, recorded


async def _recorded(suite: Suite, bus: Bus, number: int) -> float:
    """Events per second from the first byte sent until profile has recorded every acknowledged one."""
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
    await suite.passed(bus, "profile", "INTAKE")
    elapsed = time.perf_counter() - began
    acknowledged = sent.done * material.BATCH
    recorded = await suite.recorded() - before
    if recorded != acknowledged:
        raise load.Failed(f"{recorded} events are on the timeline, {acknowledged} were acknowledged")
    return acknowledged / elapsed


async def _raw(suite: Suite, size: int) -> float:
    """The same bytes in messages of the same size, acknowledged by a second bus that nobody reads."""
    with suite.spare_bus() as settings:
        job = publish.Job(settings=settings, messages=material.raw(size), events=size, seconds=RAW_SECONDS)
        return (await publish.fire(job)).rate
