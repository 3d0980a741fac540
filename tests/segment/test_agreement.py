"""Live, full and brute force say the same: random rules, lives, orders of arrival, merges and splits, a driven clock.

Live is what the listeners' actions and the expiry step write into a real Postgres; full is the compiled expression on
the real warehouse of that database; brute force knows neither.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.segment.actions import crowds, lists, live, moves, segments, timed
from services.segment.outside.warehouse.client import Place, Warehouse
from services.segment.rules.blocks import block_of, place_of
from services.segment.schemas.rule import parse
from services.segment.schemas.segments import SegmentInput
from services.segment.settings import Settings
from services.segment.store import definitions, members
from shared import clock
from shared.contracts import EventRecorded, Fact, ProfileMerged, ProfileSplit, ProfileUpdated
from shared.database import Database
from tests.harness.databases import Databases
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.segment import naive, worlds
from tests.segment.naive import Happening, Person
from tests.segment.worlds import MICROSECOND, NOW, Json

_examples = count(1)
Step = tuple[str, Any]


@dataclass
class Suite:
    """What all examples share."""

    db: Database
    warehouse: Warehouse


@pytest.fixture(scope="module")
async def suite(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """A database with the warehouse of it."""
    url = await databases.clone("segment")
    db = Database("segment", Settings(database_url=url, nats_url="n://", nats_monitor_url="h://", secret="s" * 64))
    folder: Path = tmp_path_factory.mktemp("warehouse")
    warehouse = Warehouse(Place(folder=folder, url=url))
    yield Suite(db, warehouse)
    await warehouse.close()
    await db.close()
    await databases.drop(url)


@dataclass
class Truth:
    """What happened, kept plainly: two viewers, whose events have the origins a and b, and what was told of them."""

    world: dict[str, Json]
    ids: dict[str, int]
    people: dict[str, Person] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=lambda: {"a": "a", "b": "b"})
    events: list[tuple[str, Happening]] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    told: dict[str, dict[str, tuple[bool, datetime]]] = field(default_factory=lambda: {"a": {}, "b": {}})

    def person(self, who: str) -> Person:
        return replace(
            self.people[who],
            profile_id=self.ids[who],
            events=[one for origin, one in self.events if self.homes[origin] == who],
            lists=[key for key in (f"{self.ids['a']}-list",) if who in self.listed],
            told=dict(self.told[who]),
        )

    def holds(self, at: datetime) -> dict[str, set[str]]:
        """The segments everybody is in."""
        return {
            who: {key for key, rule in self.world.items() if naive.holds(rule, self.person(who), at, self.world)}
            for who in self.people
        }

    def tell(self, at: datetime) -> None:
        """Note who entered and left by now."""
        holds = self.holds(at)
        for who, told in self.told.items():
            for key in self.world:
                inside = key in holds.get(who, ())
                if inside is not told.get(key, (False, at))[0]:
                    told[key] = (inside, at)


def named(part: Any, prefix: str) -> Any:
    """A rule whose segments have keys of this example only."""
    if isinstance(part, dict):
        return {
            name: f"{prefix}{value}" if name == "in_segment" else named(value, prefix) for name, value in part.items()
        }
    return [named(one, prefix) for one in part] if isinstance(part, list) else part


ABSORB: dict[type[Fact], Any] = {
    EventRecorded: live.absorb_events,
    ProfileUpdated: live.absorb_profiles,
    ProfileMerged: moves.merge,
    ProfileSplit: moves.split,
}


class Played:
    """One example: facts of a played profile, taken in at driven instants."""

    def __init__(self, suite: Suite, world: dict[str, Json]) -> None:
        self.suite = suite
        first = next(_examples) * 100
        self.prefix = f"{first + 1}-"
        self.truth = Truth(
            world={f"{self.prefix}{key}": named(rule, self.prefix) for key, rule in world.items()},
            ids={"a": first + 1, "b": first + 2},
        )
        self.versions = {"a": 0, "b": 0}
        self.move = first
        self.numbers: dict[str, int] = {}

    async def define(self) -> None:
        """Make the segments, in a world where nobody is yet."""
        async with self.suite.db.transaction() as session:
            listed = {"key": f"{self.prefix}list", "name": "list", "kind": "static"}
            await segments.create(session, SegmentInput.model_validate(listed))
            for key, rule in self.truth.world.items():
                await segments.create(session, SegmentInput.model_validate({"key": key, "name": key, "rule": rule}))
            for row in await definitions.active(session):
                await definitions.filled(session, row.id, clock.now())
                self.numbers[row.key] = row.id

    async def forget(self) -> None:
        """Leave nothing to the next example but a longer history."""
        async with self.suite.db.transaction() as session:
            for table in ("segments", "blocks", "transitions", "deadlines", "jobs", "events", "viewers"):
                await session.execute(text(f"DELETE FROM {table}"))

    def profile(self, who: str, state: Person, cause: Any = "rule") -> ProfileUpdated:
        """What profile tells of somebody."""
        self.truth.people[who] = state
        self.versions[who] += 1
        return ProfileUpdated(
            profile_id=self.truth.ids[who],
            version=self.versions[who],
            traits=dict(state.traits),
            since={name: since for name, since in state.since.items() if name in state.traits},
            tags=list(state.tags),
            weights=dict(state.tags),
            tag_since={name: since for name, since in state.tag_since.items() if name in state.tags},
            scores=dict(state.scores),
            has=list(state.has),
            consent=dict(state.consent),
            consent_since={name: since for name, since in state.consent_since.items() if name in state.consent},
            cause=cause,
        )

    def facts(self, step: Step) -> Sequence[Fact]:
        """The facts of a step, which also makes it true; none where it makes no sense."""
        kind, what = step
        truth = self.truth
        if kind == "events":
            facts = []
            for origin, one in what:
                home = truth.homes[origin]
                truth.people.setdefault(home, Person())
                one = replace(one, event_id=f"{truth.ids[origin]}.{one.event_id}")
                truth.events.append((origin, one))
                late = clock.now() - one.time > timedelta(days=1)
                facts.append(
                    EventRecorded(
                        event_id=one.event_id,
                        origin=f"x:{truth.ids[origin]}",
                        profile_id=truth.ids[home],
                        event=one.event,
                        time=one.time,
                        received_at=clock.now(),
                        history=late,
                        properties=one.properties,
                    )
                )
            return facts
        if kind == "profile":
            who, state = what
            return [self.profile(who, state)] if truth.homes["b"] == "b" or who == "a" else []
        apart = truth.homes["b"] == "b"
        if kind == ("merge" if apart else "split"):
            self.move += 1
            truth.homes["b"] = "a" if apart else "b"
            if apart:
                truth.people.pop("b", None)
                truth.people.setdefault("a", Person())
            fact = ProfileMerged if apart else ProfileSplit
            ids = (truth.ids["b"], truth.ids["a"]) if apart else (truth.ids["a"], truth.ids["b"])
            origins = [f"x:{truth.ids['b']}"]
            return [fact(from_id=ids[0], into_id=ids[1], origins=origins, move=self.move, at=clock.now())]
        return []

    async def take(self, step: Step) -> None:
        """Take a step in: one transaction, then the clock's turn."""
        if step[0] == "list":
            if "a" in self.truth.people:
                self.truth.listed = {"a"} if step[1] else set()
                async with self.suite.db.transaction() as session:
                    await lists.put(session, f"{self.prefix}list", self.truth.ids["a"], on=step[1])
        elif facts := self.facts(step):
            await self.absorb(facts)
        await self.turn()

    async def absorb(self, facts: Sequence[Fact]) -> None:
        """Facts of one kind come to the listener."""
        async with self.suite.db.transaction() as session:
            await ABSORB[type(facts[0])](session, list(facts))

    async def turn(self) -> None:
        """The expiry step, until it finds nothing."""
        async with self.suite.db.transaction() as session:
            await timed.transitions(session)

    async def next(self) -> datetime | None:
        """The instant for which the clock waits."""
        async with self.suite.db.transaction() as session:
            found: datetime | None = await session.scalar(text("SELECT min(at) FROM deadlines"))
            return found

    async def check(self, at: datetime, *, full: bool = False) -> None:
        """What is written down, and what the warehouse finds, is what brute force says."""
        holds = self.truth.holds(at)
        ids = self.truth.ids
        expected = {key: {ids[who] for who, keys in holds.items() if key in keys} for key in self.truth.world}
        async with self.suite.db.transaction() as session:
            pairs = {(block_of(one), self.numbers[key]) for one in ids.values() for key in expected}
            held = await members.read(session, pairs)
            found = {
                key: {one for one in ids.values() if place_of(one) in held.get((block_of(one), self.numbers[key]), ())}
                for key in expected
            }
            assert found == expected, f"live at {at}"
            if not full:
                return
            asked = [(key, await crowds.of_rules(session, [parse(rule)], at)) for key, rule in self.truth.world.items()]
        for key, crowd in asked:
            table = await self.suite.warehouse.query(crowd.sql, inputs=crowd.inputs)
            assert set(table["profile_id"].to_pylist()) == expected[key], f"full {key} at {at}"


