"""Senders, the bus and the database are killed at random while a campaign goes out: nobody is skipped, nobody twice."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp.web
import asyncpg
import pytest

from deploy.local import processes
from tests.harness.eventually import eventually
from tests.harness.suite import Suite
from tests.stories.test_path import ok

MESSAGES = int(os.environ.get("MARQUEE_CAMPAIGN_MESSAGES", "3000"))
"""Recipients; 20,000 with MARQUEE_CAMPAIGN_MESSAGES=20000."""
VICTIMS = ("campaign", "postgres", "nats")
KILLS = 6
PATH = "/v1/campaigns/sms"


class Provider:
    """An HTTP provider that honours keys: of one key it sends once, and it remembers how often it was asked."""

    def __init__(self) -> None:
        self.port = processes.free_port()
        self.asked: Counter[str] = Counter()

    async def take(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        """One message."""
        assert (await request.json())["key"] == request.headers["Idempotency-Key"]
        self.asked[request.headers["Idempotency-Key"]] += 1
        return aiohttp.web.Response(text="sent")


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    played = Provider()
    app = aiohttp.web.Application()
    app.router.add_post("/sms", played.take)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", played.port).start()
    yield played
    await runner.cleanup()


async def test_nobody_is_skipped_and_nobody_gets_it_twice(tmp_path: Path, provider: Provider) -> None:
    env = {
        "MARQUEE_SMS_URL": f"http://127.0.0.1:{provider.port}/sms",
        "MARQUEE_CALL_SECONDS": "10",
        "MARQUEE_CLAIM_SECONDS": "10",
        "MARQUEE_SEND_SET": "50",
    }
    chance = random.Random(5)
    starting = Suite.started(tmp_path / "data", env)
    town = await asyncio.to_thread(starting.__enter__)
    try:
        await begin(town)
        killed = 0
        while killed < KILLS:
            await asyncio.sleep(chance.uniform(0.5, 2.0))
            town.kill(VICTIMS[killed % len(VICTIMS)])
            killed += 1
            before = sum(provider.asked.values())
            last = sum(provider.asked.values()) >= MESSAGES * 0.95
            await eventually(lambda before=before, last=last: last or sum(provider.asked.values()) > before, timeout=90)  # type: ignore[misc]
        async with town.client() as operator:

            async def finished() -> dict[str, Any]:
                progress: dict[str, Any] = await ok(operator.get(f"{PATH}/progress"))
                assert progress["state"] == "finished", progress
                return progress

            progress = await eventually(finished, timeout=180)
            assert (progress["total"], progress["done"]) == (MESSAGES, MESSAGES)
            await check(town, provider)
            unsure = await ok(operator.get(f"{PATH}/messages", params={"state": "unknown", "limit": 200}))
            listed = progress["states"]["unknown"]
            assert len(unsure["items"]) == min(listed, 200)
            assert {one["reason"] for one in unsure["items"]} <= {"sender_stopped", "connection_lost"}
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)


async def begin(town: Suite) -> None:
    """Viewers with numbers, and a campaign that takes a while."""
    async with town.client(key="write_key") as front_end, town.client() as operator:
        for start in range(0, MESSAGES, 200):
            batch = [
                {"type": "identify", "userId": f"k{n}", "traits": {"phone": f"+86138{n:08}"}}
                for n in range(start, min(start + 200, MESSAGES))
            ]
            await ok(front_end.post("/v1/batch", json={"batch": batch}))
        everybody = {"list": [f"user_id:k{n}" for n in range(min(MESSAGES, 10_000))]}
        if MESSAGES > 10_000:
            rule = {"has": "phone"}
            await ok(operator.post("/v1/segments", json={"key": "phones", "name": "Phones", "rule": rule}))
            everybody = {"segment": "phones"}  # type: ignore[dict-item]
        trigger = {"manual": everybody}
        body = {"name": "SMS", "trigger": trigger, "channel": "sms", "content": {"body": "Hi"}, "rate": MESSAGES / 15}
        await ok(operator.put(PATH, json=body))

        async def known() -> None:
            estimate = await ok(operator.post(f"{PATH}/estimate"))
            assert (estimate["audience"], estimate["planned"]) == (MESSAGES, MESSAGES), estimate

        await eventually(known, timeout=120)
        for action in ("submit", "approve", "start"):
            await ok(operator.post(f"{PATH}/{action}"))


async def check(town: Suite, provider: Provider) -> None:
    """Every row has ended; what was accepted was sent once, what was sent is accepted or listed as unsure."""
    campaign = await asyncpg.connect(town.database_url("campaign"))
    try:
        rows = await campaign.fetch("SELECT id, profile_id, state FROM messages")
    finally:
        await campaign.close()
    states = {int(row["id"]): str(row["state"]) for row in rows}
    assert len({row["profile_id"] for row in rows}) == len(rows) == MESSAGES, "nobody is skipped, nobody planned twice"
    assert set(states.values()) <= {"accepted", "unknown"}
    assert max(provider.asked.values()) == 1, "an unsure message is not sent again"
    sent = {int(key.partition(".")[0]) for key in provider.asked}
    assert {id for id, state in states.items() if state == "accepted"} <= sent
    assert {states[id] for id in sent} <= {"accepted", "unknown"}
