"""Campaigns: plan and send to many viewers, over SMTP and over HTTP, beside a bare aiosmtplib loop to the same sink.

Profile and segment are played by this process, so that the campaign service is what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiosmtplib
import msgspec

from deploy.local import processes, temporary
from deploy.local.installation import HOME
from deploy.local.processes import Program
from deploy.tools.client import Client
from shared.bus import Bus
from shared.contracts import (
    Contact,
    ContactsAnswered,
    ContactsAsked,
    MembersAnswered,
    MembersAsked,
    Question,
)
from shared.settings import Settings
from tests.bench.report import Line, line
from tests.bench.suite import Suite, standing, until

RECIPIENTS = 100_000
BARE_SHARE = 10
"""The baseline sends one for so many of ours: its rate does not change."""
CONNECTIONS = 16
LIMIT = 1800.0

BODY = "Hello {{ profile.traits.name }}, there is something new for you. " * 5
HTML = f"<html><body><p>{BODY}</p><a href='https://shop.test/new'>Look</a></body></html>"

Q = TypeVar("Q", bound=Question)


@dataclass(frozen=True)
class Sent:
    """One campaign: how long planning and sending took, and what the programs used meanwhile."""

    planning: float
    sending: float
    busy: dict[str, float]
    memory: int


async def measure(*, recipients: int = RECIPIENTS) -> list[Line]:
    """Plan and send once by each way."""
    mail = processes.free_port()
    web = processes.free_port(taken=[mail])
    with _sink(mail, web), _environ(mail, web):
        bare = await _bare(mail, max(100, recipients // BARE_SHARE))
        async with standing("gateway", "campaign") as suite, _played(suite, recipients), suite.client() as client:
            by_mail = await _campaign(suite, client, "email", recipients)
            by_web = await _campaign(suite, client, "sms", recipients)
    return [
        line("planned", [recipients / by_mail.planning], "viewers/s"),
        line("planned and sent by SMTP", [recipients / by_mail.sending], "messages/s", [bare]),
        line("planned and sent over HTTP", [recipients / by_web.sending], "messages/s", [bare]),
        *(
            line(f"processor time by SMTP: {name}", [seconds / recipients * 1e3], "ms/message")
            for name, seconds in sorted(by_mail.busy.items())
        ),
        line("memory of campaign after it", [by_mail.memory / 2**20], "MiB"),
    ]


@contextlib.contextmanager
def _sink(mail: int, web: int) -> Iterator[None]:
    program = Program(name="sink", argv=(sys.executable, "-m", "tests.bench.sink", str(mail), str(web)), cwd=HOME)
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(Path(os.devnull).open("ab"))
        process = temporary.start(program, output.fileno())
        stack.callback(temporary.stop, process, program)
        yield


@contextlib.contextmanager
def _environ(mail: int, web: int) -> Iterator[None]:
    """What the campaign process finds in its environment."""
    wanted = {
        "MARQUEE_SMTP_URL": f"smtp://127.0.0.1:{mail}?starttls=never",
        "MARQUEE_SMS_URL": f"http://127.0.0.1:{web}/sms",
        "MARQUEE_SMTP_CONNECTIONS": str(CONNECTIONS),
        "MARQUEE_APPROVE_OWN": "true",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


async def _bare(port: int, letters: int) -> float:
    """Letters per second of a loop that does nothing but hand them over, over as many connections."""
    text = f"From: a@b.example\r\nTo: c@d.example\r\nSubject: x\r\n\r\n{BODY}\r\n{HTML}\r\n".encode()
    left = iter(range(letters))

    async def one() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, local_hostname="bench")
        async with client:
            for _ in left:
                await client.sendmail("a@b.example", ["c@d.example"], text)

    await until(lambda: _listens(port), "the sink")
    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return letters / (time.perf_counter() - began)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@contextlib.asynccontextmanager
async def _played(suite: Suite, recipients: int) -> AsyncIterator[None]:
    """Profile and segment, played: everybody has an address, and is in the one segment."""

    def contacts(asked: ContactsAsked) -> ContactsAnswered:
        at = {"email": "p{}@example.com", "sms": "+8613800{:06}"}[asked.channel]
        return ContactsAnswered(
            contacts=[
                Contact(profile_id=id, address=at.format(id), traits={"name": f"Viewer {id}"})
                for id in asked.profile_ids
            ]
        )

    def members(asked: MembersAsked) -> MembersAnswered:
        end = min(recipients, asked.after + asked.limit)
        return MembersAnswered(profile_ids=list(range(asked.after + 1, end + 1)))

    async with _bus(suite, "profile") as profile, _bus(suite, "segment") as segment:
        await _answer(profile, ContactsAsked, contacts)
        await _answer(segment, MembersAsked, members)
        yield


@contextlib.asynccontextmanager
async def _bus(suite: Suite, user: str) -> AsyncIterator[Bus]:
    settings: Mapping[str, str] = suite.settings(nats_url=suite.plan.nats_urls[user])
    bus = Bus(user, Settings.model_validate(settings))
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


async def _answer(bus: Bus, question: type[Q], reply: Callable[[Q], msgspec.Struct]) -> None:
    decoder = msgspec.json.Decoder(question)

    async def handle(payload: bytes) -> bytes:
        return msgspec.json.encode(reply(decoder.decode(payload)))

    await bus.answer(question.subject, handle)


async def _campaign(suite: Suite, client: Client, channel: str, recipients: int) -> Sent:
    """Put one, have it approved, start it, wait for its end."""
    path = f"/v1/campaigns/bench-{channel}"
    texts = {"body": BODY} | ({"subject": "New", "html": HTML} if channel == "email" else {})
    body = {
        "name": "Bench",
        "trigger": {"manual": {"segment": "everybody"}},
        "channel": channel,
        "content": texts,
        "conversion": {"event": "Order Completed"},
    }
    await client.call("PUT", path, body)
    await client.call("POST", f"{path}/submit")
    await client.call("POST", f"{path}/approve")
    before = suite.busy()
    began = time.perf_counter()
    await client.call("POST", f"{path}/start")
    planned: list[float] = []

    async def ended() -> bool:
        await asyncio.sleep(0.2)
        shown: dict[str, Any] = await client.call("GET", path)
        if not planned and shown["planning"]["done"]:
            planned.append(time.perf_counter() - began)
        return bool(shown["state"] == "finished")

    await until(ended, f"{recipients} messages to go out", seconds=LIMIT)
    took = time.perf_counter() - began
    after = suite.busy()
    report = await client.call("GET", f"{path}/report")
    assert report["funnel"]["sent"] == recipients, report
    busy = {name: seconds - before.get(name, 0.0) for name, seconds in after.items()}
    wanted = {name: seconds for name, seconds in busy.items() if name in ("campaign", "postgres for campaign")}
    return Sent(planned[0], took, wanted, suite.memory("campaign")["campaign"])
