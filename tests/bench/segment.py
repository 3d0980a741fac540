"""Segment under a crowd: previews beside SQL written by hand, a full recompute, and the way from an event to a change.

One million viewers and twenty million events lie in segment's database (`--scale` makes that less). Loading takes some
minutes and is done once: the folder `.data/bench` keeps it for the next run.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import httpx
import msgspec

from deploy.local.installation import HOME
from shared.bus import Bus, Pull
from shared.contracts import PARTITIONS, EventRecorded, Message, SegmentChanged
from tests.bench import crowd, load, segment_rules
from tests.bench.crowd import Crowd, say
from tests.bench.report import Line, line
from tests.bench.suite import Suite, TooSlow, standing, until

VIEWERS, EVENTS = 1_000_000, 20_000_000
SEGMENTS = 200
TOUCHED = 20
"""Segments that every live event must touch at least."""
RATE = 500
"""Events per second."""
CALL = 10
"""Events in one call, as SDKs send them."""
HERD = 100_000
"""Deadlines of one minute."""
PROBES = 10
"""One in so many events is a viewer's first of a kind, and brings him into a segment."""
USERS = 20_000
SERVICES = ("gateway", "profile", "segment")
PATIENCE = 3600.0


@dataclass(frozen=True)
class Size:
    """How large the bench is: the crowd, the segments, and for how many seconds events come (after some to warm)."""

    crowd: Crowd
    segments: int = SEGMENTS
    seconds: int = 60
    warming: int = 10
    rounds: int = 5

    @property
    def rules(self) -> list[dict[str, Any]]:
        """The rules of its live segments."""
        return segment_rules.live(self.segments)


def scaled(share: float) -> Size:
    """This share of the whole crowd, and less time for less of it; as many segments as ever."""
    crowd_ = Crowd(viewers=max(1000, int(VIEWERS * share)), events=max(10_000, int(EVENTS * share)))
    return Size(crowd_) if share >= 1 else Size(crowd_, seconds=max(3, int(60 * min(1.0, 20 * share))), warming=1)


async def measure(size: Size, folder: Path = HOME / ".data" / "bench") -> list[Line]:
    """All lines of this bench."""
    there = size.crowd
    place = folder / f"segment-{there.viewers}-{there.events}"
    if not there.loaded(place):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    lines: list[Line] = []

    def found(*more: Line) -> None:
        """Keep these, and say them at once: an hour's numbers are not lost with a later step."""
        lines.extend(more)
        for one in more:
            say(f"{one.name}: {one.value:g} {one.unit}" + (f", {one.ratio:g} of {one.baseline:g}" if one.ratio else ""))

    async with standing(kept_in=place) as suite, suite.bus() as bus:
        if not there.loaded(place):
            say(f"loading {there.viewers:,} viewers and {there.events:,} events")
            found(line("load, rows with their indexes", [await crowd.load(suite, there)], "s"))
        await suite.start(*SERVICES)
        run = format(int(time.time()), "x")
        async with _operator(suite) as operator:
            found(await _built(operator))
            found(*await _recompute(operator, size, run))
            found(*await _previews(suite, operator, size.rounds))
            found(*await _live(suite, bus, size, run))
            found(await _herd(suite, size))
        held = suite.memory("segment")
        found(*(line(f"memory: {name}", [bytes_ / 2**20], "MB") for name, bytes_ in held.items()))
    return lines


def _operator(suite: Suite) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {suite.door.secret_key}"}
    return httpx.AsyncClient(base_url=suite.door.url, headers=headers, timeout=httpx.Timeout(PATIENCE), trust_env=False)


