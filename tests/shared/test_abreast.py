"""A large batch cut into transactions side by side: each item once, in order per viewer, whatever one of them does."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.bus import BusDown
from shared.contracts import EventReceived
from shared.reader import On
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.shared import toy
from tests.shared.toy import Shelf, drain, noted, received

VIEWERS, EACH = 40, 100
TOLD = [(f"{who:02}-{number:03}", f"viewer {who}") for who in range(VIEWERS) for number in range(EACH)]


async def _tell(bus: TestBus) -> None:
    await bus.tell(*(received(what, who) for what, who in TOLD))


def _in_order(found: list[str]) -> bool:
    """Whether every item is there once, and those of each viewer in their order."""
    by_viewer: dict[str, list[str]] = defaultdict(list)
    for what in found:
        by_viewer[what.partition("-")[0]].append(what)
    return sorted(found) == sorted(what for what, _ in TOLD) and all(its == sorted(its) for its in by_viewer.values())


class Meeting:
    """Where transactions that are under way at once meet."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self._together = asyncio.Event()

    async def joined(self) -> int:
        """Wait a little for a second one; how many are here. What came first may be too little to be cut."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        place = self.inside
        if self.inside == 2:
            self._together.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._together.wait(), 2)
        return place

    def left(self) -> None:
        """One goes on alone."""
        self.inside -= 1


async def test_two_transactions_are_under_way_at_once(intake: Shelf, bus: TestBus) -> None:
    meeting = Meeting()

    async def meet(session: AsyncSession, items: list[Any]) -> None:
        await meeting.joined()
        await toy.note(session, items)
        meeting.left()

    await _tell(bus)
    await drain(intake.reader(On(EventReceived, meet), abreast=2))
    assert meeting.most == 2
    assert _in_order(await intake.noted())


async def test_an_outage_of_one_leaves_the_other_and_nothing_comes_twice(intake: Shelf, bus: TestBus) -> None:
    meeting = Meeting()
    failed = False

    async def shaky(session: AsyncSession, items: list[Any]) -> None:
        nonlocal failed
        place = await meeting.joined()
        await toy.note(session, items)
        meeting.left()
        if place == 2 and not failed:
            failed = True
            raise BusDown("the bus is away")

    await _tell(bus)
    reader = intake.reader(On(EventReceived, shaky), abreast=2)
    kept = [0]
    with contextlib.suppress(BusDown):
        while await reader.step():
            kept.append(len(await intake.noted()))
    assert failed
    assert kept[-1] < len(await intake.noted()) < len(TOLD)  # the one beside it has been kept
    await drain(reader)
    assert _in_order(await intake.noted())


async def test_how_far_it_is_waits_for_the_slowest(intake: Shelf, bus: TestBus) -> None:
    meeting, go_on = Meeting(), asyncio.Event()

    async def one_waits(session: AsyncSession, items: list[Any]) -> None:
        place = await meeting.joined()
        await toy.note(session, items)
        if place == 2:
            await asyncio.wait_for(go_on.wait(), 20)
        meeting.left()

    await bus.tell(received("first", "viewer 0"))
    reader = intake.reader(On(EventReceived, one_waits), abreast=2)
    await drain(reader)
    await _tell(bus)
    reading = asyncio.create_task(drain(reader))
    told: list[tuple[int, int]] = []

    async def one_is_through() -> None:
        assert meeting.most == 2
        progress = await reader.progress()
        assert progress is not None
        assert progress[0] < max(reader.positions.values())
        told.append(progress)

    await eventually(one_is_through)
    assert told[-1][0] < told[-1][1]
    go_on.set()
    await reading
    taken, last = await reader.progress() or (0, 1)
    assert taken == last


async def test_a_culprit_is_found_in_its_own_transaction(intake: Shelf, bus: TestBus) -> None:
    async def sour(session: AsyncSession, items: list[Any]) -> None:
        if any(item.message_id == "07-011" for item in items):
            raise ValueError("this one")
        await session.execute(insert(noted), [{"what": item.message_id, "who": 1} for item in items])

    await _tell(bus)
    await drain(intake.reader(On(EventReceived, sour), abreast=3))
    (dead,) = await intake.dead()
    assert "this one" in dead.error
    assert sorted(await intake.noted()) == sorted(what for what, _ in TOLD if what != "07-011")


async def test_a_small_batch_is_one_transaction(intake: Shelf, bus: TestBus) -> None:
    inside = most = 0

    async def hear(session: AsyncSession, items: list[Any]) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await toy.note(session, items)
        inside -= 1

    await bus.tell(*(received(f"e{number}", f"viewer {number}") for number in range(200)))
    await drain(intake.reader(On(EventReceived, hear), abreast=2))
    assert most == 1
    assert len(await intake.noted()) == 200
