"""New viewers by day, in the zone that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.profile.actions import search
from services.profile.actions.events import absorb
from services.profile.app import SERVICE
from shared import clock
from shared import days as calendar
from tests.harness.houses import Opening
from tests.profile.samples import NOON, call


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1)),
    st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York"]),
)
def test_an_instant_is_between_the_beginnings_of_its_day_and_the_next(at: datetime, zone: str) -> None:
    now = at.replace(tzinfo=UTC)
    before, today = calendar.last(now, 2, zone)
    assert today - before == timedelta(days=1)
    assert calendar.begin(today, zone) <= now < calendar.begin(today + timedelta(days=1), zone)


async def test_viewers_are_new_on_the_day_of_their_zone(open_house: Callable[..., Opening]) -> None:
    running = await open_house(SERVICE)
    seen = (clock.now() - timedelta(days=3)).replace(hour=20, minute=30, second=0, microsecond=0)
    late = (seen - NOON).total_seconds()
    async with running.db.transaction() as session:
        await absorb(
            session,
            [call(user_id="u1", after=late), call(user_id="u1", after=late + 86_400), call(user_id="u2", after=late)],
        )
    async with running.db.transaction() as session:
        await search.refresh(session)
    for zone, day in (("UTC", seen.date()), ("Asia/Shanghai", seen.date() + timedelta(days=1))):
        query = {"days": "10", "zone": zone}
        told = (
            await running.client.get("/v1/profiles/arrivals", params=query, headers=running.headers("viewer"))
        ).json()
        assert [(one["day"], one["viewers"]) for one in told["days"] if one["viewers"]] == [(str(day), 2)]
        assert (len(told["days"]), told["viewers"], told["zone"]) == (10, 2, zone)
    wrong = await running.client.get(
        "/v1/profiles/arrivals", params={"zone": "Nowhere"}, headers=running.headers("viewer")
    )
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "zone")


async def test_a_part_of_today_can_be_held_against_the_same_part_of_a_day(open_house: Callable[..., Opening]) -> None:
    running = await open_house(SERVICE)
    async with running.db.transaction() as session:
        program = call(user_id="crawler", context={"userAgent": "Googlebot/2.1"})
        people = [call(user_id="u1"), call(user_id="u2", after=7200), call(user_id="u3", after=7200)]
        await absorb(session, [program, *people])
    async with running.db.transaction() as session:
        await search.refresh(session)
    for zone in ("UTC", "Asia/Shanghai", "Asia/Kolkata"):
        with clock.at(NOON + timedelta(days=2, hours=1)):
            told = await running.client.get(
                "/v1/profiles/arrivals", params={"days": "3", "zone": zone}, headers=running.headers("viewer")
            )
        assert [(one["viewers"], one["so_far"]) for one in told.json()["days"]] == [(3, 1), (0, 0), (0, 0)], zone
        assert told.json()["viewers"] == 3
