"""The bus: what it refuses to stand on, how quickly it says no, and what nats-py must not keep."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from shared.bus import STREAMS, Bus, BusDown, Unanswered
from shared.bus.server import ensure_streams
from shared.contracts import EventReceived, ResolveAnswered, ResolveAsked
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.shared import toy


@contextlib.asynccontextmanager
async def monitor(page: bytes) -> AsyncIterator[str]:
    """A monitoring page that says this."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(page) + page)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def varz(version: str = "2.15.1", **config: Any) -> bytes:
    return msgspec.json.encode({"version": version, "jetstream": {"config": config}})


REFUSED = {
    "acknowledges before its disk has it": (varz(), "sync_interval: always"),
    "says no": (varz(sync_always=False), "sync_interval: always"),
    "has no JetStream": (b'{"version": "2.15.1"}', "sync_interval: always"),
    "is old": (varz("2.14.9", sync_always=True), "too old: 2.15.1 is needed"),
    "is a little old": (varz("2.15.0", sync_always=True), "too old"),
    "is very old": (varz("2.9", sync_always=True), "too old"),
}


@pytest.mark.parametrize("server", REFUSED)
async def test_a_server_that_could_lose_what_it_acknowledged_is_refused(bus: TestBus, server: str) -> None:
    page, reason = REFUSED[server]
    async with monitor(page) as url:
        opening = Bus("profile", toy.settings("postgresql://x", bus).model_copy(update={"nats_monitor_url": url}))
        with pytest.raises(RuntimeError, match=reason):
            await opening.open()
        assert not opening.connected


@pytest.mark.parametrize("version", ["2.15.1", "2.15.1-preview.2", "2.16.0", "3.0.0"])
async def test_newer_servers_are_taken(bus: TestBus, version: str) -> None:
    async with monitor(varz(version, sync_always=True)) as url:
        opening = Bus(
            "gateway", toy.settings("postgresql://x", bus, "gateway").model_copy(update={"nats_monitor_url": url})
        )
        await opening.open()
        assert opening.connected
        await opening.close()


@pytest.mark.parametrize("page", [b"not json", b""])
async def test_a_monitor_that_does_not_answer_is_an_outage(bus: TestBus, page: bytes) -> None:
    async with monitor(page) as url:
        opening = Bus("profile", toy.settings("postgresql://x", bus).model_copy(update={"nats_monitor_url": url}))
        with pytest.raises(BusDown, match="NATS_MONITOR_URL"):
            await opening.open()


async def test_streams_are_as_declared_and_a_second_opening_changes_nothing(bus: TestBus) -> None:
    gateway = await bus.connection("gateway")
    for declared in STREAMS:
        found = (await gateway._js.stream_info(str(declared.name))).config
        assert (found.subjects, found.discard, found.storage, found.max_bytes) == (
            declared.subjects, declared.discard, declared.storage, declared.max_bytes,
        )  # fmt: skip

    async def changed(*_: Any, **__: Any) -> None:
        raise AssertionError("nothing was to be changed")

    gateway._js.update_stream = changed  # type: ignore[assignment]
    gateway._js.add_stream = changed  # type: ignore[assignment]
    await ensure_streams(gateway._js)


async def test_a_full_stream_says_no_at_once_and_keeps_what_it_has(bus: TestBus) -> None:
    gateway = await bus.connection("gateway")
    small = replace(next(one for one in STREAMS if one.name == "INTAKE"), max_bytes=20_000)
    await gateway._js.update_stream(small)
    taken = 0
    began = time.monotonic()

    async def fill() -> None:
        nonlocal taken
        for _ in range(100):
            await gateway.publish("INTAKE", "intake.1", b"x" * 1000)
            taken += 1

    with pytest.raises(BusDown, match="maximum bytes exceeded"):
        await fill()
    assert time.monotonic() - began < 2
    assert 5 < taken < 25
    assert (await gateway.state("INTAKE")).messages == taken
    await gateway.purge("INTAKE", "intake.1", taken // 2)
    assert (await gateway.state("INTAKE")).messages == taken - taken // 2
    assert await gateway.publish("INTAKE", "intake.1", b"x") == taken + 1


async def test_a_message_sent_twice_under_one_id_is_kept_once(bus: TestBus) -> None:
    gateway = await bus.connection("gateway")
    first = await gateway.publish("INTAKE", "intake.1", b"x", message_id="a")
    assert await gateway.publish("INTAKE", "intake.1", b"x", message_id="a") == first
    assert (await gateway.state("INTAKE")).messages == 1


async def test_refused_publishes_leave_nothing_behind(bus: TestBus) -> None:
    gateway = await bus.connection("gateway")
    waiting = gateway.client._resp_map
    for _ in range(20):
        with pytest.raises(BusDown, match="too large"):
            await gateway.publish("INTAKE", "intake.1", b"x" * 256 * 1024)
        with pytest.raises(Unanswered, match="too large"):
            await gateway.ask_raw("ask.profile.resolve", b"x" * 300_000, 1)
        with pytest.raises(BusDown):
            await gateway.publish("INTAKE", "ask.nobody.there", b"x")
        with pytest.raises(BusDown, match="expected"):
            await gateway.publish("FACTS", "intake.1", b"x")
    assert waiting == {}
    assert gateway.connected
    assert gateway.reconnects == 0
    cancelled = [asyncio.create_task(gateway.publish("INTAKE", "intake.1", b"x")) for _ in range(50)]
    await asyncio.sleep(0)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)
    toy.kill_nats(bus)
    await eventually(lambda: not gateway.connected)
    for _ in range(20):
        with pytest.raises(BusDown, match="not connected"):
            await gateway.publish("INTAKE", "intake.1", b"x")
    assert waiting == {}