@st.composite
def _lives(draw: st.DrawFn) -> list[Step]:
    """What happens, in the order in which it arrives."""
    origins = st.sampled_from(["a", "a", "b"])
    events = [(draw(origins), one) for one in draw(worlds.persons).events]
    events = draw(st.permutations(events))
    cuts = sorted(draw(st.lists(st.integers(0, len(events)), max_size=2)))
    batches = [events[start:end] for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True)]
    steps: list[Step] = [("events", batch) for batch in batches if batch]
    who = st.sampled_from(["a", "a", "b"])
    others: list[Step] = [
        ("profile", (draw(who), replace(draw(worlds.persons), events=[]))) for _ in range(draw(st.integers(1, 2)))
    ]
    if draw(st.booleans()):
        others.append(("list", draw(st.sampled_from([True, True, False]))))
    for other in others:
        steps.insert(draw(st.integers(0, len(steps))), other)
    if draw(st.booleans()):
        merge = draw(st.integers(0, len(steps)))
        steps.insert(merge, ("merge", None))
        if draw(st.booleans()):
            # whoever is split off is back when profile tells of him, which it does at once
            split = draw(st.integers(merge + 1, len(steps)))
            steps[split:split] = [("split", None), ("profile", ("b", replace(draw(worlds.persons), events=[])))]
    return steps


