"""Merges and splits: events follow their origins, and whichever partition is read first, the end is the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import count, groupby
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.segment.actions import live, moves, segments
from services.segment.schemas.segments import SegmentInput
from services.segment.store import definitions, members
from services.segment.tables import events, viewers
from shared import clock, outbox
from shared.contracts import (
    EventRecorded,
    Fact,
    ProfileMerged,
    ProfileSplit,
    ProfileUpdated,
    ResolveAnswered,
    ResolveAsked,
    SegmentChanged,
)
from shared.database import Database
from shared.settings import Settings
from tests.harness.databases import Databases
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.segment.acts import make
from tests.segment.acts import members as members_of
from tests.segment.acts import moves as told_of
from tests.segment.words import event, profile

_worlds = count(1)

RULES: dict[str, dict[str, Any]] = {
    "twice": {"did": "Content Liked", "times": {"gte": 2}},
    "never": {"not": {"did": "Content Liked"}},
    "vip": {"trait": "vip", "eq": True},
    "plain": {"not": {"trait": "vip", "eq": True}},
}


@dataclass
class Teller:
    """Profile, played: who has which origins, and the facts it tells, by the partition they are told in."""

    first: int
    made: int = 0
    homes: dict[str, int] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    redirects: dict[int, int] = field(default_factory=dict)
    vips: set[str] = field(default_factory=set)
    likes: list[tuple[str, str]] = field(default_factory=list)
    told: dict[int, list[Fact]] = field(default_factory=dict)
    move: int = 0

    def of(self, number: int) -> list[str]:
        return sorted(one for one, home in self.homes.items() if home == number)

    def tell(self, number: int, fact: Fact) -> None:
        self.told.setdefault(number, []).append(fact)

    def update(self, number: int, cause: Any = "rule") -> None:
        self.versions[number] = self.versions.get(number, 0) + 1
        traits = {"vip": True} if self.vips & set(self.of(number)) else {}
        fact = ProfileUpdated(profile_id=number, version=self.versions[number], traits=traits, cause=cause)
        self.tell(number, fact)

    def appear(self, origin: str) -> int:
        if origin not in self.homes:
            self.made += 1
            self.homes[origin] = self.first + self.made
            self.update(self.homes[origin])
        return self.homes[origin]

    def like(self, origin: str) -> None:
        number = self.appear(origin)
        now = clock.now()
        key = f"{self.first}-{len(self.likes)}"
        self.likes.append((key, origin))
        fact = EventRecorded(
            event_id=key, origin=origin, profile_id=number, event="Content Liked", time=now, received_at=now
        )
        self.tell(number, fact)

    def vip(self, origin: str) -> None:
        number = self.appear(origin)
        self.vips ^= {origin}
        self.update(number)

    def merge(self, one: str, other: str) -> None:
        gone, into = self.appear(one), self.appear(other)
        if gone == into:
            return
        origins = self.of(gone)
        self.move += 1
        for origin in origins:
            self.homes[origin] = into
        self.redirects[gone] = into
        fact = ProfileMerged(from_id=gone, into_id=into, origins=origins, move=self.move, at=clock.now())
        self.tell(gone, fact)
        self.update(into, "merge")

    def split(self, origin: str) -> None:
        number = self.appear(origin)
        if self.of(number) == [origin]:
            return
        into = next((gone for gone, home in self.redirects.items() if home == number), None)
        if into is None:
            self.made += 1
            into = self.first + self.made
        self.redirects.pop(into, None)
        self.move += 1
        self.homes[origin] = into
        fact = ProfileSplit(from_id=number, into_id=into, origins=[origin], move=self.move, at=clock.now())
        self.tell(number, fact)
        self.update(number, "split")
        self.update(into, "split")


@pytest.fixture(scope="module")
async def db(databases: Databases) -> AsyncIterator[Database]:
    """One database with four segments for all examples."""
    url = await databases.clone("segment")
    opened = Database("segment", Settings(database_url=url, nats_url="n://", nats_monitor_url="h://", secret="s" * 64))
    async with opened.transaction() as session:
        for key, rule in RULES.items():
            await segments.create(session, SegmentInput.model_validate({"key": key, "name": key, "rule": rule}))
        for one in await definitions.active(session):
            await definitions.filled(session, one.id, clock.now())
    yield opened
    await opened.close()
    await databases.drop(url)


ACTIONS: dict[type[Fact], Callable[..., Any]] = {
    EventRecorded: live.absorb_events,
    ProfileUpdated: live.absorb_profiles,
    ProfileMerged: moves.merge,
    ProfileSplit: moves.split,
}
ORIGINS = st.sampled_from(["a", "b", "c"])
MOVES = st.one_of(
    st.tuples(st.just("merge"), ORIGINS, ORIGINS).filter(lambda one: one[1] != one[2]),
    st.tuples(st.just("split"), ORIGINS),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("like"), ORIGINS),
        st.tuples(st.just("vip"), ORIGINS),
        MOVES,
        MOVES,
    ),
    min_size=6,
    max_size=16,
)


async def read(db: Database, facts: list[Fact]) -> list[SegmentChanged]:
    """Facts as the reader takes them: neighbours of a kind together, each run one transaction."""
    told: list[SegmentChanged] = []
    for kind, run in groupby(facts, key=type):
        async with db.transaction() as session:
            await ACTIONS[kind](session, list(run))
            told += [fact for fact, _ in outbox.effects(session).told if isinstance(fact, SegmentChanged)]
    return told


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=STEPS, picks=st.lists(st.integers(0, 7), max_size=40))
async def test_any_order_of_partitions_ends_the_same(db: Database, steps: list[Any], picks: list[int]) -> None:
    played = Teller(first=next(_worlds) * 100)
    for name, *arguments in steps:
        getattr(played, name)(*(f"x:{played.first}{one}" for one in arguments))
    lanes = [list(lane) for _, lane in sorted(played.told.items())]
    order: list[Fact] = []
    for pick in picks:
        waiting = [lane for lane in lanes if lane]
        if waiting:
            order.append(waiting[pick % len(waiting)].pop(0))
    order += [fact for lane in reversed(lanes) for fact in lane]
    changes = await read(db, order)

    alive = set(played.homes.values())
    mine = (played.first, played.first + 99)
    async with db.transaction() as session:
        rows = (await session.execute(select(events).where(events.c.profile_id.between(*mine)))).all()
        assert {row.event_id: row.profile_id for row in rows} == {
            key: played.homes[origin] for key, origin in played.likes
        }
        present = await session.scalars(select(viewers.c.profile_id).where(viewers.c.profile_id.between(*mine)))
        assert set(present) == alive
        inside = {
            (row.key, one)
            for row in await definitions.active(session)
            for one in await members.after(session, row.id, mine[0] - 1, 100)
            if one <= mine[1]
        }
    expected = set()
    for number in alive:
        liked = sum(played.homes[origin] == number for _, origin in played.likes)
        is_vip = bool(played.vips & set(played.of(number)))
        answers = {"twice": liked >= 2, "never": liked == 0, "vip": is_vip, "plain": not is_vip}
        expected |= {(key, number) for key, answer in answers.items() if answer}
    assert inside == expected
    # What was told leads to the same.
    heard: set[tuple[str, int]] = set()
    for fact in changes:
        assert not heard & {(fact.key, one) for one in fact.entered}
        assert heard >= {(fact.key, one) for one in fact.left}
        heard = heard - {(fact.key, one) for one in fact.left} | {(fact.key, one) for one in fact.entered}
    assert heard == expected


async def test_two_halves_of_a_viewer_enter_by_a_merge_which_is_no_news(home: Running) -> None:
    await make(home, "twice", RULES["twice"])
    now = clock.now()
    merged = ProfileMerged(from_id=1, into_id=2, origins=["user_id:u1"], move=1, at=now)
    await home.tell(
        profile(1, 1),
        event(1, "Content Liked", now),
        profile(2, 1),
        event(2, "Content Liked", now),
    )

    async def here() -> None:
        async with home.db.transaction() as session:
            assert len((await session.execute(select(events))).all()) == 2

    await eventually(here)
    await home.tell(merged, ProfileUpdated(profile_id=2, version=2, cause="merge"))

    async def both() -> None:
        assert await members_of(home, "twice") == {2: "merge"}

    await eventually(both)
    split = ProfileSplit(from_id=2, into_id=1, origins=["user_id:u1"], move=2, at=now)
    await home.tell(
        split,
        ProfileUpdated(profile_id=2, version=3, cause="split"),
        ProfileUpdated(profile_id=1, version=2, cause="split"),
    )

    async def apart() -> None:
        assert await told_of(home, "twice") == [("merge", "in", 2), ("split", "out", 2)]
        async with home.db.transaction() as session:
            assert set(await session.scalars(select(viewers.c.profile_id))) == {1, 2}

    await eventually(apart)
    await home.tell(event(1, "Content Liked", now))

    async def his_own() -> None:
        assert await members_of(home, "twice") == {1: "rule"}

    await eventually(his_own)


async def _lists(home: Running, expected: set[int]) -> None:
    assert set(await members_of(home, "panel")) == expected


def _became(gone: int, into: int, move: int) -> ProfileMerged:
    return ProfileMerged(from_id=gone, into_id=into, origins=[f"user_id:u{gone}"], move=move, at=clock.now())


async def _returned(home: Running, one: int, home_id: int, move: int, version: int) -> None:
    parted = ProfileSplit(from_id=home_id, into_id=one, origins=[f"user_id:u{one}"], move=move, at=clock.now())
    back = profile(one, version)
    await home.tell(parted, msgspec.structs.replace(back, cause="split"))


@pytest.fixture
async def panel(home: Running) -> Running:
    """A list, a segment that asks for it, and viewers 1 to 4."""
    people = {f"user_id:u{one}": one for one in range(1, 5)}
    await home.answer(ResolveAsked, lambda asked: ResolveAnswered(profile_ids={r: people[r] for r in asked.refs}))
    made = await home.client.post("/v1/segments", json={"key": "panel", "name": "P", "kind": "static"})
    assert made.status_code == 201
    await make(home, "asks", {"in_segment": "panel"})
    await make(home, "here", {"not": {"trait": "vip", "eq": True}})
    await home.tell(*(profile(one, 1) for one in people.values()))
    await eventually(lambda: _all(home, "here", {1, 2, 3, 4}))
    return home


async def _all(home: Running, key: str, expected: set[int]) -> None:
    assert set(await members_of(home, key)) == expected


async def _on(home: Running, one: int, method: str = "PUT") -> None:
    assert (await home.client.request(method, f"/v1/segments/panel/members/user_id:u{one}")).status_code == 204


async def test_a_split_gives_a_place_on_a_list_back_to_whom_it_was_given(panel: Running) -> None:
    await _on(panel, 1)
    await panel.tell(_became(1, 2, 10))
    await eventually(lambda: _all(panel, "asks", {2}))
    await _lists(panel, {2})
    await _returned(panel, 1, 2, 11, 2)
    await eventually(lambda: _all(panel, "asks", {1}))
    await _lists(panel, {1})
    told = [(cause, way, one) for cause, way, one in await told_of(panel, "panel")]
    assert set(told[-2:]) == {("split", "in", 1), ("split", "out", 2)}
    assert (await panel.client.get("/v1/segments/panel")).json()["size"] == 1


async def test_who_was_on_the_list_himself_stays_when_a_part_of_him_leaves(panel: Running) -> None:
    await _on(panel, 1)
    await _on(panel, 2)
    await panel.tell(_became(1, 2, 10))
    await eventually(lambda: _all(panel, "asks", {2}))
    await _returned(panel, 1, 2, 11, 2)
    await eventually(lambda: _all(panel, "asks", {1, 2}))
    await _lists(panel, {1, 2})


async def test_a_place_goes_along_through_several_merges_and_stays_while_somebody_needs_it(panel: Running) -> None:
    await _on(panel, 1)
    await _on(panel, 3)
    await panel.tell(_became(1, 2, 10))
    await eventually(lambda: _all(panel, "asks", {2, 3}))
    await panel.tell(_became(2, 4, 11))
    await eventually(lambda: _all(panel, "asks", {3, 4}))
    await panel.tell(_became(3, 4, 12))
    await eventually(lambda: _all(panel, "asks", {4}))
    await _returned(panel, 1, 4, 13, 2)
    await eventually(lambda: _all(panel, "asks", {1, 4}))
    await _returned(panel, 3, 4, 14, 2)
    await eventually(lambda: _all(panel, "asks", {1, 3}))
    await _lists(panel, {1, 3})


async def test_who_is_taken_off_a_list_is_off_with_all_parts_of_him(panel: Running) -> None:
    await _on(panel, 1)
    await panel.tell(_became(1, 2, 10))
    await eventually(lambda: _all(panel, "asks", {2}))
    await _on(panel, 2, "DELETE")
    await _on(panel, 3)
    await _returned(panel, 1, 2, 11, 2)
    await eventually(lambda: _all(panel, "here", {1, 2, 3, 4}))
    await _lists(panel, {3})


async def test_who_is_put_on_a_list_again_keeps_the_place_that_was_lent(panel: Running) -> None:
    await _on(panel, 1)
    await panel.tell(_became(1, 2, 10))
    await eventually(lambda: _all(panel, "asks", {2}))
    await _on(panel, 2)
    await _returned(panel, 1, 2, 11, 2)
    await eventually(lambda: _all(panel, "asks", {1, 2}))
