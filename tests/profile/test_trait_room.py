"""What there is no room for: superseded files, values that are too large; what he said about being reached stays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy import text

from services.profile.actions import bulk
from services.profile.actions.contacts import contacts as ask
from services.profile.rules import consents, traits
from services.profile.rules.traits import Traits
from shared import outbox
from shared.contracts import ContactsAsked, Fact, IdentityLinked, ProfileUpdated
from shared.database import Database
from tests.profile.samples import NOON, call

Take = Callable[..., Awaitable[list[Fact]]]
DAY = timedelta(days=1)


def test_imports_every_night_take_no_place() -> None:
    held: Traits = traits.absorb({}, [(NOON, {"age": 30})], source="sdk:web")
    for night in range(200):
        given = {f"t{n}": f"value {n} of {night}" for n in range(10)}
        held = traits.absorb(held, [(NOON + night * DAY, given)], source=f"import:{night}")
    assert held["age"].value == 30
    assert held["t3"].source == "import:199"
    assert [one.source for one in held["t3"].candidates] == ["import:199"]
    late = traits.absorb(held, [(NOON + 5 * DAY, {"t3": "from an old file"})], source="import:late")
    assert late == held


def test_files_stand_beside_other_sources() -> None:
    held = traits.absorb({}, [(NOON, {"city": "北京"})], source="import:1")
    held = traits.absorb(held, [(NOON + DAY, {"city": "上海"})], source="sdk:web")
    held = traits.absorb(held, [(NOON + 2 * DAY, {"city": "广州"})], source="import:2")
    assert [(one.source, one.value) for one in held["city"].candidates] == [("import:2", "广州"), ("sdk:web", "上海")]


def test_what_he_said_about_being_reached_stays_however_much_is_said_of_him() -> None:
    held = traits.absorb({}, [(NOON, {"unsubscribed": True, "consent.email": False, "consent.odd": False})])
    held = traits.absorb(held, [(NOON + n * DAY, {f"t{n}": "x" * 1000}) for n in range(1, 100)])
    assert held["unsubscribed"].value is True
    assert held["consent.email"].value is False
    assert "t99" in held
    assert "t1" not in held
    assert len(traits.write(held)) <= traits.MAX_BYTES
    flood = traits.absorb(held, [(NOON + n * DAY, {f"consent.made_up_{n}": True}) for n in range(1, 2000)])
    assert flood["consent.email"].value is False


def test_a_trait_without_room_for_all_that_is_said_of_it_keeps_what_was_said_last() -> None:
    held: Traits = {}
    for n in range(6):
        held = traits.absorb(held, [(NOON + n * DAY, {"note": f"{n}" * 12_000})], source=f"sdk:{n}")
    assert held["note"].value[0] == "5"
    assert held["note"].others == ()


async def test_a_value_that_is_too_large_is_refused_and_takes_nothing_away(take: Take, db: Database) -> None:
    await take(call("identify", user_id="u1", traits={"email": "bob@example.com", "unsubscribed": True, "age": 30}))
    told = await take(call("identify", user_id="u1", traits={"notes": ["x" * 100] * 700, "city": "北京"}))
    (after,) = [fact for fact in told if isinstance(fact, ProfileUpdated)]
    assert after.traits["city"] == "北京"
    assert after.traits["age"] == 30
    assert "notes" not in after.traits
    async with db.transaction() as session:
        row = (await session.execute(text("SELECT name, source, reason, count FROM refused_traits"))).one()
        assert (await ask(session, ContactsAsked(profile_ids=[1], channel="email"))).refused == {1: "no_consent"}
    assert tuple(row) == ("notes", "sdk:web", "larger than 16 KB", 1)


async def test_traits_that_lose_their_place_are_counted(take: Take, db: Database) -> None:
    await take(call("identify", user_id="u1", traits={"first": "x" * 1000}))
    for n in range(5):
        await take(call("identify", user_id="u1", after=n + 1, traits={f"t{n}": "x" * 14_000}))
    async with db.transaction() as session:
        rows = await session.execute(text("SELECT name, reason FROM refused_traits ORDER BY name"))
        found = {row.name: row.reason for row in rows}
    assert found["t0"].startswith("no room")


async def test_a_bulk_names_the_value_that_is_too_large(db: Database) -> None:
    async with db.transaction() as session:
        given = [{"ids": {"user_id": "u1"}, "traits": {"notes": "x" * 20_000}}, {"ids": {"user_id": "u2"}}]
        done = await bulk.upsert(session, given, by="key")
    assert done.accepted == 1
    assert [(one.index, one.field) for one in done.errors] == [(0, "profiles[0].traits.notes")]


async def test_what_an_undone_attempt_told_is_not_told(db: Database) -> None:
    async with db.transaction() as session:
        calls = [
            call("identify", user_id="good", traits={"a": 1}),
            call("identify", user_id="bad", traits={"a": "no \0 can be stored"}),
        ]
        refused = await bulk.take(session, calls)
        told = [fact.value for fact, _ in outbox.effects(session).told if isinstance(fact, IdentityLinked)]
    assert list(refused) == [1]
    assert told == ["good"]


def test_answers_that_are_asked_for_are_known() -> None:
    assert {"email", "*", "guardian", "unsubscribed"} <= consents.ASKED
