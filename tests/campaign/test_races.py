"""What happens to a viewer while his message is claimed or on its way: erased, merged, unwilling, at his cap."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.campaign.actions import erasure, messages, moves, outcomes
from services.campaign.outside.parcels import Parcel
from services.campaign.rules import sending
from services.campaign.store.messages import Ready, Result
from shared.contracts import MessageSent, ProfileErased, ProfileMerged
from tests.campaign.conftest import People, Segments
from tests.campaign.mail import MailServer
from tests.campaign.samples import begin, ended, entered, finished, manual, start, states
from tests.campaign.samples import messages as shown
from tests.harness.eventually import eventually
from tests.harness.houses import Running

Campaign = Callable[..., Awaitable[Running]]
LEASE = timedelta(minutes=1)


def erased(profile_id: int) -> ProfileErased:
    return ProfileErased(erasure_id=1, profile_id=profile_id, origins=[f"user_id:u{profile_id}"])


def merged(gone: int, into: int) -> ProfileMerged:
    return ProfileMerged(from_id=gone, into_id=into, origins=[f"user_id:u{gone}"], move=1, at=datetime.now(UTC))


async def rows(running: Running, query: str) -> list[Any]:
    async with running.db.transaction() as session:
        return list((await session.execute(text(query))).all())


async def claimed(running: Running, channel: str = "email") -> messages.Claim:
    async with running.db.transaction() as session:
        return await messages.claim(session, limit=500, channels=[channel], lease=LEASE)


async def called(running: Running, claim: messages.Claim, *, capped: bool = True) -> messages.Called:
    marks = {row.id: Ready(row.profile_id, capped) for row in claim.rows}
    async with running.db.transaction() as session:
        return await messages.call(session, claim.token, marks, [], lease=LEASE)


async def test_erasing_a_viewer_whose_message_is_on_its_way_lets_the_campaign_end(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    mail.gate.clear()
    running = await campaign()
    await begin(running, manual({"list": ["1", "2"]}))
    await eventually(lambda: mail.at_gate == 2)
    await running.tell(erased(1))

    async def nobodys() -> None:
        assert len(await rows(running, "SELECT 1 FROM messages WHERE profile_id < 0 AND state = 'calling'")) == 1

    await eventually(nobodys)
    mail.gate.set()
    done = await eventually(lambda: finished(running))
    assert done["messages"]["accepted"] == 2
    [one] = await rows(running, "SELECT id, profile_id, detail, address FROM messages WHERE profile_id < 0")
    assert (one.profile_id, one.detail, one.address) == (-one.id, None, None)
    assert [fact.profile_id for fact in await running.told(MessageSent)] == [2]


async def test_what_an_erased_viewer_was_to_be_sent_again_is_over(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    mail.gate.clear()
    mail.data = lambda _: "451 later"
    running = await campaign()
    await begin(running, manual({"list": ["1"]}))
    await eventually(lambda: mail.at_gate == 1)
    await running.tell(erased(1))

    async def nobodys() -> None:
        assert len(await rows(running, "SELECT 1 FROM messages WHERE profile_id < 0")) == 1

    await eventually(nobodys)
    mail.gate.set()
    assert (await eventually(lambda: finished(running)))["reasons"] == {"erased": 1}


async def test_a_kept_message_of_an_erased_viewer_is_not_kept(
    campaign: Campaign, people: People, segments: Segments
) -> None:
    running = await campaign(smtp_url=None)
    await start(running)
    await running.tell(entered(1, 17))
    await eventually(lambda: planned(running, 2))
    claim = await claimed(running)
    made = await called(running, claim)
    viewers = {row.profile_id: row.id for row in claim.rows}
    async with running.db.transaction() as session:
        await erasure.KEEPS.listener()(session, [erased(1)])
    record = outcomes.Outcomes(claim, made.at)
    for viewer, id in viewers.items():
        record.results[id] = Result(id, "accepted")
        record.kept[id] = (Parcel(str(id), "inbox", "", "Hi", f"for {viewer}"), "inbox")
    async with running.db.transaction() as session:
        await outcomes.settle(session, record)
    assert [row.body for row in await rows(running, "SELECT body FROM inbox")] == ["for 17"]
    assert await states(running) == {"accepted": 2}


async def planned(running: Running, number: int) -> None:
    assert await states(running) == {"planned": number}


async def test_a_message_written_for_one_profile_is_not_sent_once_it_is_anothers(
    campaign: Campaign, people: People
) -> None:
    running = await campaign(smtp_url=None)
    await start(running)
    await running.tell(entered(1, 17))
    await eventually(lambda: planned(running, 2))
    claim = await claimed(running)
    async with running.db.transaction() as session:
        await moves.merge(session, [merged(1, 9)])
    made = await called(running, claim)
    assert [row.profile_id for row in claim.rows if row.id in made.ids] == [17]
    async with running.db.transaction() as session:
        await messages.release(session, claim.token, [row.id for row in claim.rows if row.id not in made.ids])
    [again] = (await claimed(running)).rows
    assert again.profile_id == 9


async def test_after_a_merge_in_the_middle_of_a_call_the_place_within_the_cap_is_the_new_viewers(
    campaign: Campaign, people: People
) -> None:
    running = await campaign(smtp_url=None, marketing_cap=3)
    await start(running)
    await running.tell(entered(1))
    await eventually(lambda: planned(running, 1))
    claim = await claimed(running)
    made = await called(running, claim)
    async with running.db.transaction() as session:
        await moves.merge(session, [merged(1, 9)])
    assert [tuple(row) for row in await rows(running, "SELECT profile_id, cardinality(times) FROM pressure")] == [
        (9, 1)
    ]
    [id] = made.ids
    async with running.db.transaction() as session:
        viewers = await messages.settle(session, claim.token, [Result(id, "failed", "refused")], [id], made.at)
    assert viewers == {id: 9}
    assert [tuple(row) for row in await rows(running, "SELECT profile_id, cardinality(times) FROM pressure")] == [
        (9, 0)
    ]


async def test_each_message_of_one_viewer_gives_its_own_place_back(campaign: Campaign, people: People) -> None:
    running = await campaign(smtp_url=None, marketing_cap=5)
    await start(running)
    await running.tell(entered(1), entered(1, minute=1), entered(1, minute=2))
    await eventually(lambda: planned(running, 3))
    claim = await claimed(running)
    made = await called(running, claim)
    refused = sorted(made.ids)[:2]
    async with running.db.transaction() as session:
        results = [Result(id, "failed", "refused") for id in refused]
        await messages.settle(session, claim.token, results, refused, made.at)
    [pressure] = await rows(running, "SELECT cardinality(times) AS n FROM pressure WHERE profile_id = 1")
    assert pressure.n == 1


async def test_of_two_senders_one_gets_the_last_place_of_the_cap(campaign: Campaign, people: People) -> None:
    running = await campaign(smtp_url=None, marketing_cap=1)
    for key in ("first", "second"):
        await start(running, key, {"segment_entered": "likers"})
    await running.tell(entered(1))

    async def both() -> None:
        for key in ("first", "second"):
            assert await states(running, key) == {"planned": 1}

    await eventually(both)
    claim = await claimed(running)
    one, two = ({row.id: Ready(1, capped=True)} for row in claim.rows)

    async def other() -> messages.Called:
        async with running.db.transaction() as session:
            return await messages.call(session, claim.token, two, [], lease=LEASE)

    async def waits() -> None:
        found = await rows(
            running, "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        assert found, "the second sender waits for the first one's place"

    async with running.db.transaction() as session:
        first = await messages.call(session, claim.token, one, [], lease=LEASE)
        second = asyncio.create_task(other())
        await eventually(waits)
    assert (first.ids, first.capped) == (set(one), set())
    assert ((await second).ids, (await second).capped) == (set(), set(two))


async def test_consent_withdrawn_in_the_middle_of_a_campaign_counts_from_the_next_message(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    segments.of = {"silent": list(range(1, 41))}
    mail.gate.clear()
    running = await campaign(send_set=5, send_lanes=1)
    await begin(running, manual())
    await eventually(lambda: mail.at_gate == 5)
    had = set(mail.addresses)
    people.refused = {n: "no_consent" for n in range(1, 41) if f"p{n}@example.com" not in had}
    mail.gate.set()
    done = await eventually(lambda: finished(running))
    assert (done["messages"]["accepted"], done["reasons"]) == (5, {"no_consent": 35})
    assert set(mail.addresses) == had


async def test_what_waits_too_long_for_a_slow_server_asks_for_consent_again(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "FRESH_SECONDS", 0.2)
    mail.gate.clear()
    running = await campaign(send_set=5, send_lanes=1, smtp_connections=1)
    await begin(running, manual({"list": [str(n) for n in range(1, 6)]}))
    await eventually(lambda: mail.at_gate == 1)
    asked = len(people.asked)
    people.refused = dict.fromkeys(range(1, 6), "no_consent")
    old = time.monotonic() + sending.FRESH_SECONDS
    await eventually(lambda: time.monotonic() > old)
    mail.gate.set()
    done = await eventually(lambda: finished(running))
    assert (done["messages"]["accepted"], done["reasons"]) == (1, {"no_consent": 4})
    assert len(people.asked) > asked
    again = {one["profile_id"]: one["attempts"] for one in await shown(running, "back")}
    assert sorted(again.values()) == [0, 0, 0, 0, 1], "what was given back was no attempt"


async def test_a_withdrawn_message_that_comes_back_from_its_server_is_called_off(
    campaign: Campaign, mail: MailServer, people: People
) -> None:
    mail.gate.clear()
    mail.data = lambda _: "451 later"
    running = await campaign()
    await start(running)
    await running.tell(entered(1))
    await eventually(lambda: mail.at_gate == 1)
    assert (await running.client.delete("/v1/campaigns/welcome")).status_code == 204
    mail.gate.set()
    [one] = await eventually(lambda: ended(running, 1))
    assert (one["state"], one["reason"]) == ("skipped", "archived")
