"""Events go when their time is over; sums stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from services.profile.actions import retentions
from services.profile.app import SERVICE
from services.profile.schemas.retentions import NewRetention
from services.profile.tables import events
from shared import audit, clock
from shared.contracts import Fact, RetentionDefined
from shared.database import Database
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.profile.samples import NOON, call

Take = Callable[..., Awaitable[list[Fact]]]
URL = "/v1/privacy/retentions"
DAY = 86_400


async def keep(db: Database, **days: int) -> None:
    """Set retentions; `rest` is *."""
    async with db.transaction() as session:
        for name, number in days.items():
            await retentions.put(session, "*" if name == "rest" else name, NewRetention(days=number))


async def expire(db: Database, *, days: float) -> int:
    """One turn of the timer, so many days after noon; how many calls went."""
    before = (await left(db)).total()
    with clock.at(NOON + timedelta(days=days)):
        async with db.transaction() as session:
            more = await retentions.expire(session)
    gone = before - (await left(db)).total()
    assert more is (gone >= retentions.AT_ONCE)
    return gone


async def left(db: Database) -> Counter[str | None]:
    """Events in the timeline, by name."""
    async with db.transaction() as session:
        return Counter(await session.scalars(select(events.c.event)))


async def test_it_is_set_listed_and_taken_back(open_house: Callable[..., Opening]) -> None:
    client = (await open_house(SERVICE)).client
    assert (await client.get(URL)).json() == {"items": []}
    for event, days in (("Content Liked", 30), ("*", 3650), ("a/b c", 1), ("Content Liked", 31)):
        answer = await client.put(f"{URL}/{event}", json={"days": days})
        assert (answer.status_code, answer.json()["days"]) == (200, days), answer.text
    listed = {one["event"]: one["days"] for one in (await client.get(URL)).json()["items"]}
    assert listed == {"*": 3650, "Content Liked": 31, "a/b c": 1}
    noted = (await client.put(f"{URL}/a/b c", json={"days": 2})).headers[audit.HEADER]
    assert noted == "retentions.set event:a/b%20c days:2"
    for event in listed:
        answer = await client.delete(f"{URL}/{event}")
        assert answer.status_code == 204
        assert answer.headers[audit.HEADER].startswith("retentions.delete event:")
    assert (await client.get(URL)).json() == {"items": []}
    gone = await client.delete(f"{URL}/Content Liked")
    assert gone.status_code == 404
    assert "'Content Liked'" in gone.json()["detail"]


async def test_the_other_services_hear_of_it(open_house: Callable[..., Opening]) -> None:
    running: Running = await open_house(SERVICE)
    for event, days in (("Content Liked", 30), ("*", 3650)):
        assert (await running.client.put(f"{URL}/{event}", json={"days": days})).is_success
    assert (await running.client.delete(f"{URL}/Content Liked")).is_success

    async def told() -> None:
        assert await running.told(RetentionDefined) == [
            RetentionDefined(event="Content Liked", days=30),
            RetentionDefined(event="*", days=3650),
            RetentionDefined(event="Content Liked"),
        ]

    await eventually(told)
    await running.client.put(f"{URL}/Other", json={"days": 7})
    async with running.db.transaction() as session:
        first, cursor = await retentions.snapshot(session, None, 1)
        rest, end = await retentions.snapshot(session, cursor, 2)
    assert [*first, *rest] == [RetentionDefined(event="*", days=3650), RetentionDefined(event="Other", days=7)]
    assert end is None


@pytest.mark.parametrize("body", [{"days": 0}, {"days": 3651}, {"days": "x"}, {"days": None}, {}])
async def test_what_is_no_number_of_days_is_refused(open_house: Callable[..., Opening], body: object) -> None:
    client = (await open_house(SERVICE)).client
    answer = await client.put(f"{URL}/Content Liked", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["days"]
    assert (await client.put(f"{URL}/{'x' * 513}", json={"days": 1})).status_code == 422
    assert (await client.get(URL)).json() == {"items": []}


async def test_only_an_admin_changes_it(open_house: Callable[..., Opening]) -> None:
    running: Running = await open_house(SERVICE)
    for role in ("viewer", "operator"):
        headers = running.headers(role)
        assert (await running.client.get(URL, headers=headers)).status_code == 200
        assert (await running.client.put(f"{URL}/*", json={"days": 1}, headers=headers)).status_code == 403
        assert (await running.client.delete(f"{URL}/*", headers=headers)).status_code == 403


async def test_the_clock_deletes_from_the_timeline_and_the_sums_stay(open_house: Callable[..., Opening]) -> None:
    running: Running = await open_house(SERVICE)
    now = clock.now()
    await running.tell(
        call(user_id="u1", event="Content Liked", time=now - timedelta(days=3)),
        call(user_id="u1", event="Content Liked", time=now - timedelta(hours=3)),
        call(user_id="u1", event="Content Saved", time=now - timedelta(days=3)),
    )

    async def shown(*expected: str) -> None:
        answer = await running.client.get("/v1/profiles/user_id:u1/events")
        assert [one["event"] for one in answer.json().get("items", [])] == list(expected), answer.text

    async def sums() -> list[tuple[object, ...]]:
        async with running.db.transaction() as session:
            return [tuple(row) for row in await session.execute(text("SELECT * FROM aggregates ORDER BY 1, 2, 3"))]

    await eventually(lambda: shown("Content Liked", "Content Saved", "Content Liked"))
    before = await sums()
    assert before
    await running.client.put(f"{URL}/Content Liked", json={"days": 2})
    await eventually(lambda: shown("Content Liked", "Content Saved"), timeout=20)
    assert await sums() == before


async def test_without_a_line_everything_stays(db: Database, take: Take) -> None:
    await take(call(user_id="u1"), call("identify", user_id="u1"))
    assert await expire(db, days=36_500) == 0
    assert await left(db) == {"Content Liked": 1, None: 1}


async def test_an_event_goes_by_its_own_time_to_the_instant(db: Database, take: Take) -> None:
    await keep(db, Long=30)
    late = call(user_id="u1", event="Long", after=-20 * DAY, received_at=NOON)
    await take(late, call(user_id="u1", event="Long"), call(user_id="u1", event="Longer"))
    assert await expire(db, days=10) == 0
    assert await expire(db, days=10.001) == 1
    assert await expire(db, days=30) == 0
    assert await expire(db, days=30.001) == 1
    assert await left(db) == {"Longer": 1}


async def test_a_star_is_for_all_others_only(db: Database, take: Take) -> None:
    await keep(db, rest=10, Long=100, Short=1)
    await take(
        *(call(user_id="u1", event=name) for name in ("Long", "Short", "A", "Z")), call("identify", user_id="u1")
    )
    assert await expire(db, days=2) == 1
    assert await left(db) == {"Long": 1, "A": 1, "Z": 1, None: 1}
    assert await expire(db, days=11) == 3, "calls that are no events are among all others"
    assert await left(db) == {"Long": 1}
    assert await expire(db, days=101) == 1
    assert await left(db) == {}


async def test_a_turn_is_bounded_over_names_and_months(
    db: Database, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retentions, "AT_ONCE", 4)
    await keep(db, rest=1)
    for month in (0, 40, 80):
        await take(*(call(user_id=f"u{n}", event=f"E{n % 2}", after=-month * DAY) for n in range(3)))
    assert [await expire(db, days=2) for _ in range(4)] == [4, 4, 1, 0]
    assert not await left(db)


async def test_events_that_somebody_holds_wait_for_the_next_turn(db: Database, take: Take) -> None:
    await keep(db, rest=1)
    await take(call(user_id="u1", event="A"), call(user_id="u2", event="B"))
    async with db.transaction() as session:
        await session.execute(select(events).where(events.c.event == "A").with_for_update())
        assert await expire(db, days=2) == 1
    assert await left(db) == {"A": 1}
    assert await expire(db, days=2) == 1
