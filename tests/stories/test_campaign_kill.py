"""Senders, bus, database and connections are killed while campaigns go out: nobody is skipped or gets it twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp.web
import asyncpg
import psutil
import pytest

from deploy.local import processes, temporary
from deploy.local.processes import Program
from tests.bench.sink import END, Mail
from tests.harness.eventually import eventually
from tests.harness.suite import Suite
from tests.stories.test_path import ok

MESSAGES = int(os.environ.get("MARQUEE_CAMPAIGN_MESSAGES", "3000"))
"""Recipients of the SMS. 20,000 with MARQUEE_CAMPAIGN_MESSAGES=20000: too long for every run on two cores."""
LETTERS = MESSAGES // 10
"""Recipients of the e-mail."""
VICTIMS = ("campaign", "other", "postgres", "connections", "nats")
KILLS = 8
SET, LANES = 50, 3
CONNECTIONS = 16
PATH, MAIL = "/v1/campaigns/sms", "/v1/campaigns/mail"


class Provider:
    """An HTTP provider and a mail server that remember how often they took each message."""

    def __init__(self) -> None:
        self.port = processes.free_port()
        self.mail_port = processes.free_port(taken=[self.port])
        self.asked: Counter[str] = Counter()
        self.letters: Counter[str] = Counter()
        self.open: set[asyncio.Transport] = set()

    @property
    def taken(self) -> int:
        """Messages so far."""
        return sum(self.asked.values()) + sum(self.letters.values())

    async def take(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        """One SMS."""
        assert (await request.json())["key"] == request.headers["Idempotency-Key"]
        self.asked[request.headers["Idempotency-Key"]] += 1
        return aiohttp.web.Response(text="sent")

    def hang_up(self) -> None:
        """Break every connection of the mail server, whatever is being said."""
        for transport in self.open:
            transport.abort()
        self.open.clear()


class Letters(Mail):
    """A mail server that notes the ids of what it takes."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.provider.open.add(self.transport)

    def _message(self) -> bool:
        letter, end, _ = self.buffer.partition(END)
        if end:
            found = re.search(rb"Message-ID: <([^>]+)>", letter)
            assert found is not None
            self.provider.letters[found[1].decode()] += 1
        return super()._message()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    played = Provider()
    app = aiohttp.web.Application()
    app.router.add_post("/sms", played.take)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", played.port).start()
    loop = asyncio.get_running_loop()
    mail = await loop.create_server(lambda: Letters(played), "127.0.0.1", played.mail_port)
    yield played
    mail.close()
    await runner.cleanup()


class Other:
    """A second process of campaign beside the installation's own, on the same database and bus."""

    def __init__(self, town: Suite) -> None:
        first = psutil.Process(town.pid("campaign"))
        env = first.environ() | {"PORT": str(processes.free_port())}
        self.program = Program(name="other", argv=tuple(first.cmdline()), env=env, cwd=Path(first.cwd()))
        self.output = town.data.parent / "other.log"
        self.begin()

    def begin(self) -> None:
        """Start it."""
        with self.output.open("ab") as output:
            self.process = temporary.start(self.program, output.fileno())

    def kill(self) -> None:
        """kill -9, and start it again."""
        self.process.kill()
        self.process.wait()
        self.begin()


@contextlib.contextmanager
def other_sender(town: Suite) -> Iterator[Other]:
    """A second sender, ended afterwards."""
    other = Other(town)
    try:
        yield other
    finally:
        temporary.stop(other.process, other.program)


async def test_nobody_is_skipped_and_nobody_gets_it_twice(tmp_path: Path, provider: Provider) -> None:
    env = {
        "MARQUEE_SMS_URL": f"http://127.0.0.1:{provider.port}/sms",
        "MARQUEE_SMTP_URL": f"smtp://127.0.0.1:{provider.mail_port}?starttls=never",
        "MARQUEE_SMTP_CONNECTIONS": str(CONNECTIONS),
        "MARQUEE_CALL_SECONDS": "10",
        "MARQUEE_CLAIM_SECONDS": "10",
        "MARQUEE_SEND_SET": str(SET),
        "MARQUEE_SEND_LANES": str(LANES),
    }
    starting = Suite.started(tmp_path / "data", env)
    town = await asyncio.to_thread(starting.__enter__)
    try:
        await begin(town)
        with other_sender(town) as other:
            killed = await kill_at_random(town, other, provider)
            async with town.client() as operator:
                unsure = {path: await over(operator, path, number) for path, number in EXPECTED.items()}
        await check(town, provider)
        # Of a killed sender what it had marked; of a broken connection the letter on it. An outage of database or bus
        # costs nobody his outcome.
        assert unsure[PATH] <= (killed["campaign"] + killed["other"]) * SET * LANES
        assert (
            sum(unsure.values())
            <= (killed["campaign"] + killed["other"]) * SET * LANES + killed["connections"] * 2 * CONNECTIONS
        )
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)


