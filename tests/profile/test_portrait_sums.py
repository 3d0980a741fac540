"""What is kept up to date with each batch is what a recomputation from the timeline would give."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.profile.actions.events import absorb
from services.profile.rules import aggregates as rules
from services.profile.rules import habits, interests
from services.profile.store import aggregates
from services.profile.tables import events
from shared import days
from shared.contracts import EventReceived
from shared.database import Database
from shared.settings import Settings
from tests.harness.databases import Databases
from tests.profile.samples import call
from tests.profile.test_grouping import taken

_worlds = count(1)

BEGIN = datetime(2026, 3, 30, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
HALF_LIFE = 14 * 86_400.0
CASES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

TAGS = st.lists(st.sampled_from(["anime", "music", "food", " food ", "", "游戏"]), max_size=3)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "tags": TAGS,
        "category": st.sampled_from(["anime", "news", 7]),
        "watch_seconds": st.sampled_from([0, 1.5, 30, "12", -1, None]),
        "duration_seconds": st.sampled_from([0, 30.25, 60]),
        "completion": st.sampled_from([0, 0.25, 1, 1.5]),
        "revenue": st.sampled_from([0.1, 19.99, "5.5", True]),
        "currency": st.sampled_from(["CNY", "usd", "x"]),
        "query": st.sampled_from(["anime op", "a@b.cc 12345"]),
        "content_kind": st.sampled_from(["article", 3]),
    },
)
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "timezone": st.sampled_from(["Asia/Tokyo", "America/New_York", "Nowhere/City", 5]),
        "userAgent": st.sampled_from(["Mozilla/5.0 (iPhone; CPU iPhone OS 17_0)", "Mozilla/5.0 (Windows NT 10.0)"]),
        "device": st.sampled_from([{"type": "android"}, "what", {}]),
    },
)
EVENTS: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    event=st.sampled_from(
        [
            *("Video Watched", "Content Liked", "Content Disliked", "Content Shown", "Live Room Entered"),
            *("Order Completed", "Order Refunded", "Search Performed"),
        ]
    ),
    after=st.one_of(st.integers(0, 7200), st.integers(0, 60 * 86_400)),
    visitor=st.booleans(),
    source=st.sampled_from(["web", "app"]),
    properties=PROPERTIES,
    context=CONTEXTS,
)


@pytest.fixture(scope="module")
async def db(databases: Databases) -> AsyncIterator[Database]:
    """One database for all examples: each uses ids of its own."""
    url = await databases.clone("profile")
    opened = Database("profile", Settings(database_url=url, nats_url="n://", nats_monitor_url="h://", secret="s" * 32))
    yield opened
    await opened.close()
    await databases.drop(url)


def received(world: str, made: Sequence[dict[str, Any]]) -> list[EventReceived]:
    """The drawn events as calls of one viewer, in part as a visitor."""
    return [
        call(
            message_id=f"{world}{number}",
            time=BEGIN,
            **{"anonymous_id" if one["visitor"] else "user_id": world},
            **{name: value for name, value in one.items() if name != "visitor"},
        )
        for number, one in enumerate(made)
    ]


async def kept(db: Database, world: str) -> dict[str, Any]:
    """The sums as they stand, whole, in plain shapes."""
    async with db.transaction() as session:
        rows = await aggregates.of(session, [f"user_id:{world}", f"anonymous_id:{world}"])
        whole = rules.whole(((row.month, rules.read(row.data)) for row in rows), NOW, HALF_LIFE)
    found = habits.sessions(whole.spans)
    return {
        "events": whole.events,
        "hours": whole.hours,
        "devices": whole.devices,
        "sources": whole.sources,
        "kinds": whole.kinds,
        "video": [whole.video.plays, whole.video.watched, whole.video.duration, whole.video.rated],
        "completion": whole.video.completion / 1000,
        "spent": {
            code: [its.orders, its.amount / 10_000, its.last, its.refunds, its.refunded / 10_000]
            for code, its in whole.spent.items()
        },
        "interests": {tag: weight for tag, weight in whole.interests.items() if abs(weight) > 1e-9},
        "sessions": [found.count, found.seconds, found.longest],
        "days": habits.days(whole.spans, "Asia/Shanghai"),
    }


def number(value: Any, most: float) -> float | None:
    try:
        found = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        return None
    return found if 0 <= found <= most else None


async def recomputed(db: Database, world: str) -> dict[str, Any]:
    """The same in the plainest form, from the rows of the timeline."""
    async with db.transaction() as session:
        mine = events.c.message_id.startswith(world) & events.c.event.is_not(None)
        rows = (await session.execute(select(events).where(mine).order_by(events.c.time))).all()
    hours: Counter[int] = Counter()
    devices: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    liked: dict[str, float] = {}
    video = [0, 0, 0, 0]
    completion = 0.0
    spent: dict[str, list[Any]] = {}
    for row in rows:
        said = row.context.get("timezone")
        zone = ZoneInfo(said if said in ("Asia/Tokyo", "America/New_York") else "Asia/Shanghai")
        hours[row.time.astimezone(zone).weekday() * 24 + row.time.astimezone(zone).hour] += 1
        agent = row.context.get("userAgent", "")
        android = row.context.get("device") == {"type": "android"}
        if android or agent:
            form = "phone" if android or "iPhone" in agent else "desktop"
            devices[f"{form}/{'Android' if android else 'iOS' if 'iPhone' in agent else 'Windows'}"] += 1
        if row.properties.get("content_kind") == "article":
            kinds["article"] += 1
        elif row.event == "Video Watched":
            kinds["video"] += 1
        elif row.event == "Live Room Entered":
            kinds["live"] += 1
        seen = None
        if row.event == "Video Watched":
            watched = number(row.properties.get("watch_seconds"), 86_400)
            duration = number(row.properties.get("duration_seconds"), 86_400)
            seen = number(row.properties.get("completion"), 1)
            if seen is None and watched is not None and duration:
                seen = min(1.0, watched / duration)
            video = [video[0] + 1, video[1] + round((watched or 0) * 1000), video[2] + round((duration or 0) * 1000)]
            video.append(0)
            completion += seen or 0
        if row.event.startswith("Order"):
            currency = row.properties.get("currency")
            code = {"usd": "USD"}.get(currency, "CNY")
            its = spent.setdefault(code, [0, 0.0, 0, 0, 0.0])
            at = 0 if row.event == "Order Completed" else 3
            its[at] += 1
            its[at + 1] += number(row.properties.get("revenue"), 1e9) or 0
            if at == 0:
                its[2] = max(its[2], int(row.time.timestamp()))
        weight = interests.weight(row.event, seen)
        tags = {tag.strip() for tag in row.properties.get("tags", []) if tag.strip()}
        category = row.properties.get("category")
        tags |= {category} if isinstance(category, str) else set()
        if row.event == "Search Performed" and row.properties.get("query") == "anime op":
            tags |= {"anime", "op"}
        for tag in tags:
            liked[tag] = liked.get(tag, 0.0) + weight * 2 ** (-(NOW - row.time).total_seconds() / HALF_LIFE)
    rated = [
        row
        for row in rows
        if row.event == "Video Watched"
        and (
            number(row.properties.get("completion"), 1) is not None
            or (
                number(row.properties.get("watch_seconds"), 86_400) is not None
                and number(row.properties.get("duration_seconds"), 86_400)
            )
        )
    ]
    times = [int(row.time.timestamp()) for row in rows]
    sessions: list[list[int]] = []
    for time in times:
        if sessions and time - sessions[-1][-1] <= 1800:
            sessions[-1].append(time)
        else:
            sessions.append([time])
    lengths = [one[-1] - one[0] for one in sessions]
    return {
        "events": dict(Counter(row.event for row in rows)),
        "hours": dict(hours),
        "devices": dict(devices),
        "sources": dict(Counter(row.source for row in rows)),
        "kinds": dict(kinds),
        "video": [*video[:3], len(rated)],
        "completion": completion,
        "spent": spent,
        "interests": {tag: weight for tag, weight in liked.items() if abs(weight) > 1e-9},
        "sessions": [len(sessions), sum(lengths), max(lengths, default=0)],
        "days": len({row.time.astimezone(ZoneInfo("Asia/Shanghai")).date() for row in rows}),
    }


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal; interests to the millionths they are kept in, completion to the thousandths."""
    for name in one:
        if name == "interests":
            # What adds up to nothing may be a rounding's worth of something in the other.
            for tag in one[name].keys() | other[name].keys():
                assert one[name].get(tag, 0) == pytest.approx(other[name].get(tag, 0), rel=1e-4, abs=1e-4), tag
        elif name == "completion":
            assert one[name] == pytest.approx(other[name], abs=0.02)
        elif name == "spent":
            assert one[name].keys() == other[name].keys()
            for code in one[name]:
                assert one[name][code] == pytest.approx(other[name][code], abs=1e-6)
        else:
            assert one[name] == other[name], name


