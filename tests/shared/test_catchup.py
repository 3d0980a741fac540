"""A newcomer catches up: pages of a bounded size, resumable, and then reads on without missing or doubling."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from shared import outbox
from shared.bus import Unanswered
from shared.catchup import PAGE_BYTES, CatchUp, Offers
from shared.contracts import EventRecorded, Fact, Message, MessageSent, SnapshotAsked, SnapshotPage, subject
from shared.house import Service
from shared.reader import MissedFacts, On, catching_up
from shared.tables import catch_ups, heard
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.shared import toy
from tests.shared.toy import Shelf, recorded

_state = Table(
    "state",
    MetaData(),
    Column("what", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("times", BigInteger, nullable=False),
)
CREATE = "CREATE TABLE state (what text PRIMARY KEY, version bigint NOT NULL, times bigint NOT NULL DEFAULT 1)"


async def page(session: AsyncSession, after: str | None, limit: int) -> tuple[Sequence[Fact], str | None]:
    """The owner's present state, by keyset: each fact about 400 bytes."""
    query = text("SELECT id, what, who FROM noted WHERE id > :after ORDER BY id LIMIT :limit")
    rows = (await session.execute(query, {"after": int(after or 0), "limit": limit})).all()
    return [recorded(row.what, row.who, words="w" * 300) for row in rows], (
        str(rows[-1].id) if len(rows) == limit else None
    )


OWNER = Service(name="profile", title="Owner", tables=MetaData(), snapshots=(Offers(EventRecorded, page),))


async def own(owner: Running, names: Sequence[str], who: int = 1) -> None:
    """The owner changes its state and tells it, in one transaction."""
    async with owner.db.transaction() as session:
        await toy.note(session, [recorded(name, who) for name in names])
        for name in names:
            outbox.tell(session, recorded(name, who))


async def fill(owner: Running, number: int) -> None:
    """State of which the stream knows nothing any more."""
    async with owner.db.transaction() as session:
        await toy.note(session, [recorded(f"old {n:05}", n % 40) for n in range(number)])


@pytest.fixture
async def owner(database: Callable[[str], Any], open_house: Callable[..., Opening]) -> Running:
    url = await toy.add_table(await database("profile"))
    return await open_house(OWNER, database_url=url)


async def test_pages_are_bounded_in_bytes_and_complete(owner: Running, bus: TestBus) -> None:
    await fill(owner, 2500)
    await own(owner, ["told"], who=3)
    asker = await bus.connection("gateway")
    after: str | None = None
    names: list[str] = []
    pages = 0
    while after is not None or not pages:
        answer = await asker.ask(SnapshotAsked(kind=EventRecorded.kind, after=after), SnapshotPage, to="profile")
        assert len(answer.items) <= PAGE_BYTES * 1.05
        assert answer.numbers == {3: 1}
        names += [one.event_id for one in msgspec.json.decode(answer.items, type=list[EventRecorded])]
        after = answer.next
        pages += 1
    assert names == [*(f"old {n:05}" for n in range(2500)), "told"]
    assert pages >= 5
    with pytest.raises(Unanswered, match="KeyError"):
        await asker.ask(SnapshotAsked(kind="never.heard.v1"), SnapshotPage, to="profile")


async def test_a_newcomer_that_dies_in_the_middle_resumes_and_then_reads_on(
    owner: Running, facts: Shelf, bus: TestBus
) -> None:
    seen: list[tuple[str, bool]] = []

    async def absorb(session: AsyncSession, items: list[EventRecorded]) -> None:
        await toy.note(session, items)
        seen.extend((item.event_id, catching_up(session)) for item in items)

    listeners = [On(EventRecorded, absorb, catch_up=True)]
    await own(owner, ["before"])
    await fill(owner, 1500)
    first = CatchUp(facts.db, facts.bus, listeners)
    assert await first.step()
    half = len(await facts.noted())
    assert 0 < half < 1500
    await own(owner, ["meanwhile"])  # in the last page, and told with a number behind the first page's
    again = CatchUp(facts.db, facts.bus, listeners)
    while await again.step():
        pass
    assert len(await facts.noted()) == len(set(await facts.noted())) == 1502
    assert all(is_catching_up for _, is_catching_up in seen)
    async with facts.db.transaction() as session:
        assert (await session.execute(select(heard.c.producer, heard.c.part, heard.c.n))).all() == [("profile", 1, 1)]
    await eventually(lambda: _told(bus, 2))
    reader = facts.reader(*listeners)
    await own(owner, ["after"])
    await eventually(lambda: _told(bus, 3))
    await toy.drain(reader)
    # "before" was in the snapshot; "meanwhile" comes twice (an action is an idempotent write), never not at all.
    assert [what for what, is_catching_up in seen if not is_catching_up] == ["meanwhile", "after"]


