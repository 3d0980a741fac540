"""The measuring tools themselves: what they send, what they count, what they refuse to count."""

from __future__ import annotations

import aiohttp.test_utils
import aiohttp.web
import msgspec
import pytest

from shared.contracts import EventReceived, Message, partition
from tests.bench import edge, load, material, report
from tests.bench.suite import Taken


def job(port: int, *, bodies: list[str], requests: int, connections: int = 3) -> load.Job:
    """POST /here so many times."""
    return load.Job(
        host="127.0.0.1",
        port=port,
        path="/here",
        write_key="pk_x",
        bodies=bodies,
        connections=connections,
        requests=requests,
    )


@pytest.mark.parametrize("size", [2, 200_000])
async def test_every_request_is_whole_and_new(size: int) -> None:
    seen: list[str] = []

    async def here(request: aiohttp.web.Request) -> aiohttp.web.Response:
        assert request.headers["Authorization"] == "Basic cGtfeDo="  # pk_x:
        seen.append((await request.json())["id"])
        return aiohttp.web.Response(body=b"x" * size)

    app = aiohttp.web.Application()
    app.router.add_post("/here", here)
    async with aiohttp.test_utils.TestServer(app) as server:
        bodies = [f'{{"id": "{name}-{load.MARK.decode()}"}}' for name in "ab"]
        result = await load.fire(job(server.port or 0, bodies=bodies, requests=50))
    assert result.done == len(result.latencies) == len(seen) == len(set(seen)) == 50
    assert {body.split("-")[0] for body in seen} == {"a", "b"}
    assert 0 < result.percentile(0.5) <= result.percentile(0.99) < result.elapsed


async def test_an_answer_that_is_no_200_fails_the_bench() -> None:
    answers = iter([200] * 20 + [503] + [200] * 20)

    async def here(_: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.Response(status=next(answers), text="busy")

    app = aiohttp.web.Application()
    app.router.add_post("/here", here)
    async with aiohttp.test_utils.TestServer(app) as server:
        with pytest.raises(load.Failed, match=r"1 of 30 answers were no 200: HTTP/1\.1 503"):
            await load.fire(job(server.port or 0, bodies=["{}"], requests=30))


async def test_nobody_there_fails_the_bench() -> None:
    with pytest.raises(load.Failed):
        await load.fire(job(1, bodies=["{}"], requests=1))


def test_the_raw_messages_are_of_the_gateways_shape() -> None:
    messages = material.raw(5)
    assert [subject for subject, _ in messages] == [f"intake.{part}" for part in range(16)]
    for _, payload in messages:
        message = msgspec.json.decode(payload, type=Message)
        assert message.kind == EventReceived.kind
        assert len(msgspec.json.decode(message.items, type=list[EventReceived])) == 5


def test_batches_spread_over_all_partitions() -> None:
    events = [event for body in material.batches() for event in msgspec.json.decode(body)["batch"]]
    assert len(events) == 40 * material.BATCH
    assert len({partition(event["userId"]) for event in events}) == 16
    assert all(load.MARK.decode() in event["messageId"] for event in events)


def test_thinning_keeps_the_distribution() -> None:
    values = [float(value) for value in range(98_765)]
    thinned = load._thinned(values)
    assert len(thinned) == 1000
    assert (thinned[0], thinned[-1]) == (values[0], values[-1])
    result = load.Result(done=len(values), elapsed=1.0, latencies=thinned)
    assert result.percentile(0.99) == pytest.approx(0.99 * len(values), rel=0.002)
    assert load._thinned(values[:1000]) == values[:1000]


def test_a_ratio_is_that_of_the_medians() -> None:
    assert report.line("x", [1.0, 100.0, 2.0], "ms", [4.0, 4.0, 0.1]) == report.Line("x", 2.0, "ms", 4.0, 0.5)
    assert report.line("x", [3.0], "ms") == report.Line("x", 3.0, "ms")


def test_quantiles_are_straight_within_a_bucket() -> None:
    buckets = {0.001: 50.0, 0.002: 90.0, 0.005: 100.0, float("inf"): 100.0}
    assert edge._quantile(buckets, 0.5) == pytest.approx(0.001)
    assert edge._quantile(buckets, 0.7) == pytest.approx(0.0015)
    assert edge._quantile(buckets, 0.99) == pytest.approx(0.0047)
    assert edge._quantile({0.001: 0.0, float("inf"): 10.0}, 0.99) == 0.001


def test_the_size_of_a_message_is_the_mean_since_then() -> None:
    assert Taken(events=1000, messages=30).events_per_message(since=Taken(events=200, messages=10)) == 40
