"""A segment says up to when it is true: the clock, the reader, profile, and replicas."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.segment.app import SERVICE
from shared import clock
from shared.bus import BusDown
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.segment.acts import VIP, ask, equals, make, member_ids
from tests.segment.words import event, profile


async def test_a_segment_says_when_it_is_behind(home: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    await make(home, "likers", {"did": "Content Liked", "within": "1h"})
    began = clock.now()
    await home.tell(event(1, "Content Liked", began))
    await eventually(lambda: equals(member_ids(home, "likers"), {1}))

    async def nobody(*_: Any) -> set[int]:
        return set()

    monkeypatch.setattr("services.segment.store.members.lock_free", nobody)  # the clock finds everybody busy
    with clock.at(began + timedelta(hours=1, seconds=30)):
        late = await ask(home, "GET", "/likers")
        assert late["behind"] == pytest.approx(30, abs=0.2)
        assert late["true_as_of"].startswith((began + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"))
        monkeypatch.undo()

        async def caught_up() -> None:
            found = await ask(home, "GET", "/likers")
            assert (found["size"], found["behind"]) == (0, None)

        await eventually(caught_up)


async def test_a_segment_says_when_its_reader_is_behind(home: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    await make(home, "vip", VIP)

    async def away(*_: Any) -> None:
        raise OSError("the database is away")

    for reader in home.house.readers:
        monkeypatch.setattr(reader, "_take", away)
    await home.tell(profile(1, 1, vip=True))

    async def late() -> None:
        assert ((await ask(home, "GET", "/vip"))["behind"] or 0) > 2

    await eventually(late)
    monkeypatch.undo()

    async def true_again() -> None:
        found = await ask(home, "GET", "/vip")
        assert (found["size"], found["behind"]) == (1, None)

    await eventually(true_again)


async def test_a_segment_says_when_profile_is_behind_or_nobody_can_tell(
    home: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(home, "vip", VIP)

    async def behind(low: float, high: float) -> None:
        shown = await ask(home, "GET", "/vip")
        assert low <= (shown["behind"] or 0) <= high
        assert (clock.now() - datetime.fromisoformat(shown["true_as_of"])).total_seconds() >= low

    await eventually(lambda: behind(0, 0))
    home.bus.taken_in = clock.now() - timedelta(minutes=5)
    await eventually(lambda: behind(300, 400))
    home.bus.taken_in = None
    await eventually(lambda: behind(0, 0))

    async def away(_: str) -> None:
        raise BusDown("it is away")

    monkeypatch.setattr(home.house.bus, "state", away)
    await eventually(lambda: behind(3.1, 400))
    monkeypatch.undo()
    await eventually(lambda: behind(0, 0), timeout=20)


async def test_a_replica_that_reads_nothing_says_when_the_other_one_is_behind(
    open_house: Callable[..., Opening], database: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await database("segment")
    home = await open_house(SERVICE, database_url=url)
    await make(home, "vip", VIP)
    await eventually(lambda: all(reader.reading for reader in home.house.readers))
    other = await open_house(SERVICE, database_url=url)

    async def stuck(*_: Any) -> None:
        raise OSError("the database is away")

    for reader in home.house.readers:
        monkeypatch.setattr(reader, "_take", stuck)
    await home.tell(profile(1, 1, vip=True))

    async def late() -> None:
        assert ((await ask(other, "GET", "/vip"))["behind"] or 0) > 3

    await eventually(late)
    assert not any(reader.reading for reader in other.house.readers)
