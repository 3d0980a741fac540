"""The hot door: events made durable, and banners decided, beside endpoints that do nothing.

Only the processes that take part run: what profile makes of the events afterwards is the bench `ingest`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from tests.bench import load, material, publish
from tests.bench.report import Line, line
from tests.bench.suite import Suite, standing, until

CONNECTIONS = 16
ROUNDS = 3
SECONDS = 2.5
PLACEMENTS, CREATIVES = 10, 50
SEGMENTS = 5
VIEWERS = 200


async def measure() -> list[Line]:
    """All lines of this bench."""
    async with standing("gateway") as suite:
        lines = await _events(suite)
    async with standing("gateway", "profile", "segment", "recommend") as suite:
        lines += await _decisions(suite)
    return lines


async def _events(suite: Suite) -> list[Line]:
    bare = await suite.start_bare()
    door, gateway = suite.door, suite.plan.ports["gateway"]
    serial = 0

    def job(path: str, bodies: list[str], *, port: int = gateway, connections: int = CONNECTIONS) -> load.Job:
        nonlocal serial
        serial += 1_000_000
        return load.Job(
            host="127.0.0.1",
            port=port,
            path=path,
            write_key=door.write_key,
            bodies=bodies,
            connections=connections,
            seconds=SECONDS,
            serial=serial,
        )

    single, many = material.single(), material.batches()
    track, empty, batch, raw, lone = [], [], [], [], []
    alone, empty_alone = [], []
    for _ in range(ROUNDS):
        track.append(_rate(await load.fire(job("/v1/track", single))))
        empty.append(_rate(await load.fire(job("/bare", single, port=bare))))
        size_one = publish.Job(settings=suite.settings(), messages=material.raw(1), events=1, seconds=SECONDS)
        lone.append((await publish.fire(size_one)).rate)
        before = await suite.taken()
        batch.append(material.BATCH * _rate(await load.fire(job("/v1/batch", many))))
        size = (await suite.taken()).events_per_message(since=before)
        raw_job = publish.Job(settings=suite.settings(), messages=material.raw(size), events=size, seconds=SECONDS)
        raw.append((await publish.fire(raw_job)).rate)
        alone.append(1000 * (await load.fire(job("/v1/track", single, connections=1))).percentile(0.99))
        empty_alone.append(1000 * (await load.fire(job("/bare", single, port=bare, connections=1))).percentile(0.99))
    return [
        line(f"track, durable, {CONNECTIONS} connections / bare FastAPI", track, "requests/s", empty),
        line(
            f"track, durable, {CONNECTIONS} connections / raw acknowledged publish of one event",
            track,
            "events/s",
            lone,
        ),
        line(f"events in batches of {material.BATCH}, durable / raw acknowledged publish", batch, "events/s", raw),
        line("track, durable, 1 connection, p99 / bare FastAPI", alone, "ms", empty_alone),
    ]


async def _decisions(suite: Suite) -> list[Line]:
    await _furnish(suite)
    placements = [f"bench-{number}" for number in range(PLACEMENTS)]
    bodies = [
        msgspec.json.encode({"userId": f"fan-{viewer}", "placements": placements}).decode() for viewer in range(VIEWERS)
    ]
    async with suite.client() as client:

        async def everybody_is_known() -> bool:
            answers = [await client.decide(msgspec.json.decode(body)) for body in bodies[:: VIEWERS // 10]]
            return all(
                decision["creative"] and decision["creative"]["content"]["title"].startswith("For fans")
                for answer in answers
                for decision in answer["decisions"]
            )

        await until(everybody_is_known, "the viewers to be in their segments")
        answer = msgspec.json.encode(await client.decide(msgspec.json.decode(bodies[0])))
    bare = await suite.start_bare(answer)
    rate, same, alone, same_alone = [], [], [], []

    def job(path: str, port: int, connections: int) -> load.Job:
        return load.Job(
            host="127.0.0.1",
            port=port,
            path=path,
            write_key=suite.door.write_key,
            bodies=bodies,
            connections=connections,
            seconds=SECONDS,
        )

    gateway = suite.plan.ports["gateway"]
    before = await _served(suite)
    for _ in range(ROUNDS):
        rate.append(_rate(await load.fire(job("/v1/decide", gateway, CONNECTIONS))))
        same.append(_rate(await load.fire(job("/same", bare, CONNECTIONS))))
        alone.append(await load.fire(job("/v1/decide", gateway, 1)))
        same_alone.append(await load.fire(job("/same", bare, 1)))
    after = await _served(suite)
    served = {limit: count - before.get(limit, 0.0) for limit, count in after.items()}
    size = f"{PLACEMENTS} placements × {CREATIVES} creatives"
    return [
        line(f"decide, {size} / bare FastAPI, same bytes", rate, "requests/s", same),
        *(
            line(
                f"decide, 1 connection, p{share} / bare FastAPI",
                [1000 * result.percentile(share / 100) for result in alone],
                "ms",
                [1000 * result.percentile(share / 100) for result in same_alone],
            )
            for share in (50, 99)
        ),
        line("decide, service time in recommend, p50", [1000 * _quantile(served, 0.5)], "ms"),
        line("decide, service time in recommend, p99", [1000 * _quantile(served, 0.99)], "ms"),
    ]


async def _furnish(suite: Suite) -> None:
    """Placements full of creatives, half of them for segments; viewers who are members of them."""
    async with suite.client() as client:
        for number in range(SEGMENTS):
            rule = {"all": [{"trait": "group", "eq": number}]}
            await client.call(
                "POST", "/v1/segments", {"key": f"group-{number}", "name": f"Group {number}", "rule": rule}
            )
        for place in range(PLACEMENTS):
            await client.call("PUT", f"/v1/placements/bench-{place}", {"name": f"Bench {place}", "slots": 1})
            for number in range(CREATIVES):
                group = number % (2 * SEGMENTS)
                audience = {"segment": f"group-{group}"} if group < SEGMENTS else None
                title = f"For fans of {group}" if audience else "For everyone"
                content = {"title": title, "image_url": f"https://cdn.example.com/{place}/{number}.webp"}
                body = {"audience": audience, "priority": 10 if audience else 0, "content": content}
                await client.call("PUT", f"/v1/placements/bench-{place}/creatives/c{number}", body)
        people = [
            {
                "type": "identify",
                "messageId": f"fan-{viewer}",
                "userId": f"fan-{viewer}",
                "traits": {"group": viewer % SEGMENTS},
            }
            for viewer in range(VIEWERS)
        ]
        refused = await client.batch([msgspec.json.encode(person) for person in people])
        if refused:
            raise load.Failed(f"viewers were refused: {refused[0].reason}")


def _rate(result: load.Result) -> float:
    return result.done / result.elapsed


async def _served(suite: Suite) -> dict[float, float]:
    """Recommend's own histogram: decisions that took at most so many seconds."""
    text = await suite.metrics("recommend")
    found = re.findall(r'^marquee_decide_seconds_bucket\{le="([^"]+)"\} (\S+)$', text, re.MULTILINE)
    return {float(limit.replace("+Inf", "inf")): float(count) for limit, count in found}


def _quantile(buckets: dict[float, float], share: float) -> float:
    """The quantile in seconds, straight within its bucket (as Prometheus' histogram_quantile does)."""
    ordered: Sequence[tuple[float, float]] = sorted(buckets.items())
    wanted = share * ordered[-1][1]
    lower, below = 0.0, 0.0
    for limit, count in ordered:
        if count >= wanted:
            return lower if limit == float("inf") else lower + (limit - lower) * (wanted - below) / (count - below)
        lower, below = limit, count
    raise load.Failed("recommend has decided nothing")
