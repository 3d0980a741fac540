"""Pace, progress, and ends: what is counted as it changes, and what is called off in sets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.campaign.actions import withdrawals
from services.campaign.rules import pacing
from services.campaign.store import tallies
from shared.contracts import MessageFailed, ProfileErased
from tests.campaign.conftest import People, Segments
from tests.campaign.mail import MailServer
from tests.campaign.samples import NOW, PATH, begin, entered, finished, manual, messages, start, states
from tests.harness.eventually import eventually
from tests.harness.houses import Running

Campaign = Callable[..., Awaitable[Running]]


@pytest.mark.parametrize(
    ("left", "rate", "last", "seconds"),
    [
        (100, 10, None, 10),
        (100, 0, None, None),
        (0, 0, None, None),
        (0, 0, 60, 60),
        (100, 10, 60, 60),
        (100, 1, 60, 100),
    ],
)
def test_when_everything_will_have_ended(left: int, rate: float, last: float | None, seconds: float | None) -> None:
    waits = None if last is None else NOW + timedelta(seconds=last)
    ends = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert pacing.eta(NOW, left=left, rate=rate, last=waits) == ends


async def test_who_gets_nothing_takes_no_place_in_the_rate(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    everyone = list(range(1, 401))
    segments.of = {"silent": everyone}
    people.refused = {n: "no_consent" for n in everyone if n % 100}
    running = await campaign()
    await begin(running, manual(rate=5))
    # At five a second four hundred would take eighty seconds; four take less than one.
    done = await eventually(lambda: finished(running), timeout=30)
    assert done["messages"]["accepted"] == 4


async def test_the_eta_counts_what_can_move_and_ends_with_who_waits_longest(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    now = datetime.now(UTC)
    noon, night = (f"Etc/GMT{now.hour - base:+d}" for base in (12, 0 if now.hour <= 12 else 24))
    people.traits = {1: {"timezone": noon}, 2: {"timezone": night}, 3: {"timezone": night}}
    running = await campaign()
    await begin(running, manual({"list": ["1", "2", "3"]}, quiet_hours={"from": "21:00", "to": "07:00"}))

    async def waits() -> dict[str, Any]:
        told: dict[str, Any] = (await running.client.get(f"{PATH}/progress")).json()
        assert (told["done"], told["waiting"]) == (1, {"quiet_hours": 2})
        return told

    told = await eventually(waits)
    due = max(one["due_at"] for one in await messages(running, "back") if one["state"] == "planned")
    assert told["eta"] == due
    assert told["rate"] > 0


async def counted(running: Running) -> tuple[dict[Any, int], dict[Any, int]]:
    """What the figures say, and what there is."""
    async with running.db.transaction() as session:
        [id] = await session.scalars(text("SELECT id FROM campaigns WHERE key = 'welcome'"))
        said = {(state, reason): n for state, reason, n in await tallies.counts(session, id)}
        rows = await session.execute(text("SELECT state, reason, count(*) AS n FROM messages GROUP BY 1, 2"))
        return said, {(row.state, row.reason): row.n for row in rows}


async def test_figures_follow_every_statement(campaign: Campaign, mail: MailServer, people: People) -> None:
    people.refused = {17: "no_consent"}
    mail.rcpt = lambda address: "550 no such user" if address.startswith("p33@") else "250 OK"
    running = await campaign()
    await start(running)
    await running.tell(entered(1, 17, 33, 49))

    async def true(*ended: tuple[str, str | None]) -> None:
        said, there = await counted(running)
        assert said == there
        assert set(said) == set(ended)

    await eventually(lambda: true(("accepted", None), ("skipped", "no_consent"), ("failed", "refused")))
    await running.tell(ProfileErased(erasure_id=1, profile_id=1, origins=["user_id:u1"]))
    await running.client.post("/v1/campaigns/welcome/pause")
    for _ in range(2):
        async with running.db.transaction() as session:
            await tallies.fold(session, datetime.now(UTC) + timedelta(minutes=1))
    async with running.db.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM tallies")) == 3, "as many rows as there are figures"
    await true(("accepted", None), ("skipped", "no_consent"), ("failed", "refused"))
    async with running.db.transaction() as session:
        await session.execute(text("UPDATE messages SET state = 'unknown', reason = 'x' WHERE state = 'accepted'"))
        await session.execute(text("DELETE FROM messages WHERE state = 'failed'"))
    await true(("unknown", "x"), ("skipped", "no_consent"))


async def test_a_large_campaign_is_called_off_in_sets(
    campaign: Campaign, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withdrawals, "SET", 10)
    running = await campaign(smtp_url=None)
    await start(running)
    await running.tell(entered(*range(1, 16 * 35, 16)))

    async def planned() -> None:
        assert await states(running) == {"planned": 35}

    await eventually(planned)
    assert (await running.client.post("/v1/campaigns/welcome/cancel")).status_code == 200

    async def over() -> None:
        assert await states(running) == {"skipped": 35}
        async with running.db.transaction() as session:
            assert await session.scalar(text("SELECT count(*) FROM campaigns WHERE withdraw IS NOT NULL")) == 0

    await eventually(over)
    assert {one["reason"] for one in await messages(running)} == {"cancelled"}

    async def told() -> None:
        facts = await running.told(MessageFailed)
        assert (len(facts), {fact.reason for fact in facts}) == (35, {"skipped: cancelled"})

    await eventually(told)


async def test_a_withdrawal_leaves_what_a_sender_holds_for_the_next_set(campaign: Campaign, people: People) -> None:
    running = await campaign(smtp_url=None)
    await start(running)
    await running.tell(entered(1, 17))

    async def planned() -> None:
        assert await states(running) == {"planned": 2}

    await eventually(planned)
    async with running.db.transaction() as session:
        await session.execute(text("SELECT FROM messages WHERE profile_id = 1 FOR UPDATE"))
        assert (await running.client.delete("/v1/campaigns/welcome")).status_code == 204
        assert (await states(running))["skipped"] == 1

    async def over() -> None:
        assert await states(running) == {"skipped": 2}

    await eventually(over)