async def kill_at_random(town: Suite, other: Other, provider: Provider) -> Counter[str]:
    """One after the other, each when the senders have got on since the last one; how often each was killed."""
    chance = random.Random(5)
    killed: Counter[str] = Counter()
    for turn in range(KILLS):
        await asyncio.sleep(chance.uniform(0.2, 1.2))
        victim = VICTIMS[turn % len(VICTIMS)]
        killed[victim] += 1
        if victim == "other":
            await asyncio.to_thread(other.kill)
        elif victim == "connections":
            provider.hang_up()
        else:
            town.kill(victim)
        before = provider.taken
        last = before >= (MESSAGES + LETTERS) * 0.9
        await eventually(lambda before=before, last=last: last or provider.taken > before, timeout=90)  # type: ignore[misc]
    return killed


async def over(operator: Any, path: str, number: int) -> int:
    """When a campaign is finished: how many of its messages are unsure, each of them listed."""

    async def finished() -> dict[str, Any]:
        progress: dict[str, Any] = await ok(operator.get(f"{path}/progress"))
        assert progress["state"] == "finished", progress
        return progress

    progress = await eventually(finished, timeout=240)
    assert (progress["total"], progress["done"]) == (number, number)
    listed = int(progress["states"]["unknown"])
    unsure = await ok(operator.get(f"{path}/messages", params={"state": "unknown", "limit": 200}))
    assert len(unsure["items"]) == min(listed, 200)
    assert {one["reason"] for one in unsure["items"]} <= {"sender_stopped", "connection_lost"}
    return listed


EXPECTED = {PATH: MESSAGES, MAIL: LETTERS}


async def begin(town: Suite) -> None:
    """Viewers with numbers and some with addresses, and campaigns that take a while."""
    async with town.client(key="write_key") as front_end, town.client() as operator:
        for start in range(0, MESSAGES, 200):
            batch = [
                {
                    "type": "identify",
                    "userId": f"k{n}",
                    "traits": {"phone": f"+86138{n:08}"} | ({"email": f"k{n}@x.example"} if n < LETTERS else {}),
                }
                for n in range(start, min(start + 200, MESSAGES))
            ]
            await ok(front_end.post("/v1/batch", json={"batch": batch}))
        rule = {"has": "phone"}
        await ok(operator.post("/v1/segments", json={"key": "phones", "name": "Phones", "rule": rule}))
        rule = {"has": "email"}
        await ok(operator.post("/v1/segments", json={"key": "mails", "name": "Mails", "rule": rule}))
        for path, segment, channel, content in (
            (PATH, "phones", "sms", {"body": "Hi"}),
            (MAIL, "mails", "email", {"subject": "Hi", "body": "Hi"}),
        ):
            number = EXPECTED[path]
            body = {"name": channel, "trigger": {"manual": {"segment": segment}}, "channel": channel}
            await ok(operator.put(path, json=body | {"content": content, "rate": number / 15}))

            async def known(path: str = path, number: int = number) -> None:
                estimate = await ok(operator.post(f"{path}/estimate"))
                assert (estimate["audience"], estimate["planned"]) == (number, number), estimate

            await eventually(known, timeout=120)
        for action in ("submit", "approve", "start"):
            for path in EXPECTED:
                await ok(operator.post(f"{path}/{action}"))


async def check(town: Suite, provider: Provider) -> None:
    """Every row has ended; what was accepted was sent once, what was sent is accepted or listed as unsure."""
    campaign = await asyncpg.connect(town.database_url("campaign"))
    try:
        rows = await campaign.fetch(
            "SELECT m.id, m.profile_id, m.state, c.key FROM messages m JOIN campaigns c ON c.id = m.campaign_id"
        )
    finally:
        await campaign.close()
    for key, number, taken in (("sms", MESSAGES, provider.asked), ("mail", LETTERS, provider.letters)):
        here = [row for row in rows if row["key"] == key]
        states = {int(row["id"]): str(row["state"]) for row in here}
        assert len({row["profile_id"] for row in here}) == len(here) == number, "nobody is skipped or planned twice"
        assert set(states.values()) <= {"accepted", "unknown"}
        assert max(taken.values()) == 1, "an unsure message is not sent again"
        sent = {int(one.partition(".")[0]) for one in taken}
        assert {id for id, state in states.items() if state == "accepted"} <= sent
        assert {states[id] for id in sent} <= {"accepted", "unknown"}
