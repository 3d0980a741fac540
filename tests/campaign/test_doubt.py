"""Crashes, outages and quarrels while sending: nothing twice, nothing lost, every doubt visible."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.actions import messages as actions
from services.campaign.app import SERVICE
from services.campaign.rules import sending
from services.campaign.store.messages import Ready, Result
from shared import clock
from shared.contracts import ContactsAsked, MessageFailed
from tests.campaign.conftest import People
from tests.campaign.mail import MailServer, serving
from tests.campaign.samples import NOW, ended, entered, messages, start, states
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running

Campaign = Callable[..., Awaitable[Running]]
Database = Callable[[str], Awaitable[str]]


async def take(session: AsyncSession, lease: timedelta) -> actions.Claim:
    """What a sender claims."""
    return await actions.claim(session, limit=500, channels=["email"], lease=lease)


def marks(claim: actions.Claim, ids: Collection[int]) -> dict[int, Ready]:
    """What a sender that has written these messages marks them with."""
    return {row.id: Ready(row.profile_id, capped=True) for row in claim.rows if row.id in ids}


async def test_a_sender_that_dies_while_sending_leaves_an_unknown_that_is_not_sent_again(
    open_house: Callable[..., Opening], database: Database, mail: MailServer, people: People
) -> None:
    url = await database("campaign")
    mail.gate.clear()
    async with open_house(SERVICE, smtp_url=mail.url, database_url=url, call_seconds=0.3) as running:
        await start(running)
        await running.tell(entered(1))
        await eventually(lambda: mail.at_gate == 1)
        assert await states(running) == {"calling": 1}
        # The house is torn down here, in the middle of the call: the same picture as after kill -9.
    mail.gate.set()
    assert mail.addresses == ["p1@example.com"]
    async with open_house(SERVICE, smtp_url=mail.url, database_url=url, call_seconds=0.3) as running:
        [message] = await eventually(lambda: ended(running, 1))
        assert (message["state"], message["reason"], message["attempts"]) == ("unknown", "sender_stopped", 1)
        # The service is alive and sends others, but this one never again.
        await running.tell(entered(2, minute=1))
        await eventually(lambda: ended(running, 2))
        assert mail.addresses == ["p1@example.com", "p2@example.com"]
        assert mail.at_gate == 2
        facts = await running.told(MessageFailed)
        assert [(fact.profile_id, fact.reason) for fact in facts] == [(1, "unknown: sender_stopped")]


async def test_a_crash_between_the_servers_yes_and_the_record_is_unknown_too(
    campaign: Campaign, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: Any) -> None:
        raise RuntimeError("the process dies here")

    monkeypatch.setattr(actions, "settle", crash)
    running = await campaign(call_seconds=0.3, claim_seconds=0.3)
    await start(running)
    await running.tell(entered(1))
    [message] = await eventually(lambda: ended(running, 1))
    assert (message["state"], message["reason"]) == ("unknown", "sender_stopped")
    assert mail.addresses == ["p1@example.com"]


async def test_a_sender_that_dies_before_sending_loses_nothing(
    open_house: Callable[..., Opening], database: Database, mail: MailServer, people: People, bus: TestBus
) -> None:
    url = await database("campaign")
    async with open_house(SERVICE, smtp_url=None, database_url=url) as running:
        await start(running)
        await running.tell(entered(1))
        await eventually(lambda: messages(running))
        async with running.db.transaction() as session:
            claim = await take(session, timedelta(seconds=0.3))
        assert len(claim.rows) == 1
        assert await states(running) == {"claimed": 1}
    async with open_house(SERVICE, smtp_url=mail.url, database_url=url) as running:
        [message] = await eventually(lambda: ended(running, 1))
        assert (message["state"], message["attempts"]) == ("accepted", 1)
    assert mail.addresses == ["p1@example.com"]


async def test_a_late_record_tells_the_truth_about_an_unknown(campaign: Campaign, mail: MailServer) -> None:
    mail.gate.clear()
    running = await campaign(call_seconds=0.2)
    await start(running)
    await running.tell(entered(1))
    [message] = await eventually(lambda: ended(running, 1))
    assert message["state"] == "unknown"
    mail.gate.set()
    await eventually(lambda: reached(running, {"accepted": 1}))
    [message] = await messages(running)
    assert (message["reason"], mail.addresses) == (None, ["p1@example.com"])


async def reached(running: Running, expected: dict[str, int]) -> None:
    assert await states(running) == expected


async def test_silence_after_the_data_is_unknown(campaign: Campaign, mail: MailServer) -> None:
    mail.keeps_silent = lambda address: address == "p1@example.com"
    running = await campaign()
    await start(running)
    await running.tell(entered(1, 17))
    found = {one["profile_id"]: one for one in await eventually(lambda: ended(running, 2))}
    assert (found[1]["state"], found[1]["reason"]) == ("unknown", "connection_lost")
    assert found[17]["state"] == "accepted"
    assert sorted(mail.addresses) == ["p17@example.com", "p1@example.com"]


async def test_later_is_tried_again_until_it_is_enough(
    campaign: Campaign, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "FIRST_RETRY", timedelta(milliseconds=50))
    tries: dict[str, int] = {}

    def reply(address: str) -> str:
        tries[address] = tries.get(address, 0) + 1
        if address == "p1@example.com":
            return "451 greylisted" if tries[address] < 3 else "250 OK"
        return "452 full"

    mail.data = reply
    running = await campaign(smtp_attempts=4)
    await start(running)
    await running.tell(entered(1, 17))
    found = {one["profile_id"]: one for one in await eventually(lambda: ended(running, 2))}
    assert (found[1]["state"], found[1]["attempts"], found[1]["reason"]) == ("accepted", 3, None)
    assert (found[17]["state"], found[17]["attempts"]) == ("failed", 4)
    assert (found[17]["reason"], found[17]["detail"]) == ("gave_up", "452 full")
    assert tries == {"p1@example.com": 3, "p17@example.com": 4}


async def test_a_server_that_is_away_costs_no_attempt(
    campaign: Campaign, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "OUTAGE_RETRY", timedelta(milliseconds=200))
    async with serving() as gone:
        url = gone.url
    running = await campaign(smtp_url=url)
    await start(running)
    await running.tell(entered(1, 17))
    held = await eventually(lambda: waiting(running, "smtp_unreachable"))
    assert {one["attempts"] for one in held} == {0}
    shown = (await running.client.get("/v1/campaigns/welcome")).json()
    assert shown["delivery"]["ready"] is False
    assert shown["delivery"]["reason"].startswith("the SMTP server cannot be reached")
    async with serving(port=int(url.rpartition(":")[2])) as back:
        found = await eventually(lambda: ended(running, 2))
        assert {(one["state"], one["attempts"]) for one in found} == {("accepted", 1)}
        assert len(back.arrived) == 2
        shown = (await running.client.get("/v1/campaigns/welcome")).json()
        assert shown["delivery"] == {"ready": True, "reason": None}


async def waiting(running: Running, reason: str) -> list[dict[str, Any]]:
    found = await messages(running)
    assert found
    assert {(one["state"], one["reason"]) for one in found} == {("planned", reason)}
    return found


async def test_while_profile_is_away_messages_and_triggers_wait(
    open_house: Callable[..., Opening], mail: MailServer, bus: TestBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "OUTAGE_RETRY", timedelta(milliseconds=200))
    running = await open_house(SERVICE, smtp_url=mail.url)
    await start(running)
    await running.tell(entered(1))
    await eventually(lambda: waiting(running, "profile_unreachable"))
    assert mail.arrived == []
    people = People()
    await bus.answer(ContactsAsked, people.contacts)
    [message] = await eventually(lambda: ended(running, 1))
    assert (message["state"], message["attempts"]) == ("accepted", 1)


async def test_two_senders_send_each_message_once(
    open_house: Callable[..., Opening], database: Database, mail: MailServer, people: People
) -> None:
    url = await database("campaign")
    async with (
        open_house(SERVICE, smtp_url=mail.url, database_url=url) as one,
        open_house(SERVICE, smtp_url=mail.url, database_url=url) as two,
    ):
        await start(one)
        for minute in range(4):
            await one.tell(*(entered(*range(part, 16 * 40, 16), minute=minute) for part in range(1, 9)))
        found = await eventually(lambda: ended(two, 4 * 8 * 40), timeout=60)
    assert {one["state"] for one in found} == {"accepted"}
    assert {one["attempts"] for one in found} == {1}
    assert len(mail.arrived) == len(found)
    assert len({letter["message-id"] for _, letter in mail.arrived}) == len(found)


async def test_claims_do_not_overlap_and_a_pause_takes_them_away(campaign: Campaign) -> None:
    running = await campaign(smtp_url=None)
    await start(running)
    await running.tell(entered(*range(1, 161, 16)))
    await eventually(lambda: messages(running))
    lease = timedelta(minutes=1)
    async with running.db.transaction() as first:
        mine = await take(first, lease)
        async with running.db.transaction() as second:
            assert (await take(second, lease)).rows == []
    ids = [row.id for row in mine.rows]
    assert len(ids) == 10
    async with running.db.transaction() as session:
        assert (await actions.call(session, mine.token, marks(mine, ids[:5]), [], lease=lease)).ids == set(ids[:5])
    await running.client.post("/v1/campaigns/welcome/pause")
    async with running.db.transaction() as session:
        assert (await actions.call(session, mine.token, marks(mine, ids[5:]), [], lease=lease)).ids == set()
        await actions.release(session, mine.token, ids[5:])
    assert await states(running) == {"calling": 5, "planned": 5}
    async with running.db.transaction() as session:
        assert (await take(session, lease)).rows == []


async def test_a_record_without_the_claim_changes_nothing(campaign: Campaign) -> None:
    running = await campaign(smtp_url=None)
    await start(running)
    await running.tell(entered(1))
    [message] = await eventually(lambda: messages(running))
    async with running.db.transaction() as session:
        lost = await take(session, timedelta(seconds=-1))
    async with running.db.transaction() as session:
        await actions.expire(session)
        taken = await take(session, timedelta(minutes=1))
    assert [row.id for row in taken.rows] == [message["id"]]
    async with running.db.transaction() as session:
        marked = marks(lost, [message["id"]])
        called = await actions.call(session, lost.token, marked, [], lease=timedelta(minutes=1))
        assert called.ids == set()
        await actions.settle(session, lost.token, [Result(message["id"], "accepted")])
    assert await states(running) == {"claimed": 1}


async def test_time_is_the_clocks(campaign: Campaign) -> None:
    running = await campaign(smtp_url=None)
    with clock.at(NOW):
        await start(running)
    async with running.db.transaction() as session:
        assert await session.scalar(text("SELECT started_at FROM campaigns")) == NOW