async def _told(bus: TestBus, number: int) -> bool:
    return len(await bus.told("profile")) == number


async def test_a_house_catches_up_before_it_says_that_it_is_ready(
    owner: Running, database: Callable[[str], Any], open_house: Callable[..., Opening], bus: TestBus
) -> None:
    going = asyncio.Event()

    async def slow(session: AsyncSession, items: list[EventRecorded]) -> None:
        await going.wait()
        await toy.note(session, items)

    await fill(owner, 10)
    newcomer = Service(
        name="recommend", title="New", tables=MetaData(), listeners=(On(EventRecorded, slow, catch_up=True),)
    )
    url = await toy.add_table(await database("recommend"))
    running = await open_house(newcomer, database_url=url)
    answer = await running.client.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "catching up with FACTS")
    going.set()
    await eventually(lambda: _ready(running))
    await own(owner, ["news"])
    await eventually(lambda: _count(running, 11))


async def test_what_is_optional_keeps_no_house_from_being_ready(
    owner: Running, database: Callable[[str], Any], open_house: Callable[..., Opening]
) -> None:
    going = asyncio.Event()

    async def slow(session: AsyncSession, items: list[EventRecorded]) -> None:
        await going.wait()
        await toy.note(session, items)

    await fill(owner, 10)
    listeners = (On(EventRecorded, slow, catch_up=True, optional=True),)
    newcomer = Service(name="recommend", title="New", tables=MetaData(), listeners=listeners)
    running = await open_house(newcomer, database_url=await toy.add_table(await database("recommend")))
    assert await _ready(running)
    assert not running.house.caught_up["FACTS"]
    going.set()
    await eventually(lambda: _count(running, 10))


async def _ready(running: Running) -> bool:
    return (await running.client.get("/readyz")).status_code == 200


async def _count(running: Running, number: int) -> bool:
    async with running.db.transaction() as session:
        return int(await session.scalar(text("SELECT count(*) FROM noted")) or 0) == number


async def test_a_gap_in_the_numbers_pages_again(
    owner: Running, database: Callable[[str], Any], open_house: Callable[..., Opening], bus: TestBus
) -> None:
    async def absorb(session: AsyncSession, items: list[EventRecorded]) -> None:
        rows = [{"what": item.event_id, "version": 1, "times": 1} for item in items]
        await session.execute(
            upsert(_state)
            .values(rows)
            .on_conflict_do_update(index_elements=["what"], set_={"times": _state.c.times + 1})
        )

    newcomer = Service(
        name="recommend", title="New", tables=MetaData(), listeners=(On(EventRecorded, absorb, catch_up=True),)
    )
    url = await toy.add_table(await database("recommend"))
    running = await open_house(newcomer, database_url=url)
    async with running.db.transaction() as session:
        await session.execute(text(CREATE))
    await eventually(lambda: _ready(running))
    await own(owner, ["one"])
    await eventually(lambda: _names(running, ["one"]))
    # A message that the stream has lost: numbered and in the owner's state, never sent.
    async with owner.db.transaction() as session:
        await toy.note(session, [recorded("lost")])
        await session.execute(text("UPDATE outbox_numbers SET n = n + 1"))
    await own(owner, ["three"])
    await eventually(lambda: _names(running, ["lost", "one", "three"]))
    await own(owner, ["four"])
    await eventually(lambda: _names(running, ["four", "lost", "one", "three"]))
    await eventually(lambda: _ready(running))


async def _names(running: Running, names: list[str]) -> bool:
    async with running.db.transaction() as session:
        return list((await session.scalars(select(_state.c.what).order_by(_state.c.what))).all()) == names


