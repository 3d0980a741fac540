"""From a like to the group: milliseconds between posting an event and `segment.changed` on the bus, hop by hop.

All clocks are the same machine's: each message says when it was written, and the stream when it stored it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from itertools import pairwise
from statistics import median

import msgspec

from shared.bus import Bus, Pull, Received
from shared.contracts import PARTITIONS, EventReceived, EventRecorded, Message, SegmentChanged
from tests.bench import load
from tests.bench.report import Line, line
from tests.bench.suite import Suite, TooSlow, standing, until

SEGMENTS = 20
RATE = 50
"""Events per second."""
SECONDS = 20
PROBES = 300


HOPS = (
    "posted",
    "the gateway sends",
    "INTAKE has it",
    "profile tells",
    "FACTS has it",
    "segment tells",
    "FACTS has that",
)
"""What happens to a like, in order. Telling is the last thing before the commit."""


async def measure() -> list[Line]:
    """All lines of this bench."""
    services = ("gateway", "profile", "segment", "campaign", "recommend")
    async with standing(*services) as suite, suite.bus() as bus:
        viewers = await _viewers(suite, bus)
        bare = await _bare(bus)
        arrivals = _Arrivals(viewers, entries=len(viewers) * SEGMENTS)
        listening = [asyncio.create_task(one) for one in await arrivals.listen(bus)]
        before, began = suite.busy(), time.time()
        try:
            posted, answered = await _like(suite, viewers)
            await until(arrivals.complete, "everybody to be in every segment", seconds=60)
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
        busy = {name: seconds - before.get(name, 0.0) for name, seconds in suite.busy().items()}
        elapsed = time.time() - began
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
    return [*lines, *_hops({"posted": posted, **arrivals.hops}), *_busy(busy, elapsed)]


def _hops(hops: Mapping[str, Mapping[int, float]]) -> list[Line]:
    """How long each hop took."""
    lines = []
    for earlier, later in pairwise(HOPS):
        took = sorted(at - hops[earlier][viewer] for viewer, at in hops[later].items())
        lines += [line(f"hop: {earlier} → {later}, p{share}", [_ms(took, share)], "ms") for share in (50, 99)]
    return lines


def _busy(seconds: Mapping[str, float], elapsed: float) -> list[Line]:
    """How busy the processors were: more than about half of all cores, and the hops are waits for a core."""
    whole = sum(seconds.values())
    lines = [line("busy: every program, of one core", [100 * whole / elapsed], "%")]
    return lines + [line(f"busy: {name}, of one core", [100 * used / elapsed], "%") for name, used in seconds.items()]


class _Arrivals:
    """Hears gateway, profile and segment on the bus, and notes what happened to each viewer's like and when.

    Times are seconds since 1970, by profile. Of 20 segments the last counts.
    """

    def __init__(self, viewers: Mapping[int, str], *, entries: int) -> None:
        self._by_user = {user: profile_id for profile_id, user in viewers.items()}
        self._left = entries
        self.recorded: dict[int, float] = {}
        self.entered: dict[int, float] = {}
        self.hops: dict[str, dict[int, float]] = {hop: {} for hop in HOPS[1:]}

    async def complete(self) -> bool:
        """Whether everybody has entered everything."""
        return self._left <= 0

    async def listen(self, bus: Bus) -> list[Coroutine[None, None, None]]:
        """Open the consumers; each coroutine reads one until it is cancelled."""
        kinds = (EventRecorded.kind, SegmentChanged.kind)
        facts = [f"facts.{part}.{kind}" for part in range(PARTITIONS) for kind in kinds]
        wanted = {"INTAKE": [f"intake.{part}" for part in range(PARTITIONS)], "FACTS": facts}
        pulls = [Pull(bus, stream, its, (await bus.state(stream)).last + 1) for stream, its in wanted.items()]
        for pull in pulls:
            await pull.open()
        return [self._follow(pull) for pull in pulls]

    async def _follow(self, pull: Pull) -> None:
        try:
            while self._left > 0:
                for received in await pull.batch(256):
                    self._note(received, time.time())
        finally:
            await pull.close()

    def _note(self, received: Received, now: float) -> None:
        message = msgspec.json.decode(received.data, type=Message)
        written, stored = message.at.timestamp(), received.at / 1e9
        if message.kind == EventReceived.kind:
            users = [one.user_id for one in msgspec.json.decode(message.items, type=list[EventReceived])]
            concerned = [self._by_user[user] for user in users if user is not None]
            self._hop("the gateway sends", written, "INTAKE has it", stored, concerned)
        elif message.kind == EventRecorded.kind:
            concerned = [one.profile_id for one in msgspec.json.decode(message.items, type=list[EventRecorded])]
            self.recorded.update(dict.fromkeys(concerned, now))
            self._hop("profile tells", written, "FACTS has it", stored, concerned)
        else:
            changes = msgspec.json.decode(message.items, type=list[SegmentChanged])
            concerned = [one for change in changes for one in change.entered]
            self._left -= len(concerned)
            self.entered.update(dict.fromkeys(concerned, now))
            self._hop("segment tells", written, "FACTS has that", stored, concerned)

    def _hop(self, first: str, written: float, then: str, stored: float, concerned: Sequence[int]) -> None:
        self.hops[first].update(dict.fromkeys(concerned, written))
        self.hops[then].update(dict.fromkeys(concerned, stored))


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
    began = time.time()
    async with suite.client() as client:

        async def one(number: int, profile_id: int, user: str) -> None:
            await asyncio.sleep(began + number / RATE - time.time())
            message = {"type": "track", "userId": user, "event": "Content Liked", "messageId": f"like-{user}"}
            posted[profile_id] = time.time()
            refused = await client.batch([msgspec.json.encode({**message, "properties": {"content_id": "v1"}})])
            if refused:
                raise load.Failed(refused[0].reason)
            answered[profile_id] = time.time()

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
