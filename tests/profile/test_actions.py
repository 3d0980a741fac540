"""What one batch does: rows, facts, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from services.profile.actions import contacts, profiles, snapshots
from services.profile.actions.events import absorb
from services.profile.rules.events import Malformed
from services.profile.tables import events, identities
from shared.contracts import (
    ContactsAsked,
    EventRecorded,
    Fact,
    IdentityLinked,
    ProfileUpdated,
    ResolveAsked,
)
from shared.database import Database
from shared.errors import Invalid
from tests.harness.eventually import eventually
from tests.profile.samples import NOON, call

Take = Callable[..., Awaitable[list[Fact]]]


def only(facts: list[Fact], kind: type[Any]) -> list[Any]:
    return [fact for fact in facts if isinstance(fact, kind)]


async def groups(db: Database) -> dict[str, int]:
    async with db.transaction() as session:
        rows = await session.execute(select(identities.c.origin, identities.c.profile_id))
        return {row.origin: row.profile_id for row in rows}


async def test_a_new_viewer_is_linked_told_whole_and_then_his_events_in_order(take: Take) -> None:
    told = await take(
        call(user_id="u1", anonymous_id="a1", message_id="m-1", properties={"category": "anime"}),
        call("identify", user_id="u1", traits={"age": 20, "email": "u1@example.com"}, after=1),
        call("page", event="Home", user_id="u1", message_id="m-2", after=2),
    )
    assert told == [
        IdentityLinked(profile_id=1, namespace="user_id", value="u1"),
        IdentityLinked(profile_id=1, namespace="anonymous_id", value="a1"),
        ProfileUpdated(
            profile_id=1, version=1, traits={"age": 20}, since={"age": NOON + timedelta(seconds=1)}, has=["email"]
        ),
        EventRecorded(
            event_id="m-1",
            origin="user_id:u1",
            profile_id=1,
            event="Content Liked",
            time=NOON,
            received_at=NOON + timedelta(seconds=1),
            properties={"category": "anime"},
        ),
        EventRecorded(
            event_id="m-2",
            origin="user_id:u1",
            profile_id=1,
            event="Page Viewed",
            time=NOON + timedelta(seconds=2),
            received_at=NOON + timedelta(seconds=3),
            properties={"name": "Home"},
        ),
    ]


async def test_a_resend_changes_nothing_in_the_same_batch_or_later(take: Take, db: Database) -> None:
    first = call("identify", user_id="u1", traits={"age": 1})
    second = call(user_id="u1", message_id="twice")
    skewed = call(user_id="u1", message_id="twice", after=3)  # the same message, corrected by another clock
    assert len(only(await take(first, second, skewed), EventRecorded)) == 1
    before = await _everything(db)
    assert await take(second, skewed, first) == []
    assert await _everything(db) == before


async def test_a_message_id_that_returns_with_other_ids_links_nobody(take: Take, db: Database) -> None:
    await take(call(user_id="u1", message_id="same"))
    assert await take(call(user_id="u2", anonymous_id="a2", message_id="same")) == []
    assert await groups(db) == {"user_id:u1": 1}


async def _everything(db: Database) -> list[Any]:
    async with db.transaction() as session:
        tables = ("events", "identities", "profiles")
        return [(await session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))).all() for table in tables]


async def test_a_changed_profile_is_told_once_per_batch_and_an_unchanged_one_not(take: Take) -> None:
    await take(call("identify", user_id="u1", traits={"age": 1}))
    changed = await take(
        call("identify", user_id="u1", traits={"age": 2}, after=1),
        call("identify", user_id="u1", traits={"x": 3}, after=2),
    )
    assert [(fact.version, fact.traits) for fact in only(changed, ProfileUpdated)] == [(2, {"age": 2, "x": 3})]
    assert await take(call("identify", user_id="u1", traits={"age": 2}, after=9)) == []
    assert await take(call("identify", user_id="u1", traits={"age": 7}, after=-9)) == []


async def test_a_late_trait_of_another_identity_loses_to_the_newer(take: Take) -> None:
    await take(call("identify", user_id="u1", anonymous_id="a1", traits={"city": "Xi'an"}, after=10))
    assert only(await take(call("identify", anonymous_id="a1", traits={"city": "Wuhan"})), ProfileUpdated) == []
    told = await take(call("identify", anonymous_id="a1", traits={"city": "Beijing"}, after=20))
    assert [fact.traits for fact in only(told, ProfileUpdated)] == [{"city": "Beijing"}]


async def test_identity_by_the_book(take: Take, db: Database) -> None:
    await take(call(anonymous_id="a1"))
    joined = await take(call(user_id="u1", anonymous_id="a1"))
    assert only(joined, IdentityLinked) == [IdentityLinked(profile_id=1, namespace="user_id", value="u1")]
    await take(call(user_id="u2", anonymous_id="a1"))
    await take(call(user_id="u2", anonymous_id="a2"))
    told = await take(call(user_id="u1", anonymous_id="a2"))
    assert [fact.profile_id for fact in only(told, EventRecorded)] == [1]
    await take(call("alias", user_id="u3", previous_id="a3"), call(anonymous_id="a3"))
    assert await groups(db) == {
        "anonymous_id:a1": 1,
        "user_id:u1": 1,
        "user_id:u2": 2,
        "anonymous_id:a2": 2,
        "user_id:u3": 3,
        "anonymous_id:a3": 3,
    }


async def test_history_counts_by_its_time_and_says_so(take: Take, db: Database) -> None:
    received = NOON + timedelta(days=2)
    told = await take(call(user_id="u1", received_at=received), call(user_id="u1", time=received, received_at=received))
    assert [fact.history for fact in only(told, EventRecorded)] == [True, False]
    await take(
        call(user_id="u1", time=datetime(1999, 12, 31, 23, tzinfo=UTC)),
        call(user_id="u1", time=datetime(2022, 4, 30, tzinfo=UTC)),
    )
    async with db.transaction() as session:
        names = await session.scalars(
            text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events'::regclass ORDER BY 1")
        )
        assert list(names) == ["events_2022_04", "events_2026_05", "events_older"]
        assert await session.scalar(select(func.count()).select_from(events)) == 4


async def test_contact_data_in_properties_stays_at_home(take: Take, db: Database) -> None:
    told = await take(
        call(user_id="u1", properties={"email": "x@y.zz", "plan": "pro"}, context={"traits": {"phone": "1380013800"}})
    )
    assert [fact.properties for fact in only(told, EventRecorded)] == [{"plan": "pro"}]
    assert [(fact.traits, fact.has) for fact in only(told, ProfileUpdated)] == [({}, ["phone"])]
    async with db.transaction() as session:
        stored: Any = await session.scalar(select(events.c.properties))
        assert stored.pop("plan") == "pro"
        assert stored.keys() == {"email"}
        assert stored["email"].startswith("enc:email:")
        assert await session.scalar(select(events.c.context)) == {}


async def test_a_call_without_identity_takes_its_batch_down(take: Take, db: Database) -> None:
    with pytest.raises(Malformed):
        await take(call(user_id="u1"), call())
    assert await groups(db) == {}


async def test_a_crash_after_the_effects_leaves_nothing_and_the_next_try_everything_once(
    take: Take, db: Database
) -> None:
    batch = [call(user_id="u1", anonymous_id="a1"), call("identify", user_id="u1", traits={"age": 3})]
    before = await _everything(db)

    async def cut_short() -> None:
        async with db.transaction() as session:
            await absorb(session, batch)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        await cut_short()
    assert await _everything(db) == before
    async with db.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM outbox")) == 0
    assert [type(fact) for fact in await take(*batch)] == [
        IdentityLinked,
        IdentityLinked,
        ProfileUpdated,
        EventRecorded,
    ]


async def test_two_processes_meet(db: Database) -> None:
    """Two partitions bring the same new user at once: the second waits, looks again and links to the same profile."""

    async def other() -> None:
        async with db.transaction() as session:
            await absorb(session, [call(user_id="u1", anonymous_id="a2")])

    async with db.transaction() as session:
        await absorb(session, [call(user_id="u1", anonymous_id="a1")])
        waiting = asyncio.create_task(other())
        await eventually(lambda: _somebody_waits(db))
        assert not waiting.done()
    await waiting
    assert set((await groups(db)).values()) == {min((await groups(db)).values())}


async def test_two_users_want_the_same_visitor(take: Take, db: Database) -> None:
    """The first to commit joins him; the other gets a profile of his own."""
    await take(call(anonymous_id="a1"))

    async def other() -> None:
        async with db.transaction() as session:
            await absorb(session, [call(user_id="u2", anonymous_id="a1")])

    async with db.transaction() as session:
        await absorb(session, [call(user_id="u1", anonymous_id="a1")])
        waiting = asyncio.create_task(other())
        await eventually(lambda: _somebody_waits(db))
    await waiting
    found = await groups(db)
    assert found["user_id:u1"] == found["anonymous_id:a1"] == 1
    assert found["user_id:u2"] != 1


async def _somebody_waits(db: Database) -> bool:
    async with db.transaction() as session:
        return bool(await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


async def test_contacts(take: Take, db: Database) -> None:
    await take(
        call("identify", user_id="u1", traits={"email": "u1@example.com", "name": "One"}),
        call("identify", user_id="u2", traits={"email": "u2@example.com", "unsubscribed": True}),
        call("identify", user_id="u3", traits={"name": "Three"}),
        call("identify", user_id="u4", traits={"email": "u4@example.com", "consent": {"marketing": False}}),
    )
    async with db.transaction() as session:
        answer = await contacts.contacts(session, ContactsAsked(profile_ids=[1, 2, 3, 4, 99], channel="email"))
        assert [(one.profile_id, one.address, one.traits) for one in answer.contacts] == [
            (1, "u1@example.com", {"name": "One"})
        ]
        assert answer.refused == {2: "no_consent", 3: "no_address", 4: "no_consent", 99: "unknown_profile"}
        bill = await contacts.contacts(session, ContactsAsked(profile_ids=[4], channel="email", purpose="billing"))
        assert [one.address for one in bill.contacts] == ["u4@example.com"]
        with pytest.raises(Invalid):
            await contacts.contacts(session, ContactsAsked(profile_ids=list(range(501)), channel="email"))


async def test_resolve(take: Take, db: Database) -> None:
    await take(call(user_id="u1", anonymous_id="a:1"))
    refs = ["user_id:u1", "anonymous_id:a:1", "1", "2", "user_id:nobody", "nonsense"]
    async with db.transaction() as session:
        answer = await profiles.resolve(session, ResolveAsked(refs=refs))
    assert answer.profile_ids == {"user_id:u1": 1, "anonymous_id:a:1": 1, "1": 1}


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
async def test_the_snapshot_is_what_was_told(take: Take, db: Database, limit: int) -> None:
    told: list[Fact] = []
    told += await take(
        *(call(user_id=f"u{n % 3}", time=NOON - timedelta(days=40 * (n % 4)), after=n) for n in range(12)),
        call("identify", user_id="u1", anonymous_id="a1", traits={"age": 4, "email": "x@y.zz"}),
        call(user_id="u2", time=datetime(1999, 1, 1, tzinfo=UTC), properties={"phone": "13800138"}),
    )
    for kind, page in (
        (EventRecorded, snapshots.recorded),
        (ProfileUpdated, snapshots.profiles),
        (IdentityLinked, snapshots.links),
    ):
        found = await _pages(db, page, limit)
        assert sorted(found, key=repr) == sorted(only(told, kind), key=repr)
    assert [fact.time for fact in await _pages(db, snapshots.recorded, limit) if fact.profile_id == 1] == sorted(
        fact.time for fact in only(told, EventRecorded) if fact.profile_id == 1
    )


async def _pages(db: Database, page: Any, limit: int) -> list[Any]:
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(100):
        async with db.transaction() as session:
            facts, cursor = await page(session, cursor, limit)
        found += facts
        assert len(facts) <= limit
        if cursor is None:
            return found
    raise AssertionError("the snapshot does not end")
