"""200 means the stream has it: a bus that hangs, is gone, or is cut off is told."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.edge.intake import Intake, NotTaken
from gateway.rules.events import Accepted
from tests.gateway.conftest import TRACK, Gateway
from tests.harness.eventually import eventually


async def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    began = time.monotonic()
    return await call(), time.monotonic() - began


async def test_a_bus_that_hangs_is_told_within_two_seconds(gateway: Gateway) -> None:
    server = gateway.bus.server.process
    assert (await gateway.front.post("/v1/track", json=TRACK)).status_code == 200
    server.send_signal(signal.SIGSTOP)
    try:
        calls = [timed(lambda: gateway.front.post("/v1/track", json={**TRACK, "messageId": "held"})) for _ in range(20)]
        for answer, seconds in await asyncio.gather(*calls):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) >= 1
            assert seconds < 2
    finally:
        server.send_signal(signal.SIGCONT)

    async def taken() -> bool:
        return (await gateway.front.post("/v1/track", json={**TRACK, "messageId": "again"})).status_code == 200

    await eventually(taken, timeout=20)
    assert gateway.memory.intake.waiting == 0


async def test_a_bus_that_is_gone_is_told_at_once(gateway: Gateway) -> None:
    server = gateway.bus.server.process
    server.kill()
    server.wait()
    await eventually(lambda: not gateway.house.bus.connected)
    answer, seconds = await timed(lambda: gateway.front.post("/v1/track", json=TRACK))
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert seconds < 1
    assert (await gateway.stranger.get("/readyz")).status_code == 503
    assert (await gateway.stranger.get("/healthz")).status_code == 200


async def test_a_publish_that_is_cut_off_is_no_acknowledgement() -> None:
    begun = asyncio.Event()

    async def publish(subject: str, payload: bytes, message_id: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    intake = Intake(publish, lambda: True, "gateway")
    taking = asyncio.create_task(intake.take([Accepted("u1", b"{}")]))
    await begun.wait()
    for task in asyncio.all_tasks():
        if task.get_name().startswith("intake-"):
            task.cancel()
    with pytest.raises(NotTaken):
        await taking
