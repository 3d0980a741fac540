"""Who turns fourteen: on which day, and that everybody hears of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.profile.actions import minors
from services.profile.rules import consents
from shared import clock, outbox
from shared.contracts import Fact, ProfileUpdated
from shared.database import Database
from tests.profile.samples import NOON, call

Take = Callable[..., Awaitable[list[Fact]]]


@given(st.dates(date(1990, 1, 1), date(2040, 12, 31)), st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%G-W%V-%u", "%GW%V%u"]))
def test_births_are_those_who_were_thirteen_the_day_before(born: date, spelling: str) -> None:
    said = born.strftime(spelling)
    traits = {"birthday": said}
    day = born.replace(year=born.year + 14) if (born.month, born.day) != (2, 29) else date(born.year + 14, 3, 1)
    assert consents.age(traits, day) == 14
    assert consents.age(traits, day - timedelta(days=1)) == 13
    assert said in consents.births(day)
    assert said not in consents.births(day - timedelta(days=1))
    assert said not in consents.births(day + timedelta(days=1))


async def _turn(db: Database, at: datetime) -> list[ProfileUpdated]:
    with clock.at(at):
        async with db.transaction() as session:
            await minors.grow_up(session)
            return [fact for fact, _ in outbox.effects(session).told if isinstance(fact, ProfileUpdated)]


async def test_on_the_birthday_the_default_for_children_is_lifted_and_told_once(take: Take, db: Database) -> None:
    born = NOON.date().replace(year=NOON.year - 14) + timedelta(days=2)
    with clock.at(NOON):
        (first,) = [
            fact
            for fact in await take(
                call("identify", user_id="u1", traits={"birthday": born.isoformat(), "consent": {"sms": False}}),
                call("identify", user_id="u2", traits={"birthday": "2011-01-01"}),
            )
            if isinstance(fact, ProfileUpdated) and fact.profile_id == 1
        ]
        # Another source says the same birthday later in another way: it is found among what both say.
        await take(call("identify", user_id="u3", source="import:1", traits={"birthday": f"{born}T08:00:00"}))
        await take(call("identify", user_id="u3", source="web", traits={"birthday": "2001-01-01"}, after=60))
    assert first.consent["personalisation"] is False
    assert first.consent["marketing"] is False
    assert await _turn(db, NOON) == []
    assert await _turn(db, NOON + timedelta(days=1)) == []
    birthday = datetime(NOON.year, NOON.month, NOON.day, tzinfo=UTC) + timedelta(days=2)
    assert await _turn(db, birthday - timedelta(seconds=1)) == []
    told = await _turn(db, birthday)
    assert {fact.profile_id for fact in told} == {1, 3}
    (lifted,) = [fact for fact in told if fact.profile_id == 1]
    assert lifted.consent == {"sms": False}
    assert lifted.version > first.version
    assert await _turn(db, birthday + timedelta(hours=5)) == []


async def test_days_that_were_missed_are_made_up_for(take: Take, db: Database) -> None:
    born = NOON.date().replace(year=NOON.year - 14) + timedelta(days=2)
    with clock.at(NOON):
        await take(call("identify", user_id="u1", traits={"birthday": born.isoformat()}))
    assert await _turn(db, NOON) == []
    assert [fact.profile_id for fact in await _turn(db, NOON + timedelta(days=9))] == [1]
