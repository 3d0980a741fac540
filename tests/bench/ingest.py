"""From the gateway to the timeline: events per second that profile has recorded, beside what the bus alone takes.

With `--minutes 5` also how the rate of the last minute compares with that of the first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise

from deploy.local.plan import BEHIND
from shared.bus import Bus
from shared.contracts import EventReceived
from tests.bench import load, material, publish
from tests.bench.report import Line, line
from tests.bench.suite import Suite, standing, until

CONNECTIONS = 8
ROUNDS = 3
EVENTS = 50_000
RAW_SECONDS = 3.0


async def measure(minutes: float = 0.0) -> list[Line]:
    """All lines of this bench; with `minutes` the services then go on recording for so long."""
    async with standing("gateway", "profile") as suite, suite.bus() as bus:
        raw, alone, _ = await _rounds(suite, bus, first=1, services=("profile",))
        await suite.start("segment", "campaign", "recommend")
        await suite.caught_up(bus)
        beside, whole, busy = await _rounds(suite, bus, first=1 + ROUNDS, services=BEHIND)
        lasting = await _lasting(suite, minutes, first=1 + 2 * ROUNDS) if minutes else []
    return [
        line("recorded by profile, the other services down / raw acknowledged publish", alone, "events/s", raw),
        line("recorded by profile, all services reading / raw acknowledged publish", whole, "events/s", beside),
        *lasting,
        *(
            line(f"processor time of an event until all services have read it: {name}", [1e6 * seconds], "µs")
            for name, seconds in busy.items()
        ),
    ]


async def _lasting(suite: Suite, minutes: float, *, first: int) -> list[Line]:
    """Round after round for so long: the last minute beside the first, its rate and what an event took of whom."""
    before = await suite.recorded()
    began = time.perf_counter()
    ends, busy, acknowledged = [began], [suite.busy()], 0
    while ends[-1] - began < 60 * minutes:
        acknowledged += await _sent(suite, first + len(ends))
        ends.append(time.perf_counter())
        busy.append(suite.busy())
    if (recorded := await suite.recorded() - before) != acknowledged:
        raise load.Failed(f"{recorded} events are on the timeline, {acknowledged} were acknowledged")
    rates = [EVENTS / (end - begin) for begin, end in pairwise(ends)]
    spent = [_spent(*two) for two in pairwise(busy)]
    early = [place for place, end in enumerate(ends[1:]) if end - began <= 60] or [0]
    late = [place for place, begin in enumerate(ends[:-1]) if ends[-1] - begin <= 60] or [len(rates) - 1]
    name = f"recorded by profile, all services reading, last minute of {minutes:g} / first minute"
    return [
        line(name, [rates[one] for one in late], "events/s", [rates[one] for one in early]),
        *(
            line(
                f"processor time of an event, last minute / first minute: {program}",
                [1e6 * spent[one].get(program, 0.0) for one in late],
                "µs",
                [1e6 * spent[one].get(program, 0.0) for one in early],
            )
            for program in sorted(spent[0])
        ),
    ]


def _spent(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Processor seconds of an event by program, between two ends of rounds."""
    return {name: (seconds - before.get(name, 0.0)) / EVENTS for name, seconds in after.items()}


async def _rounds(
    suite: Suite, bus: Bus, *, first: int, services: Sequence[str]
) -> tuple[list[float], list[float], dict[str, float]]:
    """Rates of raw publishing and of recording, and processor seconds of an event by program."""
    raw: list[float] = []
    recorded: list[float] = []
    busy: dict[str, float] = {}
    for number in range(first, first + ROUNDS):
        before, spent = await suite.taken(), suite.busy()
        recorded.append(await _recorded(suite, number))
        await suite.caught_up(bus, services)
        for name, seconds in _spent(spent, suite.busy()).items():
            busy[name] = busy.get(name, 0.0) + seconds / ROUNDS
        raw.append(await _raw(suite, (await suite.taken()).events_per_message(since=before)))
    return raw, recorded, busy


async def _recorded(suite: Suite, number: int) -> float:
    """Events per second from the first byte sent until profile has recorded every acknowledged one."""
    before = await suite.recorded()
    began = time.perf_counter()
    acknowledged = await _sent(suite, number)
    elapsed = time.perf_counter() - began
    recorded = await suite.recorded() - before
    if recorded != acknowledged:
        raise load.Failed(f"{recorded} events are on the timeline, {acknowledged} were acknowledged")
    return acknowledged / elapsed


async def _sent(suite: Suite, number: int) -> int:
    """Send a round of events; how many were acknowledged, once profile has taken in all of them.

    Not its position tells that: the partitions of a batch may be committed side by side.
    """
    before = await suite.read("profile", EventReceived.kind)
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
    acknowledged = sent.done * material.BATCH

    async def taken_in() -> bool:
        return await suite.read("profile", EventReceived.kind) >= before + acknowledged

    await until(taken_in, "profile to take in what was sent", seconds=120)
    return acknowledged


async def _raw(suite: Suite, size: int) -> float:
    """The same bytes in messages of the same size, acknowledged by a second bus that nobody reads."""
    with suite.spare_bus() as settings:
        job = publish.Job(settings=settings, messages=material.raw(size), events=size, seconds=RAW_SECONDS)
        return (await publish.fire(job)).rate
