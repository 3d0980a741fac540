"""Birthdays: on which day somebody is a year older, what is told of it and what is not, and that children grow up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.actions import birthdays
from services.profile.rules import definitions
from shared import clock, outbox
from shared.contracts import Fact, ProfileUpdated
from shared.database import Database
from tests.profile.samples import NOON, call

Take = Callable[..., Awaitable[list[Fact]]]
FORMS = ["%Y-%m-%d", "%Y%m%d", "%G-W%V-%u", "%GW%V%u"]


@given(st.dates(date(1990, 1, 1), date(2040, 12, 31)), st.integers(1, 120), st.sampled_from(FORMS))
def test_births_are_those_who_were_a_year_younger_the_day_before(born: date, years: int, spelling: str) -> None:
    said = born.strftime(spelling)
    leap = date(born.year + years, 3, 1) - timedelta(days=1)
    day = born.replace(year=born.year + years) if (born.month, born.day) != (2, 29) else leap
    if (born.month, born.day) == (2, 29) and leap.day != 29:
        day = leap + timedelta(days=1)
    assert definitions.age(said, day) == years
    assert definitions.age(said, day - timedelta(days=1)) == years - 1
    assert definitions.last_birthday(said, day) == day
    assert definitions.last_birthday(said, day + timedelta(days=200)) == day
    assert said in definitions.births(day)
    assert said not in definitions.births(day - timedelta(days=1))
    assert said not in definitions.births(day + timedelta(days=1))
    assert definitions.day_of_year(said) == f"--{born:%m-%d}"


async def _turn(db: Database, at: datetime) -> list[ProfileUpdated]:
    told: list[ProfileUpdated] = []
    more = True
    with clock.at(at):
        while more:
            async with db.transaction() as session:
                more = await birthdays.celebrate(session)
                told += [fact for fact, _ in outbox.effects(session).told if isinstance(fact, ProfileUpdated)]
    return told


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
    assert lifted.traits["age"] == 14
    assert lifted.version > first.version
    assert await _turn(db, birthday + timedelta(hours=5)) == []


async def test_days_that_were_missed_are_made_up_for(take: Take, db: Database) -> None:
    born = NOON.date().replace(year=NOON.year - 14) + timedelta(days=2)
    with clock.at(NOON):
        await take(call("identify", user_id="u1", traits={"birthday": born.isoformat()}))
    assert await _turn(db, NOON) == []
    assert [fact.profile_id for fact in await _turn(db, NOON + timedelta(days=9))] == [1]


def _of(facts: list[Fact], profile_id: int = 1) -> ProfileUpdated:
    (found,) = [one for one in facts if isinstance(one, ProfileUpdated) and one.profile_id == profile_id]
    return found


async def test_age_and_the_day_are_told_and_the_year_is_not(take: Take, db: Database) -> None:
    with clock.at(NOON):
        first = _of(await take(call("identify", user_id="u1", traits={"birthday": "1990-05-06"})))
    assert first.traits == {"age": 35, "birthday": "--05-06", "star_sign": "taurus"}
    assert first.since["age"] == NOON, "since then it is known"
    assert await _turn(db, NOON) == []
    (older,) = await _turn(db, NOON + timedelta(days=2))
    assert (older.traits["age"], older.traits["birthday"]) == (36, "--05-06")
    assert older.since["age"] == datetime(2026, 5, 6, tzinfo=UTC)
    with clock.at(NOON + timedelta(days=3)):
        said = _of(await take(call("identify", user_id="u1", traits={"age": 40}, after=3 * 86_400)))
    assert said.traits["age"] == 40, "who says his age is believed"


async def test_many_with_one_birthday_are_told_a_part_at_a_time(
    take: Take, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(birthdays, "AT_ONCE", 2)
    with clock.at(NOON):
        await take(*(call("identify", user_id=f"u{n}", traits={"birthday": f"19{n}0-05-06"}) for n in range(5, 10)))
        assert await _turn(db, NOON) == []
    told = await _turn(db, NOON + timedelta(days=3))
    assert [one.profile_id for one in told] == [1, 2, 3, 4, 5]
    assert await _turn(db, NOON + timedelta(days=3)) == []
    with clock.at(NOON + timedelta(days=400)):
        assert len(await _turn(db, NOON + timedelta(days=400))) == 5, (
            "after a long standstill everybody is a year older"
        )