async def _call(operator: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    answer = await operator.request(method, path, json=body)
    if not answer.is_success:
        raise load.Failed(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
    return answer.json()


async def _preview(operator: httpx.AsyncClient, rule: dict[str, Any], at: datetime) -> int:
    asked = {"rule": rule, "as_of": at.isoformat()}
    return int((await _call(operator, "POST", "/v1/segments/preview", asked))["count"])


async def _built(operator: httpx.AsyncClient) -> Line:
    """The first question waits for the warehouse to be built, unless an earlier run has."""
    began = time.perf_counter()
    while time.perf_counter() - began < PATIENCE:
        asked = {"rule": {"did": "Content Liked"}}
        answer = await operator.post("/v1/segments/preview", json=asked)
        if answer.is_success:
            return line("warehouse ready after the start", [time.perf_counter() - began], "s")
        if answer.status_code != 503:
            raise load.Failed(f"preview: {answer.status_code} {answer.text[:300]}")
        await asyncio.sleep(1)
    raise TooSlow("the warehouse was not built")


async def _recompute(operator: httpx.AsyncClient, size: Size, run: str) -> list[Line]:
    """Every segment gets a rule that was never judged: seconds until all of them are true again."""
    say(f"{size.segments} segments are computed for every viewer")
    began = time.perf_counter()
    for number, rule in enumerate(size.rules):
        # another run is another rule: nothing that is remembered helps
        fresh = {"all": [rule, {"not": {"trait": "bench", "eq": run}}]}
        await _put(operator, f"bench-{number}", fresh)
    await _put(operator, "bench-probe", _probe(run))
    told = time.perf_counter() - began

    async def filled() -> bool:
        busy = 0
        cursor: str | None = ""
        while cursor is not None:
            page = await _call(operator, "GET", f"/v1/segments?limit=200{f'&cursor={cursor}' if cursor else ''}")
            busy += sum(one["filling"] is not None for one in page["items"])
            cursor = page.get("next")
        await asyncio.sleep(0.5)
        return not busy

    await until(filled, "every segment to be filled", seconds=PATIENCE)
    whole = time.perf_counter() - began
    return [
        line(f"{size.segments} rules saved", [told], "s"),
        line(f"full recompute of {size.segments} segments, saving them included", [whole], "s"),
    ]


def _probe(run: str) -> dict[str, Any]:
    return {"did": "Video Watched", "where": [{"property": "probe", "eq": run}]}


async def _put(operator: httpx.AsyncClient, key: str, rule: dict[str, Any]) -> None:
    answer = await operator.put(f"/v1/segments/{key}", json={"name": key, "rule": rule})
    if answer.status_code == 404:
        await _call(operator, "POST", "/v1/segments", {"key": key, "name": key, "rule": rule})
    elif not answer.is_success:
        raise load.Failed(f"{key}: {answer.status_code} {answer.text[:300]}")


async def _previews(suite: Suite, operator: httpx.AsyncClient, rounds: int) -> list[Line]:
    """Each rule in turn with its SQL, over the same rows in the same file; both must count the same viewers."""
    at = datetime.now(UTC)
    file = max(suite.folder.rglob("warehouse.duckdb"), key=lambda one: one.stat().st_mtime)
    copy = suite.folder / "by-hand.duckdb"
    shutil.copy(file, copy)
    log = file.with_name("warehouse.duckdb.wal")
    copied = copy.with_name("by-hand.duckdb.wal")
    copied.unlink(missing_ok=True)
    if log.exists():
        shutil.copy(log, copied)
    lines: list[Line] = []
    ratios = []
    with duckdb.connect(str(copy), config={"threads": 2, "memory_limit": "1GB"}) as hand:
        hand.execute("SET TimeZone = 'UTC'")
        for name, rule, written in segment_rules.PREVIEWS:
            statement = written.replace("{at}", f"TIMESTAMPTZ '{at.isoformat()}'")
            ours, theirs = [], []
            for turn in range(rounds + 1):
                began = time.perf_counter()
                count = await _preview(operator, rule, at)
                between = time.perf_counter()
                (by_hand,) = (await asyncio.to_thread(hand.sql(statement).fetchall))[0]
                if count != by_hand:
                    raise load.Failed(f"{name}: the preview counts {count}, SQL by hand {by_hand}")
                if turn:  # the first one warms both
                    ours.append(1000 * (between - began))
                    theirs.append(1000 * (time.perf_counter() - between))
            lines.append(line(f"preview: {name} / SQL by hand", ours, "ms", theirs))
            ratios.append(lines[-1].ratio or 0.0)
            say(f"{name}: {count:,} viewers")
    copy.unlink()
    copied.unlink(missing_ok=True)
    return [*lines, line("preview / SQL by hand, median of the rules", [median(ratios)], "times")]


class _Arrivals:
    """Hears profile and segment on the bus: when an event was recorded, and when its viewer entered the probe."""

    def __init__(self, wanted: set[int]) -> None:
        self._left = set(wanted)
        self.recorded: dict[int, float] = {}
        self.entered: dict[int, float] = {}
        self.changes = 0

    async def complete(self) -> bool:
        """Whether everybody has entered."""
        return not self._left

    async def listen(self, bus: Bus, opened: asyncio.Event) -> None:
        """Read until everybody has entered, or until cancelled."""
        kinds = (EventRecorded.kind, SegmentChanged.kind)
        subjects = [f"facts.{part}.{kind}" for part in range(PARTITIONS) for kind in kinds]
        pull = Pull(bus, "FACTS", subjects, (await bus.state("FACTS")).last + 1)
        await pull.open()
        opened.set()
        try:
            while self._left:
                for received in await pull.batch(256):
                    self._note(msgspec.json.decode(received.data, type=Message), time.time())
        finally:
            await pull.close()

    def _note(self, message: Message, now: float) -> None:
        if message.kind == EventRecorded.kind:
            for event in msgspec.json.decode(message.items, type=list[EventRecorded]):
                if "probe" in event.properties:
                    self.recorded.setdefault(event.profile_id, now)
            return
        for change in msgspec.json.decode(message.items, type=list[SegmentChanged]):
            self.changes += len(change.entered) + len(change.left)
            if change.key == "bench-probe":
                for profile_id in change.entered:
                    self.entered.setdefault(profile_id, now)
                    self._left.discard(profile_id)


async def _live(suite: Suite, bus: Bus, size: Size, run: str) -> list[Line]:
    """Events come in evenly; probes say how long it takes from the call, and from the record, to the change."""
    say(f"{RATE} events/s for {size.warming} + {size.seconds} s")
    people = await _people(suite, bus, min(USERS, size.crowd.viewers // 2))
    plan = _planned(people, run, (size.warming + size.seconds) * RATE)
    probed = {profile_id for _, probes in plan for profile_id in probes}
    arrivals, opened = _Arrivals(probed), asyncio.Event()
    listening = asyncio.create_task(arrivals.listen(bus, opened))
    try:
        await opened.wait()
        posted, late = await _post(suite, plan)
        await until(arrivals.complete, "every probe to be in its segment", seconds=120)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    begun = min(posted.values()) + size.warming
    measured = [one for one in probed if posted[one] >= begun]
    whole = f"{RATE} events/s, {size.segments} segments"
    return [
        line("live: segments that an event touches, at least", [float(_touched(size))], "segments"),
        line("live: transitions told", [float(arrivals.changes)], "transitions"),
        line("live: the latest call behind its time", [1000 * late], "ms"),
        *_shares(f"event posted → segment.changed on the bus, {whole}", arrivals.entered, posted, measured),
        *_shares(f"events.recorded → segment.changed, {whole}", arrivals.entered, arrivals.recorded, measured),
    ]


async def _herd(suite: Suite, size: Size) -> Line:
    """Deadlines of one minute, evenly spread: how late the clock is with the oldest, looked at ten times a second."""
    count = min(HERD, size.crowd.viewers)
    say(f"{count:,} deadlines in {size.seconds} s")
    late = 0.0
    async with suite.database("segment") as connection:
        last: datetime = await connection.fetchval(
            """
            WITH herd AS (
              INSERT INTO deadlines AS d (segment_id, profile_id, at)
              SELECT s.id, v.profile_id, now() + make_interval(secs => 2 + $2::float8 * v.n / $1)
              FROM (SELECT profile_id, row_number() OVER () AS n FROM viewers LIMIT $1) v, segments s
              WHERE s.key = 'bench-0'
              ON CONFLICT (segment_id, profile_id) DO UPDATE SET at = least(d.at, excluded.at) RETURNING at
            )
            SELECT max(at) FROM herd WHERE at < now() + make_interval(secs => 3 + $2)
            """,
            count,
            size.seconds,
        )

        async def worked_off() -> bool:
            nonlocal late
            oldest: datetime | None = await connection.fetchval(
                "SELECT min(at) FROM deadlines WHERE at <= least(now(), $1)", last
            )
            now = datetime.now(UTC)
            late = max(late, (now - oldest).total_seconds() if oldest else 0.0)
            await asyncio.sleep(0.1)
            return now > last and oldest is None

        await until(worked_off, "every deadline to be kept", seconds=size.seconds + PATIENCE)
    return line(f"{count:,} deadlines in {size.seconds} s: the latest one was late by", [late], "s")


def _touched(size: Size) -> int:
    rules = [msgspec.json.encode(rule).decode() for rule in size.rules]
    least = min(sum(f'"{event}"' in rule for rule in rules) for event in segment_rules.LIVE)
    if size.segments >= SEGMENTS and least < TOUCHED:
        raise load.Failed(f"an event touches only {least} segments")
    return least


def _shares(name: str, when: Mapping[int, float], since: Mapping[int, float], measured: Sequence[int]) -> list[Line]:
    took = sorted(when[one] - since[one] for one in measured)
    return [
        line(f"{name}, p{share}", [1000 * took[min(len(took) - 1, len(took) * share // 100)]], "ms")
        for share in (50, 99)
    ]


async def _people(suite: Suite, bus: Bus, users: int) -> list[tuple[int, str]]:
    """Viewers whom profile knows: profile id and user id. Their ids are those of viewers whom segment knows already."""
    async with suite.client() as client:
        for begin in range(0, users, 250):
            people = [
                {"type": "identify", "messageId": f"p{user}", "userId": f"u{user}", "traits": {"bench": "people"}}
                for user in range(begin, min(begin + 250, users))
            ]
            refused = await client.batch([msgspec.json.encode(person) for person in people])
            if refused:
                raise load.Failed(f"viewers were refused: {refused[0].reason}")
    for service, stream in (("profile", "INTAKE"), ("segment", "FACTS")):
        await suite.passed(bus, service, stream, seconds=PATIENCE)
    async with suite.database("profile") as connection:
        rows = await connection.fetch("SELECT profile_id, origin FROM identities WHERE origin LIKE 'user_id:u%'")
    return sorted((row["profile_id"], row["origin"].removeprefix("user_id:")) for row in rows)


def _planned(people: Sequence[tuple[int, str]], run: str, number: int) -> list[tuple[bytes, list[int]]]:
    """Calls in their order: the body, and whose probes are in it."""
    calls: list[tuple[bytes, list[int]]] = []
    probes = iter(people)
    for call in range(number // CALL):
        batch, probed = [], []
        for place in range(CALL):
            turn = call * CALL + place
            probe = next(probes, None) if turn % PROBES == 0 else None
            profile_id, user = probe or people[(turn * 7919) % len(people)]
            event = "Video Watched" if probe else segment_rules.LIVE[turn % len(segment_rules.LIVE)]
            category = crowd.CATEGORIES[turn % len(crowd.CATEGORIES)]
            properties: dict[str, Any] = {"content_id": f"c{turn % 10_000}", "category": category}
            if probe:
                properties["probe"] = run
                probed.append(profile_id)
            batch.append(
                {
                    "type": "track",
                    "userId": user,
                    "event": event,
                    "messageId": f"{run}-{turn}",
                    "properties": properties,
                }
            )
        calls.append((msgspec.json.encode({"batch": batch}), probed))
    return calls


async def _post(suite: Suite, plan: Sequence[tuple[bytes, list[int]]]) -> tuple[dict[int, float], float]:
    """Make the calls evenly; when each probe was posted, and by how much the latest call was behind its time."""
    posted: dict[int, float] = {}
    late = 0.0
    began = time.time()
    auth = httpx.BasicAuth(suite.door.write_key, "")
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(
        base_url=suite.door.url, auth=auth, limits=limits, trust_env=False, timeout=60
    ) as door:

        async def one(place: int, body: bytes, probed: list[int]) -> None:
            nonlocal late
            due = began + place * CALL / RATE
            await asyncio.sleep(due - time.time())
            now = time.time()
            late = max(late, now - due)
            posted.update(dict.fromkeys(probed, now))
            answer = await door.post("/v1/batch", content=body, headers={"Content-Type": "application/json"})
            if answer.status_code != 200:
                raise load.Failed(f"/v1/batch: {answer.status_code} {answer.text[:300]}")

        await asyncio.gather(*(one(place, *call) for place, call in enumerate(plan)))
    return posted, late