# Questions


async def test_nobody_there_is_said_at_once(bus: TestBus) -> None:
    gateway = await bus.connection("gateway")
    began = time.monotonic()
    with pytest.raises(Unanswered, match="nobody is there"):
        await gateway.ask(ResolveAsked(refs=["a:b"]), ResolveAnswered)
    assert time.monotonic() - began < 1


async def test_an_answer_that_fails_is_told_to_the_asker_and_the_next_one_works(bus: TestBus) -> None:
    gateway, profile = await bus.connection("gateway"), await bus.connection("profile")

    async def handle(payload: bytes) -> bytes:
        refs = msgspec.json.decode(payload, type=ResolveAsked).refs
        if refs == ["bad"]:
            raise ValueError("two\r\nlines: é")
        if refs == ["odd"]:
            return b'{"profile_ids": 3}'
        if refs == ["huge"]:
            return b"x" * 300_000
        if refs == ["slow"]:
            await asyncio.sleep(1)
        return msgspec.json.encode(ResolveAnswered(profile_ids={refs[0]: 1}))

    await profile.answer(ResolveAsked.subject, handle)
    await profile.client.flush()
    for refs, reason in (("bad", "ValueError: two"), ("odd", "cannot be read"), ("huge", "MaxPayload")):
        with pytest.raises(Unanswered, match=reason):
            await gateway.ask(ResolveAsked(refs=[refs]), ResolveAnswered)
    with pytest.raises(Unanswered, match="Timeout"):
        await gateway.ask(ResolveAsked(refs=["slow"]), ResolveAnswered, timeout=0.1)
    answers = await asyncio.gather(*(gateway.ask(ResolveAsked(refs=[f"u:{n}"]), ResolveAnswered) for n in range(600)))
    assert [one.profile_ids for one in answers] == [{f"u:{n}": 1} for n in range(600)]
    assert profile.connected


async def test_a_broadcast_reaches_every_replica_and_a_failing_listener_hears_the_next(bus: TestBus) -> None:
    first, second = await bus._connect("profile"), await bus._connect("profile")
    heard: list[tuple[int, bytes]] = []

    async def hear(number: int, payload: bytes) -> None:
        heard.append((number, payload))
        if payload == b"one":
            raise ValueError("not this one")

    await first.listen("changed.profile", lambda payload: hear(1, payload))
    await second.listen("changed.profile", lambda payload: hear(2, payload))
    await first.client.flush()
    await second.client.flush()
    await first.broadcast(b"one")
    await first.broadcast(b"two")
    await eventually(lambda: len(heard) == 4)
    assert sorted(heard) == [(1, b"one"), (1, b"two"), (2, b"one"), (2, b"two")]
    await first.close()
    await second.close()
    await first.broadcast(b"nobody hears this, and nothing is raised")


# Outages


async def test_a_wedged_server_is_noticed_and_found_again(bus: TestBus) -> None:
    gateway = await bus.connection("gateway")
    os.kill(bus.server.process.pid, signal.SIGSTOP)

    async def noticed() -> None:
        # it stops a moment after the signal: it may have answered the first ping
        await gateway.watch()
        assert not gateway.connected

    try:
        async with asyncio.timeout(30):
            await eventually(noticed, timeout=20)
        with pytest.raises(BusDown, match="not connected"):
            await gateway.publish("INTAKE", "intake.1", b"x")
    finally:
        os.kill(bus.server.process.pid, signal.SIGCONT)
    await eventually(lambda: gateway.connected, timeout=20)
    await eventually(lambda: _publishes(gateway), timeout=10)
    assert gateway.reconnects >= 1
    await gateway.watch()
    assert gateway.connected


async def _publishes(bus: Bus) -> bool:
    try:
        return await bus.publish("INTAKE", "intake.1", b"x") > 0
    except BusDown:
        return False


async def test_facts_of_the_house_pass_through_unchanged(bus: TestBus) -> None:
    event = toy.received("x", properties={"text": "é 😀", "nested": {"list": [1, 2.5, None, True]}})
    await bus.tell(event)
    (message,) = await bus.messages("INTAKE")
    assert msgspec.json.decode(message.items, type=list[EventReceived]) == [event]
