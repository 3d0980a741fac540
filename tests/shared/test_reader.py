"""The reader: each item once and in order, whatever fails; position, effects and facts are one transaction."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared import outbox, telemetry
from shared.bus import Broken, BusDown
from shared.bus.server import ensure_streams
from shared.contracts import EventReceived, EventRecorded, Message, ProfileUpdated, SegmentDefined, subject
from shared.database import after_commit
from shared.reader import LostPosition, On, Reader
from shared.tables import outbox as outbox_table
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.shared import toy
from tests.shared.toy import Shelf, drain, noted, received, recorded


def message(items: Any, *, n: int = 0, kind: str = EventReceived.kind, producer: str = "gateway") -> bytes:
    """A message as its producer would write it, with whatever items."""
    raw = msgspec.Raw(items if isinstance(items, bytes) else msgspec.json.encode(items))
    return msgspec.json.encode(
        Message(id="m", producer=producer, part=1, n=n, at=toy.NOW, trace="t" * 32, kind=kind, items=raw)
    )


async def test_every_item_comes_once_and_in_the_order_of_its_partition(intake: Shelf, bus: TestBus) -> None:
    told = [received(f"{who}-{number:03}", f"viewer {who}") for number in range(30) for who in range(9)]
    await bus.tell(*told)
    await drain(intake.reader(On(EventReceived, toy.note)))
    found = await intake.noted()
    assert sorted(found) == sorted(event.message_id for event in told)
    for who in range(9):
        mine = [what for what in found if what.startswith(f"{who}-")]
        assert mine == sorted(mine)


async def test_order_is_kept_across_kinds_of_one_partition(facts: Shelf, bus: TestBus) -> None:
    heard: list[str] = []

    async def hear(session: AsyncSession, items: list[Any]) -> None:
        heard.extend(item.event_id if isinstance(item, EventRecorded) else f"v{item.version}" for item in items)

    await bus.tell(
        recorded("e1", 16), ProfileUpdated(profile_id=16, version=1), recorded("e2", 32), recorded("other", 3),
        ProfileUpdated(profile_id=32, version=2), recorded("e3", 16),
    )  # fmt: skip
    await drain(facts.reader(On(EventRecorded, hear), On(ProfileUpdated, hear)))
    assert [one for one in heard if one != "other"] == ["e1", "v1", "e2", "v2", "e3"]
    assert "other" in heard


async def test_an_outage_after_writing_leaves_nothing_and_the_batch_runs_again(intake: Shelf, bus: TestBus) -> None:
    calls: list[int] = []

    async def shaky(session: AsyncSession, items: list[Any]) -> None:
        await toy.note(session, items)
        outbox.tell(session, toy.thing("told"))
        calls.append(len(items))
        if len(calls) < 3:
            raise BusDown("the bus is away")

    await bus.tell(received("one"), received("two"))
    reader = intake.reader(On(EventReceived, shaky))
    for _ in range(2):
        with pytest.raises(BusDown):
            await reader.step()
        assert (await intake.noted(), await intake.dead(), await intake.read()) == ([], [], 0)
    await drain(reader)
    assert await intake.noted() == ["one", "two"]
    assert await intake.dead() == []
    async with intake.db.transaction() as session:
        assert len((await session.execute(outbox_table.select())).all()) == 1


POISONS: dict[str, Any] = {
    "raises": (ValueError("half \x00 a \ud800 reason"), {}),
    "a NUL": (None, {"what": "nul \x00 inside"}),
    "half a surrogate pair": (None, {"what": "half \ud800"}),
    "out of range": (None, {"who": 2**40}),
    "of a wrong type": (None, {"who": "text"}),
    "missing": (None, {"what": None}),
}


@pytest.mark.parametrize("poison", POISONS)
async def test_the_culprit_becomes_a_dead_letter_and_the_rest_is_kept(intake: Shelf, bus: TestBus, poison: str) -> None:
    error, row = POISONS[poison]
    called: list[str] = []

    async def sour(session: AsyncSession, items: list[EventReceived]) -> None:
        for item in items:
            what = item.message_id
            outbox.tell(session, toy.thing(what))
            after_commit(session, functools.partial(called.append, what))
            if what == "bad" and error:
                raise error
            await session.execute(insert(noted), [{"what": what, "who": 1} | (row if what == "bad" else {})])

    names = ["n1", "n2", "bad", "n3", "n4", "n5"]
    await bus.tell(*(received(name) for name in names))
    reader = intake.reader(On(EventReceived, sour))
    await asyncio.wait_for(drain(reader), 20)
    kept = [name for name in names if name != "bad"]
    assert await intake.noted() == kept
    assert called == kept
    async with intake.db.transaction() as session:
        payloads = [bytes(one.payload) for one in (await session.execute(outbox_table.select())).all()]
    told = [one.key for payload in payloads for one in _things(payload)]
    assert told == kept
    (dead,) = await intake.dead()
    assert dead.kind == EventReceived.kind
    assert dead.stream == "INTAKE"
    assert [one.message_id for one in msgspec.json.decode(dead.payload, type=list[EventReceived])] == ["bad"]
    assert dead.error
    assert "\x00" not in dead.error


def _things(payload: bytes) -> list[SegmentDefined]:
    items = msgspec.json.decode(payload, type=Message).items
    return msgspec.json.decode(items, type=list[SegmentDefined])


async def test_what_cannot_travel_is_the_fault_of_the_item_that_tells_it(intake: Shelf, bus: TestBus) -> None:
    async def loud(session: AsyncSession, items: list[EventReceived]) -> None:
        for item in items:
            size = 300_000 if item.message_id == "bad" else 1
            outbox.tell(session, SegmentDefined(key="k", name="x" * size, version=1))
        await toy.note(session, items)

    await bus.tell(received("n1"), received("bad"), received("n2"))
    await drain(intake.reader(On(EventReceived, loud)))
    assert await intake.noted() == ["n1", "n2"]
    assert [dead.error.split(":")[0] for dead in await intake.dead()] == ["TooLarge"]


async def test_the_unreadable_is_put_aside_with_its_bytes_and_reason(intake: Shelf, bus: TestBus) -> None:
    await bus.connection("gateway")
    good = msgspec.to_builtins(received("good"))
    deep = b'[{"message_id":' + b"[" * 2000 + b"]" * 2000 + b"}]"
    for payload in (
        b"not json",
        b"\xff\xfe",
        message([good]).replace(b'"t', b'"\xff', 1),
        message(b"[" * 3000 + b"]" * 3000),
        message(deep),
        message({"no": "list"}),
        message([{**good, "message_id": "before"}, {"message_id": 7}, {**good, "message_id": "after"}]),
        message([{"anything": 1}], kind="never.heard.v9"),
    ):
        await bus.publish_raw("intake.1", payload, user="gateway")
    await bus.tell(received("last"))
    reader = intake.reader(On(EventReceived, toy.note))
    await asyncio.wait_for(drain(reader), 20)
    assert sorted(await intake.noted()) == ["after", "before", "last"]
    dead = await intake.dead()
    assert [bytes(one.payload) for one in dead[:2]] == [b"not json", b"\xff\xfe"]
    assert bytes(dead[-1].payload) == b'[{"message_id":7}]'
    assert len(dead) == 7
    assert all(one.error for one in dead)
    # A kind that nobody here listens to is no mistake: it is passed over.
    assert not any(one.kind == "never.heard.v9" for one in dead)


async def test_numbers_that_were_passed_are_ignored_per_producer_and_partition(facts: Shelf, bus: TestBus) -> None:
    await bus.connection("gateway")

    async def publish(n: int, what: str) -> None:
        payload = message([recorded(what, 1)], n=n, kind=EventRecorded.kind, producer="profile")
        await bus.publish_raw(subject(EventRecorded.kind, "FACTS", 1), payload, user="profile")

    for n, what in ((1, "one"), (1, "one again"), (2, "two"), (1, "one late"), (2, "two again"), (3, "three")):
        await publish(n, what)
    reader = facts.reader(On(EventRecorded, toy.note))
    await drain(reader)
    assert await facts.noted() == ["one", "two", "three"]
    await reader.close()
    await publish(3, "three again")
    await publish(4, "four")
    await drain(facts.reader(On(EventRecorded, toy.note)))  # the numbers outlive the process
    assert await facts.noted() == ["one", "two", "three", "four"]


async def test_a_restart_goes_on_at_the_position(intake: Shelf, bus: TestBus) -> None:
    await bus.tell(*(received(f"a{number}", f"v{number}") for number in range(20)))
    first = intake.reader(On(EventReceived, toy.note))
    await drain(first)
    await first.close()
    await bus.tell(*(received(f"b{number}", f"v{number}") for number in range(20)))
    second = intake.reader(On(EventReceived, toy.note))
    await drain(second)
    found = await intake.noted()
    assert len(found) == len(set(found)) == 40


async def test_two_readers_cannot_take_the_same_batch(intake: Shelf, bus: TestBus) -> None:
    """The locks are made to fail: the compare-and-set alone must keep the effects single."""
    first, second = (intake.reader(On(EventReceived, toy.note)) for _ in range(2))
    await bus.tell(received("one"))
    await drain(first)
    await first.locks.release()  # lost, and not noticed yet
    first.locks.lost = lambda: False  # type: ignore[method-assign]
    first._look_at = float("inf")
    await drain(second)
    await bus.tell(received("two"), received("three"))
    await drain(second)
    with pytest.raises(LostPosition):
        await drain(first)
    assert await intake.noted() == ["one", "two", "three"]


async def test_what_comes_while_a_reader_rests_shares_a_transaction(intake: Shelf, bus: TestBus) -> None:
    batches: list[list[str]] = []

    async def note(session: AsyncSession, items: list[EventReceived]) -> None:
        batches.append([item.message_id for item in items])

    reader = intake.reader(On(EventReceived, note), rest=0.5)
    await bus.tell(received("one"))
    assert await reader.step()
    for name in ("two", "three", "four"):
        await bus.tell(received(name))
    assert await reader.step()
    assert batches == [["one"], ["two", "three", "four"]]


async def test_a_reader_that_found_nothing_has_waited_and_need_not_pause(intake: Shelf) -> None:
    reader, other = (intake.reader(On(EventReceived, toy.note)) for _ in range(2))
    assert not await reader.step()
    assert reader.reading
    assert not await other.step()
    assert not other.reading, "it owns nothing, so it returned at once"


async def test_a_stream_made_anew_is_read_from_its_beginning(intake: Shelf, bus: TestBus) -> None:
    reader = intake.reader(On(EventReceived, toy.note))
    await bus.tell(*(received(f"old {number}") for number in range(5)))
    await drain(reader)
    gateway = await bus.connection("gateway")
    await gateway._js.delete_stream("INTAKE")
    await ensure_streams(gateway._js)
    await bus.tell(received("new"))

    async def turned() -> bool:
        try:
            await reader.step()
        except BusDown:
            return False
        return (await intake.noted())[-1] == "new"

    await eventually(turned, timeout=20)
    assert len(await intake.noted()) == 6


async def test_the_server_is_killed_and_comes_back_while_reading(intake: Shelf, bus: TestBus) -> None:
    reader = intake.reader(On(EventReceived, toy.note))
    await bus.tell(*(received(f"a{number:03}", f"v{number % 5}") for number in range(50)))
    assert await reader.step()
    toy.kill_nats(bus)
    for _ in range(3):
        try:
            await reader.step()
        except BusDown:
            break
    with toy.nats_again(bus):
        gateway = await bus.connection("gateway")
        await eventually(lambda: gateway.connected and intake.bus.connected, timeout=15)
        await bus.tell(*(received(f"b{number:03}", f"v{number % 5}") for number in range(50)))

        async def all_there() -> bool:
            try:
                await reader.step()
            except BusDown:
                return False
            return len(await intake.noted()) >= 100

        await eventually(all_there, timeout=20)
        found = await intake.noted()
        assert len(found) == len(set(found)) == 100
        for lane in range(5):
            mine = [what for what in found if int(what[1:]) % 5 == lane]
            assert mine == sorted(mine)
        await reader.close()
        await intake.bus.close()


async def _three_in_the_queue(reader: Reader, bus: TestBus) -> Any:
    await bus.tell(received("first"))
    await drain(reader)
    pull = reader._pull
    assert pull is not None
    for name in ("one", "two", "three"):
        await bus.tell(received(name))
    await pull._request(256)
    await eventually(lambda: len(pull._queue) == 3)
    return pull


async def test_a_message_lost_on_the_way_is_noticed_and_read_again(intake: Shelf, bus: TestBus) -> None:
    reader = intake.reader(On(EventReceived, toy.note))
    pull = await _three_in_the_queue(reader, bus)
    del pull._queue[1]
    with pytest.raises(Broken, match="missing"):
        await drain(reader)
    assert (await intake.noted())[0] == "first"
    await drain(reader)
    assert await intake.noted() == ["first", "one", "two", "three"]


async def test_the_last_message_lost_with_the_connection_is_read_again(intake: Shelf, bus: TestBus) -> None:
    """No number follows that would show the gap, so the reconnection itself must."""
    reader = intake.reader(On(EventReceived, toy.note))
    pull = await _three_in_the_queue(reader, bus)
    pull._queue.pop()
    before = intake.bus.reconnects
    await intake.bus.client.force_reconnect()
    await eventually(lambda: intake.bus.reconnects > before and intake.bus.connected)
    with pytest.raises(Broken, match="anew"):
        await drain(reader)
    await drain(reader)
    assert await intake.noted() == ["first", "one", "two", "three"]


async def test_the_trace_of_a_message_is_the_trace_of_its_effects(intake: Shelf, bus: TestBus) -> None:
    traces: list[str] = []

    async def hear(session: AsyncSession, items: list[Any]) -> None:
        traces.append(telemetry.trace.get())

    await bus.connection("gateway")
    await bus.publish_raw("intake.1", message([received("x")]), user="gateway")
    await drain(intake.reader(On(EventReceived, hear)))
    assert traces == ["t" * 32]


async def test_a_callback_that_fails_after_the_commit_undoes_nothing(intake: Shelf, bus: TestBus) -> None:
    called: list[str] = []

    def explode() -> None:
        raise RuntimeError("too late")

    async def hear(session: AsyncSession, items: list[Any]) -> None:
        await toy.note(session, items)
        after_commit(session, explode)
        after_commit(session, lambda: called.append("next"))

    await bus.tell(received("one"))
    await drain(intake.reader(On(EventReceived, hear)))
    assert (await intake.noted(), called, await intake.dead()) == (["one"], ["next"], [])
