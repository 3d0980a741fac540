"""Links, merges, un-merges and late events, in any order and any batches, group as if each had come alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from services.profile.actions import identity, portraits, profiles
from services.profile.schemas.links import MergeInput, SplitInput
from services.profile.schemas.portraits import Portrait
from services.profile.tables import events, identities, namespaces
from services.profile.tables import links as links_table
from services.profile.tables import profiles as profiles_table
from shared.contracts import EventReceived
from shared.database import Database
from shared.errors import Problem
from shared.settings import Settings
from tests.harness.databases import Databases
from tests.profile.naive import MOST, PER_DAY, PRIORITY, Naive, Put, Said, Taken
from tests.profile.samples import call
from tests.profile.test_grouping import split as cut
from tests.profile.test_grouping import taken

_worlds = count(1)


def some(*values: str) -> st.SearchStrategy[str | None]:
    """One of these, or none one time in three."""
    return st.sampled_from([*values, *values, *[None] * len(values)])


# Few ids and mostly calls that join, so that an example of ten steps merges, splits and meets its vetoes.
CALLS = st.builds(
    Said,
    some("u1", "u2"),
    some("a1", "a2", "a3", "a4"),
    st.sampled_from([None, None, "d1"]),
    st.sampled_from([None, None, "s1", "s2", "s3"]),
    st.sampled_from([True, True, True, False]),
    st.integers(0, 50),
).filter(lambda one: bool(one.user or one.visitor))

ORIGINS = st.sampled_from(["user_id:u1", "anonymous_id:a1", "anonymous_id:a2", "anonymous_id:a3", "shop_id:s1"])
SPLITS = st.builds(Taken, st.lists(ORIGINS, min_size=1, max_size=2, unique=True).map(tuple))
PUTS = st.builds(Put, ORIGINS, ORIGINS)
STEPS = st.lists(st.one_of(CALLS, CALLS, CALLS, SPLITS, PUTS), min_size=6, max_size=20)

VETO_WITHIN_A_BATCH = [
    Said("u1", "a1", None, None, True, 0),
    Taken(("anonymous_id:a1",)),
    Said(None, "a2", None, "s1", True, 1),
    Said(None, "a1", None, "s1", True, 2),  # the vetoed one becomes part of another group,
    Said("u1", None, None, "s1", True, 3),  # which is vetoed with him
]

TOO_MANY_WITHIN_A_BATCH = [
    Said("u1", None, None, None, False, 0),
    Said(None, "a1", None, "s1", True, 1),
    Said(None, "a2", None, "s2", True, 2),
    Said("u1", None, None, "s1", True, 3),
    Said("u1", None, None, "s2", True, 4),  # a second merge through a shop id in one day
]


@pytest.fixture(scope="module")
async def db(databases: Databases) -> AsyncIterator[Database]:
    """One database for all examples, with narrow namespaces: each example uses ids of its own."""
    url = await databases.clone("profile")
    opened = Database("profile", Settings(database_url=url, nats_url="n://", nats_monitor_url="h://", secret="s" * 32))
    async with opened.transaction() as session:
        for name in MOST:
            await session.execute(
                update(namespaces)
                .where(namespaces.c.name == name)
                .values(most=MOST[name], merges_per_day=PER_DAY[name], priority=PRIORITY[name])
            )
    yield opened
    await opened.close()
    await databases.drop(url)


def prefixed(world: str, origin: str) -> str:
    """An id of one world."""
    namespace, _, value = origin.partition(":")
    return f"{namespace}:{world}{value}"


PHONE = {"userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0)"}
CRAWLER = {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}

DEEDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Content Liked", PHONE),
    ("Order Completed", {}),
    ("Video Watched", PHONE),
    ("Order Refunded", {}),
    ("Content Liked", CRAWLER),
    ("Content Liked", {}),
)


def recomputed(lines: Sequence[Any]) -> dict[str, Any]:
    """What these events of a viewer add up to, in the plainest form."""
    people = [one for one in lines if one.event is not None and "bot" not in one.context]
    orders = [one.properties["revenue"] for one in people if one.event == "Order Completed"]
    refunds = [one.properties["revenue"] for one in people if one.event == "Order Refunded"]
    liked = Counter(tag for one in people if one.event == "Content Liked" for tag in one.properties["tags"])
    return {
        "interactions": Counter(one.event for one in people),
        "sources": Counter(one.source for one in people),
        "devices": sum("userAgent" in one.context for one in people),
        "hours": Counter(one.time.weekday() * 24 + one.time.hour for one in people),
        "watched": sum(one.properties["watch_seconds"] for one in people if one.event == "Video Watched"),
        "spending": (len(orders), sum(orders), len(refunds), sum(refunds)),
        "interests": {tag: round(number / sum(liked.values()), 3) for tag, number in liked.items()},
        "bots": sum("bot" in one.context for one in lines),
    }


def shown_of(portrait: Portrait) -> dict[str, Any]:
    """The same, as the portrait says it."""
    spent = portrait.spending[0] if portrait.spending else None
    return {
        "interactions": Counter(portrait.interactions),
        "sources": Counter({one.name: one.events for one in portrait.sources}),
        "devices": sum(one.events for one in portrait.habits.devices),
        "hours": Counter(
            {
                weekday * 24 + hour: number
                for weekday, row in enumerate(portrait.habits.hours)
                for hour, number in enumerate(row)
                if number
            }
        ),
        "watched": portrait.habits.watching.watch_seconds,
        "spending": (spent.orders, spent.amount, spent.refunds, spent.refunded) if spent else (0, 0, 0, 0),
        "interests": {one.tag: round(one.share, 3) for one in portrait.interests},
        "bots": portrait.bots,
    }


def written(world: str, number: int, said: Said) -> EventReceived:
    """A call of one world; each identify says its own number, and each event is about something of its own."""
    event, more = DEEDS[number % len(DEEDS)]
    tags = {"tags": [f"t{number % 3}"]} if event == "Content Liked" else {}
    context: dict[str, Any] = {"timezone": "UTC"} if said.joins else {"timezone": "UTC", **more}
    if said.device:
        context["device"] = {"id": f"{world}{said.device}"}
    if said.shop:
        context["externalIds"] = [{"id": f"{world}{said.shop}", "type": "shop_id"}]
    return call(
        "identify" if said.joins else "track",
        event=None if said.joins else event,
        properties={} if said.joins else {"revenue": number, "watch_seconds": number, **tags},
        source=f"key{number % 2}",
        message_id=f"{world}{number}",
        user_id=f"{world}{said.user}" if said.user else None,
        anonymous_id=f"{world}{said.visitor}" if said.visitor else None,
        context=context,
        traits={"n": number} if said.joins else {},
        after=said.time,
    )


async def played(db: Database, world: str, steps: Sequence[Any], cuts: list[int], naive: Naive) -> None:
    """The same steps on both sides; calls between two acts of an operator come in batches."""
    waiting: list[EventReceived] = []

    async def flush() -> None:
        for batch in cut(waiting, cuts):
            await taken(db, batch)
        waiting.clear()

    for number, step in enumerate(steps):
        if isinstance(step, Said):
            waiting.append(written(world, number, step))
            naive.take(number, step)
            continue
        await flush()
        done = naive.split(step.ids) if isinstance(step, Taken) else naive.put(step.gone, step.into)
        try:
            async with db.transaction() as session:
                if isinstance(step, Taken):
                    wanted = SplitInput(origins=[prefixed(world, one) for one in step.ids], reason="not his")
                    await identity.split(session, prefixed(world, step.ids[0]), wanted, by="test", dry_run=False)
                else:
                    both = {"from": prefixed(world, step.gone), "into": prefixed(world, step.into)}
                    asked = MergeInput.model_validate(both | {"reason": "one person"})
                    await identity.merge(session, asked, by="test", dry_run=False)
        except Problem:
            assert not done, step
        else:
            assert done, step
    await flush()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    steps=STEPS,
    cuts=st.lists(st.integers(0, 14), max_size=4),
    resends=st.lists(st.tuples(st.integers(0, 13), st.integers(0, 14)), max_size=3),
)
@example(steps=VETO_WITHIN_A_BATCH, cuts=[], resends=[])
@example(steps=TOO_MANY_WITHIN_A_BATCH, cuts=[], resends=[])
async def test_any_interleaving_groups_as_one_by_one(
    db: Database, steps: list[Any], cuts: list[int], resends: list[tuple[int, int]]
) -> None:
    world = f"w{next(_worlds)}-"
    naive = Naive()
    await played(db, world, steps, cuts, naive)
    calls = {number: step for number, step in enumerate(steps) if isinstance(step, Said)}
    for which, _ in resends:
        # What comes again after all that happened moves nobody.
        if which in calls:
            await taken(db, [written(world, which, calls[which])])
    async with db.transaction() as session:
        like = f"%:{world}%"
        rows = (await session.execute(select(identities).where(identities.c.origin.like(like)))).all()
        found = {row.origin.replace(f":{world}", ":"): row for row in rows}
        assert grouping({one: row.profile_id for one, row in found.items()}) == grouping(naive.home)
        lines = (await session.execute(select(events).where(events.c.message_id.startswith(world)))).all()
        assert {line.message_id for line in lines} == {f"{world}{number}" for number in calls}
        homes = {row.origin: row.profile_id for row in rows}
        assert all(line.profile_id == homes[line.origin] for line in lines)
        # Every count of an origin is what the timeline says.
        for origin, row in found.items():
            theirs = [line for line in lines if line.origin == prefixed(world, origin)]
            assert row.events == sum(line.event is not None for line in theirs)
        links = (await session.execute(select(links_table).where(links_table.c.one.like(like)))).all()
        seen = {(row.one.replace(f":{world}", ":"), row.other.replace(f":{world}", ":")): row.state for row in links}
        assert seen == naive.links
        # Every view of a profile is that of its origins: the latest trait that any of them said.
        for number in set(naive.home.values()):
            members = naive.members(number)
            profile_id = found[next(iter(members))].profile_id
            shown = await profiles.by_ref(session, str(profile_id), unmasked=True)
            # And every sum of a viewer is what his timeline adds up to, wherever its parts have been.
            whole = await portraits.portrait(session, str(profile_id), unmasked=True)
            assert shown_of(whole) == recomputed([line for line in lines if line.profile_id == profile_id])
            said = [(step.time, key) for key, step in calls.items() if step.joins and step.ids[0] in members]
            latest = max((time for time, _ in said), default=None)
            assert shown.traits.get("n") in {key for time, key in said if time == latest} | (
                {None} if not said else set()
            )
        alive = set(homes.values())
        kept = await session.scalar(
            select(func.count()).where(profiles_table.c.profile_id.in_(alive)).select_from(profiles_table)
        )
        assert kept == len(alive)


def grouping(homes: dict[str, int]) -> frozenset[frozenset[str]]:
    """A grouping without its numbers."""
    together: dict[int, set[str]] = {}
    for one, number in homes.items():
        together.setdefault(number, set()).add(one)
    return frozenset(map(frozenset, together.values()))