async def test_a_gap_is_no_reason_to_page_for_a_reader_that_wants_no_snapshot(facts: Shelf, bus: TestBus) -> None:
    await bus.connection("gateway")
    for n in (1, 5):
        payload = Message(
            id=f"{n}", producer="profile", part=1, n=n, at=toy.NOW, trace="", kind=EventRecorded.kind,
            items=msgspec.Raw(msgspec.json.encode([recorded(f"{n}")])),
        )  # fmt: skip
        where = subject(EventRecorded.kind, "FACTS", 1)
        await bus.publish_raw(where, msgspec.json.encode(payload), user="profile")
    await toy.drain(facts.reader(On(EventRecorded, toy.note)))
    assert await facts.noted() == ["1", "5"]
    await facts.readers[0].close()
    async with facts.db.transaction() as session:
        await session.execute(text("TRUNCATE positions, heard"))
    with pytest.raises(MissedFacts):
        await toy.drain(facts.reader(On(EventRecorded, toy.note, catch_up=True)))


async def test_a_late_page_of_a_slower_replica_is_not_applied(owner: Running, facts: Shelf) -> None:
    await fill(owner, 1500)
    listeners = [On(EventRecorded, toy.note, catch_up=True)]
    fast, slow = (CatchUp(facts.db, facts.bus, listeners) for _ in range(2))
    while await fast.step():
        pass
    await slow._page(EventRecorded, None)
    assert len(await facts.noted()) == 1500
    async with facts.db.transaction() as session:
        assert (await session.scalars(select(catch_ups.c.finished))).all() == [True]
    assert not await slow.step()


async def test_a_snapshot_that_comes_again_lets_its_listener_forget_what_is_gone(owner: Running, facts: Shelf) -> None:
    forgotten: list[int] = []

    async def forget(session: AsyncSession) -> None:
        forgotten.append(1)
        await session.execute(text("DELETE FROM noted"))

    await fill(owner, 1500)
    behind = CatchUp(facts.db, facts.bus, [On(EventRecorded, toy.note, catch_up=True, forget=forget)])
    while await behind.step():
        pass
    assert (len(await facts.noted()), forgotten) == (1500, [1])
    async with owner.db.transaction() as session:
        await session.execute(text("DELETE FROM noted WHERE what = 'old 00700'"))
    await behind.again("profile")
    while await behind.step():
        pass
    assert forgotten == [1, 1]
    assert await facts.noted() == [f"old {n:05}" for n in range(1500) if n != 700]


async def test_an_item_that_cannot_be_taken_in_does_not_keep_the_service_closed(owner: Running, facts: Shelf) -> None:
    async def picky(session: AsyncSession, items: list[EventRecorded]) -> None:
        await toy.note(session, items)
        if any(item.event_id == "old 00004" for item in items):
            raise ValueError("not this one")

    await fill(owner, 9)
    behind = CatchUp(facts.db, facts.bus, [On(EventRecorded, picky, catch_up=True)])
    while await behind.step():
        pass
    assert await facts.noted() == [f"old {n:05}" for n in range(9) if n != 4]
    (dead,) = await facts.dead()
    assert (dead.stream, dead.kind, dead.error) == ("FACTS", EventRecorded.kind, "ValueError: not this one")
    assert msgspec.json.decode(dead.payload, type=list[EventRecorded])[0].event_id == "old 00004"


async def test_an_outage_while_a_page_is_applied_applies_it_again(owner: Running, facts: Shelf) -> None:
    calls: list[int] = []

    async def shaky(session: AsyncSession, items: list[EventRecorded]) -> None:
        await toy.note(session, items)
        calls.append(len(items))
        if len(calls) == 1:
            raise ConnectionResetError

    await fill(owner, 9)
    behind = CatchUp(facts.db, facts.bus, [On(EventRecorded, shaky, catch_up=True)])
    with pytest.raises(ConnectionResetError):
        await behind.step()
    assert await facts.noted() == []
    while await behind.step():
        pass
    assert len(await facts.noted()) == 9


async def test_without_its_owner_a_newcomer_waits(facts: Shelf) -> None:
    behind = CatchUp(facts.db, facts.bus, [On(EventRecorded, toy.note, catch_up=True)])
    with pytest.raises(Unanswered, match="nobody is there"):
        await behind.step()


def test_a_kind_without_a_snapshot_cannot_be_caught_up_with(facts: Shelf) -> None:
    with pytest.raises(ValueError, match="no snapshot"):
        CatchUp(facts.db, facts.bus, [On(MessageSent, toy.note, catch_up=True)])
