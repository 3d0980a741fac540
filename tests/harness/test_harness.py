"""The harness itself: a house hears and tells, and its tests cannot pass by accident."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import nats
import pytest
from nats.errors import TimeoutError as NatsTimeout
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import outbox
from shared.contracts import EventRecorded, ProfileUpdated, SegmentDefined, TriggerReceived
from shared.house import Service
from shared.reader import On, catching_up
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.harness.houses import Opening

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def event(profile_id: int, number: int = 1) -> EventRecorded:
    return EventRecorded(
        event_id=f"e{profile_id}-{number}",
        origin=f"user_id:u{profile_id}",
        profile_id=profile_id,
        event="Content Liked",
        time=NOW,
        received_at=NOW,
        history=False,
        properties={},
    )


async def test_a_house_hears_in_order_and_tells(open_house: Callable[..., Opening]) -> None:
    heard: list[str] = []

    async def absorb(session: AsyncSession, items: list[EventRecorded]) -> None:
        heard.extend(item.event_id for item in items)
        for item in items:
            outbox.tell(session, SegmentDefined(key=item.event_id, name="x", version=1, rule=None, archived=False))

    service = Service(name="segment", title="Test", tables=MetaData(), listeners=(On(EventRecorded, absorb),))
    running = await open_house(service)
    await running.tell(event(1), event(1, 2), event(2), event(1, 3))
    told = await eventually(lambda: _at_least(running.told, 4))
    assert [id_ for id_ in heard if id_.startswith("e1-")] == ["e1-1", "e1-2", "e1-3"]
    assert sorted(fact.key for fact in told) == sorted(heard)
    assert (await running.client.get("/readyz")).status_code == 200


async def _at_least(told: Callable[[], Awaitable[list[Any]]], number: int) -> list[Any]:
    facts = await told()
    assert len(facts) >= number
    return facts


async def test_a_newcomer_is_given_the_present_by_a_played_owner(open_house: Callable[..., Opening]) -> None:
    heard: list[tuple[int, bool]] = []

    async def absorb(session: AsyncSession, items: list[EventRecorded]) -> None:
        heard.extend((item.profile_id, catching_up(session)) for item in items)

    service = Service(
        name="segment", title="Test", tables=MetaData(), listeners=(On(EventRecorded, absorb, catch_up=True),)
    )
    async with open_house(service, present=[event(7)]) as running:
        await running.tell(event(8))
        await eventually(lambda: len(heard) == 2)
    assert heard == [(7, True), (8, False)]


async def test_triggers_come_from_other_systems(open_house: Callable[..., Opening]) -> None:
    heard: list[TriggerReceived] = []

    async def absorb(session: AsyncSession, items: list[TriggerReceived]) -> None:
        heard.extend(items)

    service = Service(name="campaign", title="Test", tables=MetaData(), listeners=(On(TriggerReceived, absorb),))
    running = await open_house(service)
    await running.tell(TriggerReceived(name="order", id="o1", data={"userId": "u1"}, at=NOW))
    await eventually(lambda: heard)
    assert (heard[0].name, heard[0].id, heard[0].data) == ("order", "o1", {"userId": "u1"})


async def test_a_service_cannot_tell_what_another_owns(bus: TestBus) -> None:
    await bus.connection("gateway")
    client = await nats.connect(bus.url("segment"), inbox_prefix="_INBOX_segment", error_cb=_ignore)
    try:
        with pytest.raises(NatsTimeout):
            await client.jetstream(timeout=0.3).publish(f"facts.1.{ProfileUpdated.kind}", b"{}")
    finally:
        await client.close()


async def _ignore(error: Exception) -> None:
    """The violation is what the test is about."""


async def test_a_database_is_a_clone_of_its_own_and_belongs_to_its_role(
    database: Callable[[str], Awaitable[str]],
) -> None:
    first, second = await database("segment"), await database("segment")
    assert first != second
    connection = await asyncpg.connect(first)
    try:
        assert await connection.fetchval("SELECT current_user") == "segment"
        assert not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        await connection.execute("SELECT count(*) FROM outbox")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE ROLE intruder")
    finally:
        await connection.close()


async def test_a_role_cannot_enter_another_services_database(database: Callable[[str], Awaitable[str]]) -> None:
    url = await database("segment")
    other = url.replace("//segment:", "//profile:")
    connection = await asyncpg.connect(other)  # clones are open to connect; their tables are not
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SELECT count(*) FROM outbox")
    finally:
        await connection.close()


async def test_a_house_writes_through_its_database(open_house: Callable[..., Opening]) -> None:
    running = await open_house(Service(name="segment", title="Test", tables=MetaData()))
    async with running.db.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM outbox")) == 0


async def test_eventually_shows_the_last_failure_and_does_not_wait_longer_than_needed() -> None:
    began = time.monotonic()
    with pytest.raises(AssertionError, match="still 0"):
        await eventually(lambda: 0, timeout=0.1)

    async def never() -> None:
        raise AssertionError("not yet")

    with pytest.raises(AssertionError, match="not yet"):
        await eventually(never, timeout=0.1)
    ready = asyncio.get_running_loop().time() + 0.05
    assert await eventually(lambda: asyncio.get_running_loop().time() > ready)
    assert time.monotonic() - began < 2


async def test_eventually_does_not_hide_a_broken_check() -> None:
    with pytest.raises(ZeroDivisionError):
        await eventually(lambda: 1 / 0)
