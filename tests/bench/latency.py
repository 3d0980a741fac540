"""From a like to the group: milliseconds between posting an event and `segment.changed` on the bus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from statistics import median

import msgspec

from shared.bus import Bus, Pull
from shared.contracts import PARTITIONS, Message, SegmentChanged
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
    async with standing("gateway", "profile", "segment", "campaign", "recommend") as suite:
        viewers = await _viewers(suite)
        async with suite.bus() as bus:
            bare = await _bare(bus)
            arrivals = _Arrivals(bus, (await bus.state("FACTS")).last + 1)
            listening = asyncio.create_task(arrivals.listen(len(viewers) * SEGMENTS))
            try:
                posted = await _like(suite, viewers)
                await until(arrivals.complete, "everybody to be in every segment", seconds=60)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
            bare += await _bare(bus)
    first = sorted(arrivals.first[viewer] - posted[viewer] for viewer in posted)
    last = sorted(arrivals.last[viewer] - posted[viewer] for viewer in posted)
    return [
        line(
            f"like → {which} of {SEGMENTS} segments changed, {RATE} events/s, p{share}",
            [_ms(took, share)],
            "ms",
            [base],
        )
        for which, took in (("first", first), ("last", last))
        for share in (50, 99)
        for base in (_ms(sorted(bare), share),)
    ] + [line("bare: acknowledged publish, and read by a consumer, p50", [1000 * median(bare)], "ms")]


class _Arrivals:
    """Hears `segment.changed` and notes when each viewer entered his first and his last segment."""

    def __init__(self, bus: Bus, start: int) -> None:
        subjects = [f"facts.{part}.{SegmentChanged.kind}" for part in range(PARTITIONS)]
        self._pull = Pull(bus, "FACTS", subjects, start)
        self.first: dict[int, float] = {}
        self.last: dict[int, float] = {}
        self._wanted = 0
        self._seen = 0

    async def complete(self) -> bool:
        """Whether everybody has entered everything."""
        return 0 < self._wanted <= self._seen

    async def listen(self, wanted: int) -> None:
        """Until so many entries were seen."""
        self._wanted = wanted
        await self._pull.open()
        try:
            while self._seen < wanted:
                for received in await self._pull.batch(256):
                    at = time.perf_counter()
                    message = msgspec.json.decode(received.data, type=Message)
                    for fact in msgspec.json.decode(message.items, type=list[SegmentChanged]):
                        self._seen += len(fact.entered)
                        for profile_id in fact.entered:
                            self.first.setdefault(profile_id, at)
                            self.last[profile_id] = at
        finally:
            await self._pull.close()


async def _viewers(suite: Suite) -> dict[int, str]:
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
    await suite.caught_up()
    async with suite.database("profile") as connection:
        rows = await connection.fetch("SELECT profile_id, origin FROM identities WHERE origin LIKE 'user_id:u%'")
    if len(rows) != count:
        raise TooSlow(f"{len(rows)} of {count} viewers are known")
    return {row["profile_id"]: row["origin"].removeprefix("user_id:") for row in rows}


async def _like(suite: Suite, viewers: dict[int, str]) -> dict[int, float]:
    """Everybody likes one video, evenly over the seconds; when each like was posted, by profile id."""
    posted: dict[int, float] = {}
    began = time.perf_counter()
    async with suite.client() as client:

        async def one(number: int, profile_id: int, user: str) -> None:
            await asyncio.sleep(began + number / RATE - time.perf_counter())
            message = {"type": "track", "userId": user, "event": "Content Liked", "messageId": f"like-{user}"}
            posted[profile_id] = time.perf_counter()
            refused = await client.batch([msgspec.json.encode({**message, "properties": {"content_id": "v1"}})])
            if refused:
                raise load.Failed(refused[0].reason)

        await asyncio.gather(*(one(number, *viewer) for number, viewer in enumerate(viewers.items())))
    return posted


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
