"""Who became part of another, or is being erased, while somebody else looks at him."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select, text

from services.profile.actions import consents, erasures, identity, persons, profiles, search, traits
from services.profile.schemas.consents import NewStatement, NewStatements
from services.profile.schemas.links import MergeInput
from services.profile.schemas.traits import TraitsInput
from services.profile.store import identities, tags
from services.profile.tables import activity
from services.profile.tables import search as search_rows
from shared import clock, erasure
from shared.contracts import Fact, ProfileErased
from shared.database import Database
from tests.harness.eventually import eventually
from tests.profile.samples import call
from tests.profile.test_erasures import erase

Take = Callable[..., Awaitable[list[Fact]]]


async def merge(db: Database, gone: str, into: str) -> None:
    async with db.transaction() as session:
        wanted = MergeInput.model_validate({"from": gone, "into": into, "reason": "one person"})
        await identity.merge(session, wanted, by="operator", dry_run=False)


async def refresh(db: Database) -> None:
    async with db.transaction() as session:
        while await search.refresh(session):
            pass


async def test_who_became_part_of_another_is_found_and_counted_as_that_one_alone(take: Take, db: Database) -> None:
    await take(call("identify", user_id="u1", traits={"city": "北京"}), call("identify", anonymous_id="a1"))
    await take(call("identify", anonymous_id="a1", after=1, traits={"city": "北京"}))
    await refresh(db)
    await merge(db, "anonymous_id:a1", "user_id:u1")
    await refresh(db)
    async with db.transaction() as session:
        assert set(await session.scalars(select(activity.c.profile_id))) == {1}
        assert set(await session.scalars(select(search_rows.c.profile_id))) == {1}
        assert await session.scalar(text("SELECT count(*) FROM touched")) == 0


async def test_a_merge_by_a_call_is_one_viewer_in_the_lists_too(take: Take, db: Database) -> None:
    await take(call(user_id="u1"), call(anonymous_id="a1"))
    await refresh(db)
    await take(call("identify", user_id="u1", anonymous_id="a1"))
    await refresh(db)
    async with db.transaction() as session:
        assert len(set(await session.scalars(select(activity.c.profile_id)))) == 1


async def test_an_erasure_and_an_export_reach_all_who_became_part_of_him_one_after_the_other(
    take: Take, db: Database
) -> None:
    await take(call(user_id="c"), call(anonymous_id="b"), call("identify", anonymous_id="a"))
    async with db.transaction() as session:
        ids = await identities.owners(session, ["user_id:c", "anonymous_id:b", "anonymous_id:a"])
    await merge(db, "anonymous_id:a", "anonymous_id:b")
    await merge(db, "anonymous_id:b", "user_id:c")
    async with db.transaction() as session:
        assert sorted((await persons.found(session, "user_id:c")).ids) == sorted(ids.values())
    _, told = await erase(db, "user_id:c")
    assert {fact.profile_id for fact in told if isinstance(fact, ProfileErased)} == set(ids.values())
    async with db.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM redirects")) == 0


async def test_what_a_timer_adds_meanwhile_goes_too(take: Take, db: Database) -> None:
    """A timer holds his profile and gives him a tag; the erasure waits for it, and takes the tag along."""
    await take(call(user_id="u1"))
    async with db.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO tags (key, name, kind, state, weight, created_at, updated_at) VALUES "
                "('vip', 'vip', 'manual', 'trial', 1, now(), now())"
            )
        )
    async with db.transaction() as session:
        await identities.lock_profiles(session, [1])
        erasing = asyncio.create_task(erase(db, "user_id:u1"))
        await eventually(lambda: waits_for_a_row(db))
        given = tags.Assignment("user_id:u1", "vip", 1.0, "operator:x", clock.now(), None)
        await tags.assign(session, [given])
    await erasing
    async with db.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM tagged")) == 0


async def waits_for_a_row(db: Database) -> None:
    async with db.transaction() as session:
        waiting = "datname = current_database() AND wait_event_type = 'Lock'"
        assert await session.scalar(text(f"SELECT count(*) FROM pg_stat_activity WHERE {waiting}"))


async def test_what_is_left_all_the_same_goes_at_the_next_look(take: Take, db: Database) -> None:
    await take(call(user_id="u1"))
    made, _ = await erase(db, "user_id:u1")
    async with db.transaction() as session:
        await session.execute(text("INSERT INTO touched (profile_id, whole) VALUES (:id, 1)"), {"id": made.profile_id})
        assert await erasure.remaining(session, erasures.KEEPS, [made.profile_id], ["user_id:u1"])
        row = (await session.execute(text("SELECT * FROM erasures"))).one()
        left = await erasures.left_here(session, row.origins["ids"], row.origins["origins"])
        assert left == {"touched": 1}
        assert await erasures.left_here(session, row.origins["ids"], row.origins["origins"]) == {}


@pytest.fixture
async def moving(take: Take, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A viewer without identities: what a look sees between another's two statements."""
    await take(call("identify", user_id="u1", traits={"city": "北京"}))

    async def nobody(session: Any, profile_ids: Any) -> dict[int, list[Any]]:
        return {one: [] for one in profile_ids}

    monkeypatch.setattr(identities, "of", nobody)


@pytest.mark.usefixtures("moving")
async def test_somebody_who_is_being_moved_is_nobody_for_a_moment_and_no_mistake_of_ours(db: Database) -> None:
    async with db.transaction() as session:
        for look in (
            lambda: profiles.by_ref(session, "user_id:u1", unmasked=False),
            lambda: traits.correct(session, "user_id:u1", TraitsInput(traits={"a": 1}), by="x", unmasked=False),
            lambda: consents.record(
                session, "user_id:u1", NewStatements(consents=[NewStatement(purpose="email", granted=True)]), by="x"
            ),
        ):
            with pytest.raises(profiles.UnknownProfile, match="ask again"):
                await look()
        assert await profiles.shown(session, {1: 1}, unmasked=False) == []


async def test_answers_and_dead_letters_that_name_him_by_his_number_alone_go(take: Take, db: Database) -> None:
    await take(call(user_id="u1"), call(user_id="u2"))
    async with db.transaction() as session:
        owners = await identities.owners(session, ["user_id:u1", "user_id:u2"])
        mine, other = owners["user_id:u1"], owners["user_id:u2"]
        bodies = {
            "last": f'{{"name":"Bob","profile_id":{mine}}}',
            "first": f'{{"profile_id": {mine},"name":"Bob"}}',
            "longer": f'{{"profile_id":{mine}0}}',
            "other": f'{{"profile_id":{other}}}',
        }
        for key, body in bodies.items():
            await session.execute(
                text(
                    "INSERT INTO idempotency (caller, key, fingerprint, status, body, at)"
                    " VALUES ('c', :key, '', 200, convert_to(:body, 'UTF8'), now())"
                ),
                {"key": key, "body": body},
            )
    await erase(db, "user_id:u1")
    async with db.transaction() as session:
        assert set(await session.scalars(text("SELECT key FROM idempotency"))) == {"longer", "other"}
