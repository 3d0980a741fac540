"""The trimmer: what all readers have committed goes, nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from prometheus_client import REGISTRY

from gateway import actions, steps
from gateway.rules import trim
from shared.contracts import EventRecorded, partition
from tests.gateway.conftest import Gateway
from tests.harness.eventually import eventually


async def report(gateway: Gateway, service: str, stream: str, positions: dict[int, int], *, created: str = "") -> None:
    """Tell what a service's reader tells every second."""
    bus = await gateway.bus.connection(service)
    told = {
        "service": service,
        "stream": stream,
        "created": created or (await bus.state(stream)).created,
        "positions": {str(part): sequence for part, sequence in positions.items()},
    }
    await bus.hint("report.positions", msgspec.json.encode(told))


async def test_what_the_reader_has_committed_is_purged(gateway: Gateway) -> None:
    for n in range(6):
        await gateway.front.post("/v1/track", json={"userId": "u1", "event": "E", "messageId": f"m{n}"})
    part = partition("u1")
    await report(gateway, "segment", "INTAKE", {part: 6})
    await report(gateway, "profile", "INTAKE", {part: 6}, created="another time")

    async def trimmed() -> list[str]:
        await steps.trim(gateway.house)
        return [event.message_id for event in await gateway.received()]

    async def positions() -> int:
        await steps.trim(gateway.house)
        async with gateway.house.db.transaction() as session:
            return len(await actions.positions(session))

    async def both() -> bool:
        return await positions() == 2

    await eventually(both)
    assert len(await trimmed()) == 6, "neither a stranger's report nor one about another incarnation counts"
    await report(gateway, "profile", "INTAKE", {part: 4})

    async def four_gone() -> bool:
        return await trimmed() == ["m4", "m5"]

    await eventually(four_gone)
    await report(gateway, "profile", "INTAKE", {part: 2})
    assert await trimmed() == ["m4", "m5"]


async def test_facts_wait_for_the_slowest_reader(gateway: Gateway) -> None:
    now = datetime.now(UTC)
    for n in range(4):
        await gateway.bus.tell(
            EventRecorded(event_id=f"e{n}", origin="user_id:u", profile_id=3, event="E", time=now, received_at=now)
        )
    for service, sequence in (("segment", 4), ("campaign", 2), ("profile", 4)):
        await report(gateway, service, "FACTS", {3: sequence})

    async def left() -> int:
        await steps.trim(gateway.house)
        return len(await gateway.bus.messages("FACTS"))

    assert await left() == 4, "recommend has not reported"
    await report(gateway, "recommend", "FACTS", {3: 3})

    async def two_left() -> bool:
        return await left() == 2

    await eventually(two_left)


async def test_a_full_stream_is_alarmed(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(trim, "ALARM", 0.0)
    monkeypatch.setattr(steps.log, "warning", lambda *_, **told: warned.append(told["stream"]))
    await gateway.front.post("/v1/track", json={"userId": "u1", "event": "E"})
    await steps.trim(gateway.house)
    assert "INTAKE" in warned
    ratio = REGISTRY.get_sample_value("marquee_stream_full_ratio", {"stream": "INTAKE"})
    assert ratio is not None
    assert 0 < ratio < 0.01
