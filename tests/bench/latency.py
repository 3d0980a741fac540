"""From a like to the group: milliseconds between posting an event and `segment.changed` on the bus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from statistics import median

import msgspec

from shared.bus import Bus, Pull
from shared.contracts import PARTITIONS, EventRecorded, Message, SegmentChanged
from tests.bench import load
from tests.bench.report import Line, line
from tests.bench.suite import Suite, TooSlow, standing, until

SEGMENTS = 20
RATE = 50
"""Events per second."""
SECONDS = 20
PROBES = 300


async def measure() -> list[Line]:
    """All lines of this bench."""
    services = ("gateway", "profile", "segment", "campaign", "recommend")
    async with standing(*services) as suite, suite.bus() as bus:
        viewers = await _viewers(suite, bus)
        bare = await _bare(bus)
        arrivals = _Arrivals(bus, (await bus.state("FACTS")).last + 1, entries=len(viewers) * SEGMENTS)
        listening = asyncio.create_task(arrivals.listen())
        try:
            posted, answered = await _like(suite, viewers)
            await until(arrivals.complete, "everybody to be in every segment", seconds=60)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        bare += await _bare(bus)
    stages = {
        "answered by the gateway": answered,
        "events.recorded on the bus": arrivals.recorded,
        f"segment.changed of the last of {SEGMENTS} segments on the bus": arrivals.entered,
    }
    lines = [line("bare: acknowledged publish, read by a consumer, p50", [1000 * median(bare)], "ms")]
    for stage, when in stages.items():
        took = sorted(when[viewer] - posted[viewer] for viewer in posted)
        for share in (50, 99):
            name = f"like → {stage}, {RATE} events/s, p{share}"
            lines.append(line(name, [_ms(took, share)], "ms", [_ms(sorted(bare), share)]))
    return lines


class _Arrivals:
    """Hears profile and segment on the bus, and notes when a viewer's like was recorded and when he last entered."""

    def __init__(self, bus: Bus, start: int, *, entries: int) -> None:
        kinds = (EventRecorded.kind, SegmentChanged.kind)
        subjects = [f"facts.{part}.{kind}" for part in range(PARTITIONS) for kind in kinds]
        self._pull = Pull(bus, "FACTS", subjects, start)
        self._left = entries
        self.recorded: dict[int, float] = {}
        self.entered: dict[int, float] = {}

    async def complete(self) -> bool:
        """Whether everybody has entered everything."""
        return self._left <= 0

    async def listen(self) -> None:
        """Until everybody has."""
        await self._pull.open()
        try:
            while self._left > 0:
                for received in await self._pull.batch(256):
                    self._note(received.data, time.perf_counter())
        finally:
            await self._pull.close()

    def _note(self, data: bytes, at: float) -> None:
        message = msgspec.json.decode(data, type=Message)
        if message.kind == EventRecorded.kind:
            for event in msgspec.json.decode(message.items, type=list[EventRecorded]):
                self.recorded[event.profile_id] = at
            return
        for change in msgspec.json.decode(message.items, type=list[SegmentChanged]):
            self._left -= len(change.entered)
            self.entered.update(dict.fromkeys(change.entered, at))


async def _viewers(suite: Suite, bus: Bus) -> dict[int, str]:
    """Segments of those who like something lately, and viewers who are in none of them: user id by profile id."""
    async with suite.client() as client:
        for number in range(SEGMENTS):
            within = f"{number + 1}d"
            rule = {
                "all": [{"did": "Content Liked", "times": {"gte": 1}, "within": within}, {"trait": "bench", "eq": 1}]
            }
            await client.call(
                "POST", "/v1/segments", {"key": f"likers-{number}", "name": f"Likers {number}", "rule": rule}
            )
        count = RATE * SECONDS
        for begin in range(0, count, 250):
            people = [
                {"type": "identify", "messageId": f"p{user}", "userId": f"u{user}", "traits": {"bench": 1}}
                for user in range(begin, min(begin + 250, count))
            ]
            refused = await client.batch([msgspec.json.encode(person) for person in people])
            if refused:
                raise load.Failed(f"viewers were refused: {refused[0].reason}")
    await suite.caught_up(bus)
    async with suite.database("profile") as connection:
        rows = await connection.fetch("SELECT profile_id, origin FROM identities WHERE origin LIKE 'user_id:u%'")
    if len(rows) != count:
        raise TooSlow(f"{len(rows)} of {count} viewers are known")
    return {row["profile_id"]: row["origin"].removeprefix("user_id:") for row in rows}


async def _like(suite: Suite, viewers: dict[int, str]) -> tuple[dict[int, float], dict[int, float]]:
    """Everybody likes a video, evenly over the seconds; when each was posted and when acknowledged, by profile."""
    posted: dict[int, float] = {}
    answered: dict[int, float] = {}
    began = time.perf_counter()
    async with suite.client() as client:

        async def one(number: int, profile_id: int, user: str) -> None:
            await asyncio.sleep(began + number / RATE - time.perf_counter())
            message = {"type": "track", "userId": user, "event": "Content Liked", "messageId": f"like-{user}"}
            posted[profile_id] = time.perf_counter()
            refused = await client.batch([msgspec.json.encode({**message, "properties": {"content_id": "v1"}})])
            if refused:
                raise load.Failed(refused[0].reason)
            answered[profile_id] = time.perf_counter()

        await asyncio.gather(*(one(number, *viewer) for number, viewer in enumerate(viewers.items())))
    return posted, answered


async def _bare(bus: Bus) -> list[float]:
    """Seconds of what the bus alone takes: a message published with acknowledgement until a consumer has it."""
    start = (await bus.state("INTAKE")).last + 1
    subject = f"intake.{PARTITIONS}"
    pull = Pull(bus, "INTAKE", [subject], start)
    await pull.open()
    took: list[float] = []
    for _ in range(PROBES):
        began = time.perf_counter()
        await bus.publish("INTAKE", subject, b"{}")
        await pull.batch(1)
        took.append(time.perf_counter() - began)
    await pull.close()
    return took


def _ms(sorted_seconds: Sequence[float], share: int) -> float:
    return 1000 * sorted_seconds[min(len(sorted_seconds) - 1, len(sorted_seconds) * share // 100)]