@CASES
@given(
    made=st.lists(EVENTS, min_size=1, max_size=14),
    order=st.randoms(use_true_random=False),
    cuts=st.lists(st.integers(0, 20), max_size=5),
    resends=st.lists(st.integers(0, 13), max_size=4),
)
async def test_any_order_of_any_batches_gives_the_recomputation(
    db: Database, made: list[dict[str, Any]], order: Any, cuts: list[int], resends: list[int]
) -> None:
    world = f"p{next(_worlds)}-"
    calls = received(world, made)
    calls += [calls[which % len(made)] for which in resends]
    order.shuffle(calls)
    places = sorted({min(cut, len(calls)) for cut in cuts} | {0, len(calls)})
    for begin, end in pairwise(places):
        await taken(db, calls[begin:end])
    same(await kept(db, world), await recomputed(db, world))


async def test_two_processes_add_up(db: Database) -> None:
    """Batches of the same viewer at the same time: the locks of his identity keep one from writing over the other."""
    world = f"p{next(_worlds)}-"
    calls = [
        call(user_id=world, message_id=f"{world}{number}", properties={"tags": ["anime"]}, after=number)
        for number in range(60)
    ]
    await asyncio.gather(*(taken(db, calls[begin : begin + 5]) for begin in range(0, 60, 5)))
    found = await kept(db, world)
    assert found["events"] == {"Content Liked": 60}
    assert sum(found["hours"].values()) == 60


