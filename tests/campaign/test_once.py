"""Once: however often and however cut the same facts are delivered, each occasion has one row."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.campaign.actions import messages as actions
from services.campaign.actions import triggers
from shared.contracts import EventRecorded, Fact, MessagePlanned, SegmentChanged, TriggerReceived
from tests.campaign.samples import NOW, entered, event, messages, start, trigger
from tests.harness.eventually import eventually
from tests.harness.houses import Running

PEOPLE = st.integers(1, 6)
NUMBERS = itertools.count()


def changes(key: str) -> st.SearchStrategy[Fact]:
    return st.builds(
        lambda who, minute, cause: entered(*sorted(who), key=key, minute=minute, cause=cause),
        st.sets(PEOPLE, min_size=1, max_size=4),
        st.integers(0, 2),
        st.sampled_from(["rule", "time", "fill"]),
    )


EVENTS = st.builds(
    lambda who, number, history: event(who, f"e{who}-{number}", history=history),
    PEOPLE,
    st.integers(0, 2),
    st.booleans(),
)


def cuts(facts: Sequence[Fact], sizes: Sequence[int]) -> list[list[Fact]]:
    """The same facts in batches of these sizes; the rest is one more batch."""
    rest = iter(facts)
    batches = [list(itertools.islice(rest, size)) for size in sizes]
    return [batch for batch in [*batches, list(rest)] if batch]


async def deliver(running: Running, batch: list[Fact]) -> None:
    """One batch as the reader delivers it: neighbours of a kind together, all in one transaction."""
    async with running.db.transaction() as session:
        for kind, run in itertools.groupby(batch, key=type):
            action = actions.on_segment if kind is SegmentChanged else actions.on_event
            await action(session, list(run))  # type: ignore[arg-type]


def expected(facts: Sequence[Fact]) -> tuple[set[tuple[int, str]], set[tuple[int, str]]]:
    """The ledgers as they must be, written down the slow and plain way: entries, events."""
    entries: set[tuple[int, str]] = set()
    events: set[tuple[int, str]] = set()
    for fact in facts:
        if isinstance(fact, SegmentChanged) and fact.cause in ("rule", "time"):
            entries |= {(id, f"segment_entered:{fact.key}@{fact.at.isoformat()}") for id in fact.entered}
        elif isinstance(fact, EventRecorded) and not fact.history:
            events.add((fact.profile_id, f"event:{fact.event_id}"))
    return entries, events


@pytest.fixture
async def opened(campaign: Callable[..., Awaitable[Running]]) -> Running:
    """Campaign that plans and does not send."""
    return await campaign(smtp_url=None)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_number_of_deliveries_in_any_cut_make_one_row(opened: Running, data: st.DataObject) -> None:
    number = next(NUMBERS)
    key, liked = f"c{number}", f"l{number}"
    await start(opened, key, {"segment_entered": key})
    await start(opened, liked, {"event": "Content Liked"})
    facts = data.draw(st.lists(changes(key) | EVENTS, max_size=12))
    cut = st.tuples(st.permutations(facts), st.lists(st.integers(1, 5), max_size=5))
    for order, sizes in data.draw(st.lists(cut, min_size=1, max_size=3)):
        for batch in cuts(order, sizes):
            await deliver(opened, batch)
    await opened.client.delete(f"/v1/campaigns/{liked}")  # the next example's events are not its business
    entries, events = expected(facts)
    for campaign, ledger in ((key, entries), (liked, events)):
        rows = [(one["profile_id"], one["occasion"]) for one in await messages(opened, campaign)]
        assert len(rows) == len(set(rows))
        assert set(rows) == ledger


async def test_readers_at_once_plan_once(opened: Running) -> None:
    await start(opened)
    facts: list[Fact] = [entered(*range(1, 200)), entered(*range(100, 300), minute=1)]
    await asyncio.gather(*(deliver(opened, facts[:: (1, -1)[n % 2]]) for n in range(6)))
    rows = [(one["profile_id"], one["occasion"]) for one in await messages(opened)]
    assert len(rows) == len(set(rows)) == 199 + 200
    told = await eventually(lambda: planned(opened, 399))
    assert len({fact.message_id for fact in told}) == 399


async def planned(running: Running, number: int) -> list[MessagePlanned]:
    facts: list[MessagePlanned] = await running.told(MessagePlanned)
    assert len(facts) == number
    return facts


async def test_the_same_trigger_is_kept_once_and_planned_once(opened: Running) -> None:
    await start(opened, "order", {"bus": "order"})
    same: list[TriggerReceived] = [trigger(userId=["u1", "u2", "u1"], anonymousId="a1")] * 3
    for _ in range(2):
        async with opened.db.transaction() as session:
            await triggers.keep(session, same)
    rows = await eventually(lambda: messages(opened, "order"))
    assert sorted(one["profile_id"] for one in rows) == [1, 2]
    kept = (await opened.client.get("/v1/campaigns/order/triggers")).json()["items"]
    assert [one["recipients"] for one in kept] == [2]
    # Planned again by another replica that was slower: nothing new.
    async with opened.db.transaction() as session:
        await triggers.plan(session, kept[0]["id"], {"user_id:u1": 1})
    assert len(await messages(opened, "order")) == 2


async def test_what_comes_back_is_a_new_occasion(opened: Running) -> None:
    await start(opened)
    await deliver(opened, [entered(1), entered(1, minute=1), entered(1)])
    assert len(await messages(opened)) == 2
    assert NOW.isoformat() in (await messages(opened))[0]["occasion"]
