"""Outbox and relay: what a transaction tells leaves with it, in the order of commits, and arrives once."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.exc import ProgrammingError

from shared import outbox, telemetry
from shared.bus import Bus, BusDown
from shared.contracts import EventRecorded, Message, SegmentChanged
from shared.database import Database, after_commit
from shared.reader import On
from shared.relay import LANE, Relay
from shared.tables import outbox as outbox_table
from shared.tables import outbox_numbers
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.shared import toy
from tests.shared.toy import Shelf, drain, recorded


async def rows(db: Database) -> list[Any]:
    async with db.transaction() as session:
        query = select(outbox_table).order_by(outbox_table.c.stream, outbox_table.c.part, outbox_table.c.n)
        return list((await session.execute(query)).all())


async def test_numbers_are_dense_and_become_visible_in_their_order(db: Database) -> None:
    """Were a higher number visible before a lower one, a relay would send them in the wrong order."""
    done = asyncio.Event()
    seen: list[int] = []

    async def tell(number: int) -> None:
        async with db.transaction() as session:
            for who in (1, 2, 17):
                outbox.tell(session, recorded(f"{number}-{who}", who))
            outbox.tell(session, toy.thing(f"{number}"))
            await asyncio.sleep(0.001 * (number % 7))

    async def look() -> None:
        while not done.is_set():
            for lane in ("FACTS", 1), ("FACTS", 2), ("THINGS", 0):
                async with db.transaction() as session:
                    query = select(outbox_table.c.n).where(outbox_table.c.stream == lane[0])
                    found = (await session.scalars(query.where(outbox_table.c.part == lane[1]))).all()
                assert sorted(found) == list(range(1, len(found) + 1))
                seen.append(len(found))

    looking = asyncio.create_task(look())
    await asyncio.gather(*(tell(number) for number in range(50)))
    done.set()
    await looking
    assert len(set(seen)) > 3, "the watcher must have seen the numbers grow"
    found = await rows(db)
    for lane in ("FACTS", 1), ("FACTS", 2), ("THINGS", 0):
        assert [row.n for row in found if (row.stream, row.part) == lane] == list(range(1, 51))
    messages = [msgspec.json.decode(row.payload, type=Message) for row in found]
    assert [(m.n, m.part, m.id) for m in messages] == [(row.n, row.part, row.message_id) for row in found]
    assert {m.producer for m in messages} == {"profile"}
    assert all(row.subject == f"facts.{row.part}.events.recorded.v1" for row in found if row.stream == "FACTS")


async def test_a_transaction_that_rolls_back_tells_nothing_and_takes_no_number(db: Database) -> None:
    called: list[str] = []

    async def fails() -> None:
        async with db.transaction() as session:
            outbox.tell(session, recorded("never"))
            after_commit(session, lambda: called.append("never"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    async with db.transaction() as session:
        outbox.tell(session, recorded("told"))
        after_commit(session, lambda: called.append("told"))
        assert called == []
    (row,) = await rows(db)
    assert row.n == 1
    assert b'"told"' in row.payload
    assert called == ["told"]


async def test_what_cannot_be_told_has_not_happened(db: Database) -> None:
    """Effects and facts are one transaction: were the facts written after the commit, a crash would lose them."""
    async with db.transaction() as session:
        await session.execute(text("ALTER TABLE outbox RENAME TO away"))

    async def tell() -> None:
        async with db.transaction() as session:
            await toy.note(session, [recorded("x")])
            outbox.tell(session, recorded("x"))

    with pytest.raises(ProgrammingError, match="outbox"):
        await tell()
    async with db.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM noted")) == 0
        assert await session.scalar(text("SELECT count(*) FROM outbox_numbers")) == 0


async def test_telling_wakes_the_relay_and_only_then(db: Database) -> None:
    woken: list[int] = []
    db.wake = lambda: woken.append(1)
    async with db.transaction() as session:
        await session.execute(select(1))
    assert woken == []
    async with db.transaction() as session:
        outbox.tell(session, recorded("x"))
    assert woken == [1]


async def test_the_partition_of_a_fact(db: Database) -> None:
    changed = SegmentChanged(key="k", version=1, part=5, cause="rule", at=toy.NOW)
    async with db.transaction() as session:
        outbox.tell(session, recorded("by profile", 18))
        outbox.tell(session, changed)
        outbox.tell(session, toy.thing("a thing"))
        outbox.tell(session, recorded("by hand", 18), part=7)
        for wrong in (-1, 16, 99):
            with pytest.raises(ValueError, match="no partition"):
                outbox.tell(session, changed, part=wrong)
        with pytest.raises(AttributeError):
            outbox.tell(session, toy.received("INTAKE facts say no partition"))
    assert [(row.stream, row.part) for row in await rows(db)] == [
        ("FACTS", 2), ("FACTS", 5), ("FACTS", 7), ("THINGS", 0),
    ]  # fmt: skip


async def test_a_message_carries_the_trace_it_was_told_under(db: Database) -> None:
    token = telemetry.trace.set("a" * 32)
    try:
        async with db.transaction() as session:
            outbox.tell(session, recorded("x"))
    finally:
        telemetry.trace.reset(token)
    (row,) = await rows(db)
    assert msgspec.json.decode(row.payload, type=Message).trace == "a" * 32


async def _tell(db: Database, *names: str, who: int = 1) -> None:
    for name in names:
        async with db.transaction() as session:
            outbox.tell(session, recorded(name, who))


async def _relay(relay: Relay) -> None:
    for _ in range(100):
        if not await relay.step():
            return
    raise AssertionError("the outbox does not become empty")


async def _owner(db: Database, bus: TestBus) -> Bus:
    await bus.step_aside("profile")
    opened = Bus("profile", toy.settings("postgresql://none", bus, "profile"))
    await opened.open()
    return opened


async def test_facts_wait_while_the_bus_is_away_and_arrive_once_in_order(
    db: Database, facts: Shelf, bus: TestBus
) -> None:
    owner = await _owner(db, bus)
    relay = Relay(db, owner)
    reader = facts.reader(On(EventRecorded, toy.note))
    names = [f"{number:02}" for number in range(40)]
    await _tell(db, *names[:10])
    await _relay(relay)
    toy.kill_nats(bus)
    await _tell(db, *names[10:30])
    await eventually(lambda: not owner.connected)
    with pytest.raises(BusDown):
        await relay.step()
    assert len(await rows(db)) == 20
    with toy.nats_again(bus):
        await eventually(lambda: owner.connected and facts.bus.connected, timeout=15)
        await _tell(db, *names[30:])
        await _relay(relay)
        assert await rows(db) == []

        async def all_there() -> bool:
            try:
                await reader.step()
            except BusDown:
                return False
            return len(await facts.noted()) >= 40

        await eventually(all_there, timeout=20)
        assert await facts.noted() == names
        await relay.close()
        await reader.close()
        await owner.close()
        await facts.bus.close()


async def test_a_crash_between_the_acknowledgement_and_the_deletion_repeats_nothing_for_readers(
    db: Database, facts: Shelf, bus: TestBus
) -> None:
    owner = await _owner(db, bus)
    relay = Relay(db, owner)
    await _tell(db, "one", "two", "three")
    # Sent, but not deleted. Without its id, since the server's own memory of ids ends after ten minutes.
    for row in (await rows(db))[:2]:
        await owner.publish(row.stream, row.subject, row.payload)
    await _relay(relay)
    assert len(await bus.messages("FACTS")) == 5
    await drain(facts.reader(On(EventRecorded, toy.note)))
    assert await facts.noted() == ["one", "two", "three"]
    await relay.close()
    await owner.close()


async def test_one_partition_that_is_stuck_does_not_hold_up_the_others(db: Database, bus: TestBus) -> None:
    owner = await _owner(db, bus)
    relay = Relay(db, owner)
    await _tell(db, *(f"stuck {number}" for number in range(LANE * 2)), who=1)
    await _tell(db, *(f"free {number}" for number in range(LANE * 2)), who=2)
    publish = owner.publish

    async def refuse(stream: str, subject: str, *rest: Any, **more: Any) -> int:
        if subject.startswith("facts.1."):
            raise BusDown("full")
        return await publish(stream, subject, *rest, **more)

    owner.publish = refuse  # type: ignore[method-assign]
    for _ in range(3):
        with pytest.raises(BusDown, match="full"):
            await relay.step()
    left = await rows(db)
    assert {row.part for row in left} == {1}
    assert [row.n for row in left] == list(range(1, LANE * 2 + 1))
    owner.publish = publish  # type: ignore[method-assign]
    await _relay(relay)
    assert [one.event_id for one in await bus.told("profile") if one.profile_id == 1] == [  # type: ignore[attr-defined]
        f"stuck {number}" for number in range(LANE * 2)
    ]
    await relay.close()
    await owner.close()


async def test_only_one_of_two_relays_sends(db: Database, bus: TestBus) -> None:
    owner = await _owner(db, bus)
    first, second = Relay(db, owner), Relay(db, owner)
    await _tell(db, "one")
    await _relay(first)
    assert await rows(db) == []
    await _tell(db, "two")
    assert not await second.step()
    assert len(await rows(db)) == 1
    await first.close()
    assert await second.step()
    await second.close()
    assert await rows(db) == [], "what was sent is deleted with the next look, at the latest on closing"
    assert len(await bus.messages("FACTS")) == 2
    await owner.close()


async def test_numbers_go_on_after_the_outbox_was_emptied(db: Database) -> None:
    await _tell(db, "one", "two")
    async with db.transaction() as session:
        await session.execute(delete(outbox_table))
    await _tell(db, "three")
    assert [row.n for row in await rows(db)] == [3]
    async with db.transaction() as session:
        assert await outbox.numbers(session, "FACTS") == {1: 3}
        assert await outbox.numbers(session, "THINGS") == {}
        assert (await session.scalars(select(outbox_numbers.c.n))).all() == [3]