async def test_calls_that_are_no_events_count_nothing(db: Database) -> None:
    world = f"p{next(_worlds)}-"
    await taken(db, [call("identify", user_id=world, traits={"age": 3}, message_id=f"{world}1")])
    assert (await kept(db, world))["events"] == {}


@given(st.lists(st.integers(0, 3 * 86_400), min_size=1, max_size=60))
def test_sessions_are_those_of_the_sorted_events(seconds: list[int]) -> None:
    identities: list[dict[int, int]] = [{}, {}]
    for number, second in enumerate(seconds):
        slots, slot, within = identities[number % 2], second // 1800, second % 1800
        known = slots.get(slot, within << 11 | within)
        slots[slot] = min(known >> 11, within) << 11 | max(known & 2047, within)
    expected: list[list[int]] = []
    for second in sorted(seconds):
        if expected and second - expected[-1][-1] <= 1800:
            expected[-1].append(second)
        else:
            expected.append([second])
    found = habits.sessions(habits.spans((0, slots) for slots in identities))
    lengths = [one[-1] - one[0] for one in expected]
    assert (found.count, found.seconds, found.longest) == (len(expected), sum(lengths), max(lengths))


@pytest.mark.parametrize(
    "zone", ["Asia/Shanghai", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "-03:30"]
)
@given(seconds=st.lists(st.integers(1_740_000_000, 1_780_000_000), max_size=40))
def test_days_are_those_of_the_calendar(zone: str, seconds: list[int]) -> None:
    its = days.zone(zone)
    expected = {datetime.fromtimestamp(second, its).date() for second in seconds}
    rising = np.array(sorted(seconds), np.int64)
    assert habits.days(habits.Spans(rising, rising), zone) == len(expected)


async def broken_off(db: Database, one: EventReceived) -> None:
    async with db.transaction() as session:
        await absorb(session, [one])
        raise RuntimeError


async def test_a_batch_that_fails_leaves_the_sums_alone(db: Database) -> None:
    world = f"p{next(_worlds)}-"
    await taken(db, [call(user_id=world, message_id=f"{world}1")])
    before = await kept(db, world)
    with pytest.raises(RuntimeError):
        await broken_off(db, call(user_id=world, message_id=f"{world}2"))
    assert await kept(db, world) == before


def test_many_tags_are_kept_as_the_heaviest_and_a_rest() -> None:
    month = rules.Month()
    terms = rules.Terms("+08:00", HALF_LIFE)
    at = datetime(2026, 5, 4, tzinfo=UTC)
    for number in range(400):
        it = rules.Happened(
            "Content Liked", at + timedelta(minutes=number), "web", {"tags": [f"t{number}", "always"]}, {}, None
        )
        rules.add(month, rules.number(at), it, terms)
    assert len(month.interests) <= interests.ROOM
    one = interests.stored(1.0, rules.bounds(rules.number(at))[1] - at.timestamp(), HALF_LIFE)
    assert sum(month.interests.values()) + month.rest == pytest.approx(800 * one, rel=0.02)
    assert max(month.interests, key=lambda tag: month.interests[tag]) == "always"


def test_weights_halve_with_every_half_life() -> None:
    month = rules.Month()
    terms = rules.Terms("+08:00", HALF_LIFE)
    at = datetime(2026, 5, 4, tzinfo=UTC)
    rules.add(month, rules.number(at), rules.Happened("Content Liked", at, "web", {"tags": ["a"]}, {}, None), terms)
    parts = [(rules.number(at), month)]
    for halves in (0, 1, 2, 5):
        whole = rules.whole(parts, at + timedelta(days=14 * halves), HALF_LIFE)
        assert whole.interests["a"] == pytest.approx(0.5**halves, rel=1e-5)
