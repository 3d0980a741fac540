"""Whatever the order, the batches and the resends: viewers are grouped as if each event had come alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import count, pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.profile.actions.events import absorb
from services.profile.tables import events, identities
from shared.contracts import EventReceived
from shared.database import Database, is_outage
from shared.settings import Settings
from tests.harness.databases import Databases
from tests.profile.samples import call

_examples = count(1)


class Claimed(NamedTuple):
    """One event by its ids; `alias` says that a visitor is this user."""

    user: str | None
    visitor: str | None
    alias: bool


USERS = ["u1", "u2", "u3"]
VISITORS = ["a1", "a2", "a3", "a4"]
CLAIMS = st.builds(
    Claimed, st.none() | st.sampled_from(USERS), st.none() | st.sampled_from(VISITORS), st.booleans()
).filter(lambda one: one.user is not None or (one.visitor is not None and not one.alias))
CASES = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
async def db(databases: Databases) -> AsyncIterator[Database]:
    """One database for all examples of a property: each uses ids of its own."""
    url = await databases.clone("profile")
    opened = Database("profile", Settings(database_url=url, nats_url="n://", nats_monitor_url="h://", secret="s" * 32))
    yield opened
    await opened.close()
    await databases.drop(url)


def written(world: str, claims: Sequence[tuple[int, Claimed]]) -> list[EventReceived]:
    """Numbered claims as events of one world (a prefix that keeps examples apart)."""
    return [
        call(
            "alias" if one.alias and one.visitor else "track",
            message_id=f"{world}{number}",
            user_id=f"{world}{one.user}" if one.user else None,
            **{"previous_id" if one.alias else "anonymous_id": f"{world}{one.visitor}" if one.visitor else None},
            event="Content Liked",
        )
        for number, one in claims
    ]


def one_by_one(claims: Sequence[tuple[int, Claimed]]) -> tuple[dict[str, int], dict[str, int]]:
    """The rule in its plainest form: who belongs to which group, and whose each event is."""
    group: dict[str, int] = {}
    has_user: set[int] = set()
    owner: dict[str, str] = {}
    for number, (user, visitor, _alias) in claims:
        if str(number) in owner:
            continue
        if user is None:
            mine = group.setdefault(str(visitor), max(group.values(), default=0) + 1)
        elif user in group:
            mine = group[user]
        elif visitor in group and group[visitor] not in has_user:
            mine = group[visitor]
        else:
            mine = max(group.values(), default=0) + 1
        if user is not None:
            group[user] = mine
            has_user.add(mine)
        if visitor is not None:
            other = group.setdefault(visitor, mine)
            if user is not None and other != mine and other not in has_user:
                # Who names a user and a visitor says they are one: whoever the visitor was before is the user too.
                for key in [key for key, its in group.items() if its == other]:
                    group[key] = mine
        owner[str(number)] = str(user or visitor)
    return group, {number: group[origin] for number, origin in owner.items()}


def shape(mapping: dict[str, int]) -> frozenset[frozenset[str]]:
    """A grouping without its numbers."""
    together: dict[int, set[str]] = {}
    for key, number in mapping.items():
        together.setdefault(number, set()).add(key)
    return frozenset(map(frozenset, together.values()))


def whole(result: tuple[dict[str, int], dict[str, int]]) -> frozenset[frozenset[str]]:
    """Identities and events in one grouping: which ids and which events stand together."""
    ids, owners = result
    return shape(
        {f"id {key}": number for key, number in ids.items()} | {f"event {n}": number for n, number in owners.items()}
    )


async def found(db: Database, world: str) -> tuple[dict[str, int], dict[str, int]]:
    """What the database says about one world."""
    async with db.transaction() as session:
        ids = await session.execute(
            select(identities.c.origin, identities.c.profile_id).where(identities.c.origin.contains(f":{world}"))
        )
        recorded = await session.execute(
            select(events.c.message_id, events.c.profile_id).where(events.c.message_id.startswith(world))
        )
        return (
            {row.origin.partition(f":{world}")[2]: row.profile_id for row in ids},
            {row.message_id.removeprefix(world): row.profile_id for row in recorded},
        )


async def taken(db: Database, batch: list[EventReceived]) -> None:
    """One batch as the reader takes it: an outage (a deadlock, say) is tried again."""
    for _ in range(20):
        try:
            async with db.transaction() as session:
                await absorb(session, batch)
            return
        except Exception as error:
            if not is_outage(error):
                raise
    raise AssertionError("never got through")


def split(items: list[Any], cuts: list[int]) -> list[list[Any]]:
    """The items in order, cut at these places."""
    places = sorted({min(cut, len(items)) for cut in cuts} | {0, len(items)})
    return [items[a:b] for a, b in pairwise(places)]


@CASES
@given(
    claims=st.lists(CLAIMS, min_size=1, max_size=12),
    resends=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 20)), max_size=4),
    cuts=st.lists(st.integers(0, 16), max_size=5),
)
async def test_batches_and_resends_group_as_one_by_one(
    db: Database, claims: list[Claimed], resends: list[tuple[int, int]], cuts: list[int]
) -> None:
    world = f"w{next(_examples)}-"
    plain = list(enumerate(claims))
    numbered = list(plain)
    for which, later in resends:
        # A resend comes after the first sending, at any distance.
        number = which % len(claims)
        numbered.insert(numbered.index(plain[number]) + 1 + later, plain[number])
    for batch in split(written(world, numbered), cuts):
        await taken(db, batch)
    assert whole(await found(db, world)) == whole(one_by_one(plain))


@CASES
@given(
    left=st.lists(CLAIMS, min_size=1, max_size=4),
    right=st.lists(CLAIMS, min_size=1, max_size=4),
    cuts=st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
async def test_two_processes_at_once_group_as_some_order_of_their_batches(
    db: Database, left: list[Claimed], right: list[Claimed], cuts: tuple[int, int]
) -> None:
    world = f"w{next(_examples)}-"
    one = split(list(enumerate(left)), [cuts[0]])
    two = split(list(enumerate(right, start=len(left))), [cuts[1]])

    async def process(batches: list[list[tuple[int, Claimed]]]) -> None:
        for batch in batches:
            await taken(db, written(world, batch))

    await asyncio.gather(process(one), process(two))
    possible = {whole(one_by_one([claim for batch in order for claim in batch])) for order in orders(one, two)}
    assert whole(await found(db, world)) in possible


def orders(one: list[Any], two: list[Any]) -> list[list[Any]]:
    """Every interleaving of two sequences."""
    if not one or not two:
        return [one + two]
    return [[one[0], *rest] for rest in orders(one[1:], two)] + [[two[0], *rest] for rest in orders(one, two[1:])]
