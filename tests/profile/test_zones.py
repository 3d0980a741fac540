"""Where a viewer's clock is, for campaigns that keep quiet at night: his own word, else what his devices said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from services.profile.actions.contacts import contacts
from shared import clock
from shared.contracts import ContactsAsked, Fact
from shared.database import Database
from tests.profile.samples import NOON, call

Take = Callable[..., Awaitable[list[Fact]]]


async def zones(db: Database, *ids: int) -> dict[int, str | None]:
    """What is answered of these viewers, a day after noon."""
    with clock.at(NOON + timedelta(days=1)):
        async with db.transaction() as session:
            answer = await contacts(session, ContactsAsked(profile_ids=list(ids), channel="inbox"))
    return {one.profile_id: one.zone for one in answer.contacts}


async def test_the_trait_comes_before_the_last_event(take: Take, db: Database) -> None:
    await take(
        call(user_id="u1", context={"timezone": "Asia/Tokyo"}),
        call(user_id="u1", context={"timezone": "Europe/Berlin"}, after=60),
        call(user_id="u1", after=120),
        call("identify", user_id="u2", traits={"timezone": "America/Lima"}, context={"timezone": "Asia/Tokyo"}),
        call("identify", user_id="u3", traits={"timezone": "Mars/Base"}, context={"timezone": "+05:30"}),
        call(user_id="u4", context={"timezone": "Mars/Base"}),
        call(user_id="u5", context={"timezone": 7}),
        call(user_id="u6", context={"timezone": "Asia/Tokyo"}, time=NOON - timedelta(days=100)),
    )
    assert await zones(db, 1, 2, 3, 4, 5, 6) == {
        1: "Europe/Berlin", 2: "America/Lima", 3: "+05:30", 4: None, 5: None, 6: None,
    }  # fmt: skip


async def test_a_program_has_no_clock_of_his(take: Take, db: Database) -> None:
    await take(
        call(user_id="u1", context={"timezone": "Asia/Tokyo"}),
        call(user_id="u1", context={"timezone": "UTC", "userAgent": "Googlebot/2.1"}, after=60),
    )
    assert await zones(db, 1) == {1: "Asia/Tokyo"}
