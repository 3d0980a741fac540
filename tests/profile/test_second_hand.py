"""What others have written down of a viewer does not take back his no."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from services.profile.actions import bulk, consents, identity
from services.profile.rules import sources, traits
from services.profile.schemas.consents import NewStatement, NewStatements
from services.profile.schemas.links import MergeInput
from shared.contracts import Fact
from shared.database import Database
from shared.pages import PageAsked
from tests.profile.samples import NOON, call

Take = Callable[..., Awaitable[list[Fact]]]
FILE, BULK = "import:7", "bulk:key"


async def holds(db: Database, ref: str) -> dict[str, bool]:
    async with db.transaction() as session:
        return (await consents.shown(session, ref, PageAsked(50, None))).current


async def history(db: Database, ref: str) -> Sequence[Any]:
    async with db.transaction() as session:
        return (await consents.shown(session, ref, PageAsked(50, None))).history


@pytest.mark.parametrize("source", [FILE, BULK])
@pytest.mark.parametrize(
    ("no", "yes"),
    [
        ({"consent": {"email": False}}, {"consent": {"email": True}}),
        ({"consent": {"email": False}}, {"consent": {"email": None}}),
        ({"unsubscribed": True}, {"unsubscribed": False}),
    ],
)
async def test_a_file_and_a_bulk_call_do_not_overturn_a_no(
    take: Take, db: Database, source: str, no: dict[str, Any], yes: dict[str, Any]
) -> None:
    await take(call("identify", user_id="u1", traits=no))
    before = await holds(db, "user_id:u1")
    assert False in before.values()
    await take(call("identify", user_id="u1", after=60, source=source, traits={**yes, "city": "北京"}))
    assert await holds(db, "user_id:u1") == before
    assert len(await history(db, "user_id:u1")) == 1
    async with db.transaction() as session:
        refused = (await session.execute(text("SELECT source, reason FROM refused_traits"))).one()
    assert refused.source == sources.of(source)
    assert refused.reason == consents.OVERTURNS


async def test_a_list_of_those_who_said_no_counts_and_a_later_list_does_not_undo_it(take: Take, db: Database) -> None:
    await take(call("identify", user_id="u1", source="import:1", traits={"consent": {"email": False}}))
    await take(call("identify", user_id="u1", after=60, source="import:2", traits={"consent": {"email": True}}))
    assert await holds(db, "user_id:u1") == {"email": False}


async def test_of_two_lines_in_one_batch_the_second_does_not_undo_the_first(take: Take, db: Database) -> None:
    await take(
        call("identify", user_id="u1", source=FILE, traits={"consent": {"email": False}}),
        call("identify", user_id="u1", after=1, source=FILE, traits={"consent": {"email": True}}),
    )
    assert await holds(db, "user_id:u1") == {"email": False}


async def test_who_said_nothing_is_taken_by_a_files_word_with_the_line_as_proof(take: Take, db: Database) -> None:
    await take(
        call("identify", user_id="u1", source=FILE, message_id="import:7:3", traits={"consent": {"email": True}})
    )
    async with db.transaction() as session:
        await bulk.upsert(
            session, [{"ids": {"user_id": "u2"}, "traits": {"consent": {"sms": True}}, "message_id": "crm-1"}], by="key"
        )
    assert await holds(db, "user_id:u1") == {"email": True}
    (line,) = await history(db, "user_id:u1")
    assert (line.source, line.recorded_by, line.proof) == ("import", "import:7", "import:7:3")
    (line,) = await history(db, "user_id:u2")
    assert (line.source, line.recorded_by, line.proof) == ("bulk", "sdk:bulk:key", "crm-1")


async def test_he_changes_his_mind_himself_or_by_an_answer_with_proof(take: Take, db: Database) -> None:
    for ref in ("u1", "u2"):
        await take(call("identify", user_id=ref, traits={"consent": {"email": False}}))
    await take(call("identify", user_id="u1", after=60, traits={"consent": {"email": True}}))
    async with db.transaction() as session:
        one = NewStatement(purpose="email", granted=True, version=None, proof="letter of 4 May", at=None)
        await consents.record(session, "user_id:u2", NewStatements(consents=[one], source="letter"), by="operator")
    assert await holds(db, "user_id:u1") == await holds(db, "user_id:u2") == {"email": True}


async def test_the_no_of_one_id_stands_against_a_files_yes_for_another_that_turns_out_to_be_his(
    take: Take, db: Database
) -> None:
    await take(call("identify", user_id="u1", traits={"consent": {"email": False}}))
    await take(call("identify", anonymous_id="a1", after=60, source=FILE, traits={"consent": {"email": True}}))
    async with db.transaction() as session:
        merge = MergeInput.model_validate({"from": "anonymous_id:a1", "into": "user_id:u1", "reason": "the same"})
        await identity.merge(session, merge, by="op", dry_run=False)
    assert await holds(db, "user_id:u1") == {"email": False}


def test_the_last_word_counts_among_those_who_speak_for_themselves() -> None:
    held = traits.absorb({}, [(NOON, {"consent.email": False})], source="sdk:web")
    later = NOON.replace(hour=13)
    held = traits.absorb(held, [(later, {"consent.email": True})], source="sdk:app")
    held = traits.absorb(held, [(later, {"consent.email": True})], source=FILE)
    assert traits.view([held])["consent.email"].source == "sdk:app"
