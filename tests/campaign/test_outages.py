"""Avoidable doubts: outcomes survive an outage of the database, a failing lane, and a house that closes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from services.campaign.actions import outcomes
from services.campaign.app import SERVICE
from services.campaign.memory import Counter
from services.campaign.outside.smtp import PostOffice, server
from services.campaign.rules import sending
from services.campaign.steps import drafts
from tests.campaign.conftest import People
from tests.campaign.mail import MailServer
from tests.campaign.samples import ended, entered, start, states
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running

Campaign = Callable[..., Awaitable[Running]]
Database = Callable[[str], Awaitable[str]]


async def test_outcomes_are_written_down_after_an_outage_of_the_database(
    open_house: Callable[..., Opening], database: Database, mail: MailServer, people: People
) -> None:
    url = await database("campaign")
    mail.gate.clear()
    async with open_house(SERVICE, smtp_url=mail.url, database_url=url) as running:
        await start(running)
        await running.tell(entered(1, 17))
        await eventually(lambda: mail.at_gate == 2)
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()
        mail.gate.set()
        found = await eventually(lambda: ended(running, 2), timeout=20)
        assert {(one["state"], one["attempts"]) for one in found} == {("accepted", 1)}


async def test_a_lane_that_fails_leaves_the_calls_of_the_others_alone(
    campaign: Campaign, mail: MailServer, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.gate.clear()
    asked = drafts.asked
    turns: list[int] = []

    async def fail_second(office: Any, claim: Any) -> Any:
        turns.append(len(turns))
        if len(turns) == 2:
            await eventually(lambda: mail.at_gate == 1)
            asyncio.get_running_loop().call_later(0.05, mail.gate.set)
            raise RuntimeError("this lane fails")
        return await asked(office, claim)

    monkeypatch.setattr(drafts, "asked", fail_second)
    running = await campaign(send_lanes=2, send_set=1, claim_seconds=0.5, call_seconds=2)
    await start(running)
    await running.tell(entered(1, 17))
    found = await eventually(lambda: ended(running, 2))
    assert {(one["state"], one["attempts"]) for one in found} == {("accepted", 1)}


async def test_an_outcome_that_cannot_be_written_costs_nobody_else_his(
    campaign: Campaign, mail: MailServer, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = outcomes.settle

    async def refuse(session: Any, record: outcomes.Outcomes) -> None:
        if any(result.detail and "seventeen" in result.detail for result in record.results.values()):
            raise ValueError("this one cannot be written")
        await settle(session, record)

    monkeypatch.setattr(outcomes, "settle", refuse)
    mail.data = lambda address: "250 seventeen" if address.startswith("p17@") else "250 OK"
    running = await campaign(call_seconds=1)
    await start(running)
    await running.tell(entered(1, 17, 33, 49, 65))
    found = {one["profile_id"]: one["state"] for one in await eventually(lambda: ended(running, 5))}
    assert found == {1: "accepted", 17: "unknown", 33: "accepted", 49: "accepted", 65: "accepted"}


async def closed_while_one_is_with_the_server(
    open_house: Callable[..., Opening], url: str, mail: MailServer, *, answers: bool
) -> dict[str, int]:
    """Ten messages and one connection; the states afterwards."""
    mail.gate.clear()
    async with open_house(SERVICE, smtp_url=mail.url, database_url=url, smtp_connections=1, send_set=10) as running:
        await start(running)
        await running.tell(entered(*range(1, 161, 16)))
        await eventually(lambda: mail.at_gate == 1)
        if answers:
            closing = asyncio.create_task(running.house.loops.stop(grace=30))
            await eventually(lambda: running.house.loops.stopping)
            mail.gate.set()
            await closing
    async with open_house(SERVICE, smtp_url=None, database_url=url) as running:
        return await states(running)


async def test_a_house_that_closes_ends_what_it_began_and_gives_the_rest_back(
    open_house: Callable[..., Opening], database: Database, mail: MailServer, people: People
) -> None:
    url = await database("campaign")
    left = await closed_while_one_is_with_the_server(open_house, url, mail, answers=True)
    assert left == {"accepted": 1, "planned": 9}
    assert len(mail.arrived) == 1


async def test_a_server_that_does_not_answer_in_time_leaves_only_its_own_letter_unsure(
    open_house: Callable[..., Opening], database: Database, mail: MailServer, people: People
) -> None:
    url = await database("campaign")
    # A test's house closes without patience: its steps are cancelled at once.
    left = await closed_while_one_is_with_the_server(open_house, url, mail, answers=False)
    assert left == {"calling": 1, "planned": 9}


def test_sets_are_as_large_as_a_provider_is_fast() -> None:
    office = PostOffice(server("smtp://127.0.0.1:1"), connections=1, name="test", sender="a@b.example")
    counter = Counter("email", office)
    assert counter.size(least=6, most=200) == 200, "nothing is known yet"
    counter.learn(40, 4.0)
    assert counter.size(least=6, most=200) == 15
    counter.learn(0, 4.0)
    counter.learn(0, 4.0)
    assert counter.size(least=6, most=200) == 6
    counter.learn(6, 0.01)
    assert counter.size(least=6, most=200) == 200
    counter.turned_away("553 no")
    assert counter.size(least=6, most=200) == 1
    counter.reached(fully=True)
    assert (counter.size(least=6, most=200), counter.held_up) == (200, None)
    assert Counter("inbox", keeps="inbox").size(least=6, most=200) == 200


def test_the_tries_to_write_outcomes_last_as_long_as_told() -> None:
    waits = list(sending.pauses(10))
    assert 10 <= sum(waits) < 12
    assert waits[0] < 0.1
    assert max(waits) == 2.0