LENGTHS = [timedelta(), *worlds.LENGTHS.values()]
EDGES = sorted(
    {NOW - one - other + beside * MICROSECOND for one in LENGTHS for other in LENGTHS for beside in (-1, 0, 1)}
)
BEFORE = st.permutations([one for one in EDGES if NOW - timedelta(days=5) < one < NOW]).map(lambda drawn: drawn[:12])
"""Instants on edges, more than there are steps."""


# Without shrinking: an example takes some seconds, and a smaller one is quickly made by hand.
settings.register_profile("agreement", phases=(Phase.generate,), deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings.get_profile("agreement")


@settings(MANY, max_examples=20)
@given(world=worlds.wide, steps=_lives(), before=BEFORE)
async def test_live_is_full_is_brute_force(
    suite: Suite, world: dict[str, Json], steps: list[Step], before: list[datetime]
) -> None:
    await live_through(Played(suite, world), steps, before)


class Told(Played):
    """The same through the bus: the real reader takes the facts in, and the service's own clock turns too."""

    def __init__(self, home: Running, world: dict[str, Json]) -> None:
        super().__init__(Suite(home.db, home.house.memory.warehouse), world)
        self.home = home

    async def absorb(self, facts: Sequence[Fact]) -> None:
        """Publish facts, and wait until their position is passed."""
        await self.home.tell(*facts)
        await eventually(lambda: self.taken(facts[-1]))

    async def taken(self, fact: Fact) -> bool:
        """Whether a fact's effects are committed."""
        value: str | int
        match fact:
            case EventRecorded():
                asked, value = "SELECT count(*) FROM events WHERE event_id = :value", fact.event_id
            case ProfileUpdated():
                asked, value = "SELECT version FROM viewers WHERE profile_id = :value", fact.profile_id
            case ProfileMerged() | ProfileSplit():
                asked, value = "SELECT count(*) FROM homes WHERE move = :value", fact.move
        async with self.home.db.transaction() as session:
            found = await session.scalar(text(asked), {"value": value})
        return found == fact.version if isinstance(fact, ProfileUpdated) else bool(found)

    async def check(self, at: datetime, *, full: bool = False) -> None:
        """The service's own clock may be judging right now whom the test finds unjudged."""
        await eventually(lambda: super(Told, self).check(at, full=full))


@settings(MANY, max_examples=4)
@given(world=worlds.wide, steps=_lives(), before=BEFORE)
async def test_the_real_reader_agrees_as_well(
    home: Running, world: dict[str, Json], steps: list[Step], before: list[datetime]
) -> None:
    # the service's timers must not see the real time, at which all deadlines of March are due
    with clock.at(NOW - timedelta(days=6)):
        await live_through(Told(home, world), steps, before)


async def live_through(played: Played, steps: list[Step], before: list[datetime]) -> None:
    """Take all steps in, then go from deadline to deadline, and hold everything together at each instant."""
    # the last step is taken in now, on whose edges most events lie
    instants = [*sorted(before)[-len(steps) + 1 :], NOW] if len(steps) > 1 else [NOW]
    try:
        with clock.at(instants[0]):
            await played.define()
        for at, step in zip(instants, steps, strict=True):
            with clock.at(at):
                await played.take(step)
                await played.check(at, full=at == NOW)
                played.truth.tell(at)
        for turn in range(6):
            following = await played.next()
            if following is None:
                break
            # until the instant it waits for nothing changes, and at it nobody is late
            await played.check(following - MICROSECOND)
            with clock.at(following):
                await played.turn()
                # there some event stands on an edge, for the warehouse as well
                await played.check(following, full=turn == 0)
                played.truth.tell(following)
    finally:
        await played.forget()
