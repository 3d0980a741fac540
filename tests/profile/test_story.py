"""Calls on INTAKE become facts on FACTS: through the real reader, bus, database and relay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions.events import absorb
from services.profile.app import SERVICE
from services.profile.tables import events
from shared.contracts import (
    ContactsAnswered,
    ContactsAsked,
    EventReceived,
    EventRecorded,
    Fact,
    IdentityLinked,
    ProfileUpdated,
    ResolveAnswered,
    ResolveAsked,
    SnapshotAsked,
    SnapshotPage,
)
from shared.reader import On
from shared.tables import dead_letters
from tests.harness.bus import TestBus
from tests.harness.houses import Opening
from tests.profile.samples import call

OpenHouse = Callable[..., Opening]
Eventually = Callable[..., Awaitable[Any]]


async def test_calls_become_facts_in_order_per_viewer(open_house: OpenHouse, eventually: Eventually) -> None:
    profile = await open_house(SERVICE)
    sent = [call(user_id=f"u{n % 7}", message_id=f"m{n}", after=n) for n in range(200)]
    await profile.tell(*sent, *sent[50:90])

    async def all_told() -> bool:
        return len(await profile.told(EventRecorded)) >= 200

    await eventually(all_told)
    recorded = await profile.told(EventRecorded)
    assert Counter(fact.event_id for fact in recorded) == Counter(item.message_id for item in sent)
    for user in range(7):
        mine = [fact.event_id for fact in recorded if fact.origin == f"user_id:u{user}"]
        assert mine == [item.message_id for item in sent if item.user_id == f"u{user}"]
    assert len(await profile.told(IdentityLinked)) == len(await profile.told(ProfileUpdated)) == 7


async def test_nul_bytes_become_dead_letters_and_hold_nobody_up(open_house: OpenHouse, eventually: Eventually) -> None:
    profile = await open_house(SERVICE)
    bad = [
        call(user_id="u1", message_id="bad-1", properties={"a": "x\0y"}),
        call(user_id="u\0", message_id="bad-2"),
        call("identify", user_id="u1", message_id="bad-3", traits={"\0": 1}),
        call(user_id="u1", message_id="bad-4", event="\0"),
        call(message_id="bad-5"),
    ]
    good = [call(user_id="u1", message_id=f"good-{n}") for n in range(5)]
    await profile.tell(*(item for pair in zip(good, bad, strict=True) for item in pair))

    async def settled() -> None:
        assert [fact.event_id for fact in await profile.told(EventRecorded)] == [item.message_id for item in good]
        async with profile.db.transaction() as session:
            assert await session.scalar(select(func.count()).select_from(dead_letters)) == len(bad)

    await eventually(settled)


async def test_a_crash_after_the_effects_is_as_if_it_had_not_begun(
    open_house: OpenHouse, eventually: Eventually
) -> None:
    crashes = 0

    async def cut_short(session: AsyncSession, items: list[EventReceived]) -> None:
        nonlocal crashes
        await absorb(session, items)
        if crashes < 2:
            crashes += 1
            raise ConnectionError("the power went")

    profile = await open_house(replace(SERVICE, listeners=(On(EventReceived, cut_short),)))
    sent = [call(user_id=f"u{n}", anonymous_id=f"a{n}", message_id=f"m{n}") for n in range(20)]
    await profile.tell(*sent)

    async def all_told() -> bool:
        return len(await profile.told(EventRecorded)) >= 20

    await eventually(all_told, timeout=20)
    assert crashes == 2
    assert Counter(fact.event_id for fact in await profile.told(EventRecorded)) == Counter(f"m{n}" for n in range(20))
    assert len(await profile.told(IdentityLinked)) == 40
    assert [fact.version for fact in await profile.told(ProfileUpdated)] == [1] * 20
    async with profile.db.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(events)) == 20


async def test_it_answers_over_the_bus(open_house: OpenHouse, bus: TestBus, eventually: Eventually) -> None:
    profile = await open_house(SERVICE)
    await profile.tell(call("identify", user_id="u1", traits={"email": "u1@example.com", "name": "One"}))

    async def known() -> bool:
        return bool(await profile.told(ProfileUpdated))

    await eventually(known)
    campaign = await bus.connection("campaign")
    resolved = await campaign.ask(ResolveAsked(refs=["user_id:u1", "user_id:u2"]), ResolveAnswered)
    assert resolved.profile_ids == {"user_id:u1": 1}
    contacts = await campaign.ask(ContactsAsked(profile_ids=[1, 2], channel="email"), ContactsAnswered)
    assert [(one.address, one.traits) for one in contacts.contacts] == [("u1@example.com", {"name": "One"})]
    assert contacts.refused == {2: "unknown_profile"}


async def test_a_newcomer_gets_all_of_it_in_pages_that_fit_the_bus(
    open_house: OpenHouse, bus: TestBus, eventually: Eventually
) -> None:
    profile = await open_house(SERVICE)
    sent = [call(user_id=f"u{n % 3}", properties={"text": "x" * 30_000}, message_id=f"m{n}") for n in range(25)]
    async with profile.db.transaction() as session:
        await absorb(session, sent)
    segment = await bus.connection("segment")

    async def pages(fact: type[Fact]) -> list[list[Fact]]:
        found: list[list[Fact]] = []
        after: str | None = None
        for _ in range(100):
            page = await segment.ask(SnapshotAsked(kind=fact.kind, after=after), SnapshotPage, to="profile")
            found.append(msgspec.json.decode(page.items, type=list[fact]))  # type: ignore[valid-type]
            if (after := page.next) is None:
                return found
        raise AssertionError("the snapshot does not end")

    events_ = await pages(EventRecorded)
    assert len(events_) > 3
    assert sorted(fact.event_id for page in events_ for fact in page) == sorted(item.message_id for item in sent)  # type: ignore[attr-defined]
    assert [len(page) for page in await pages(ProfileUpdated)] == [3]
    assert [len(page) for page in await pages(IdentityLinked)] == [3]
