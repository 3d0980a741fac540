"""What the gateway makes of 神策 records, taken in by profile: one viewer, his traits, a resend counted once."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.rules import sensors
from gateway.rules.events import Arrival
from services.profile.actions import profiles
from shared.contracts import EventReceived, Fact
from shared.database import Database

Take = Callable[..., Awaitable[list[Fact]]]

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def calls(*records: dict[str, Any]) -> list[EventReceived]:
    """The calls of these records, sent at noon."""
    raws = [json.dumps({"time": int(NOW.timestamp() * 1000), **one}).encode() for one in records]
    reading = sensors.many(raws, Arrival(NOW, "key"))
    assert reading.refused == []
    return [msgspec.json.decode(one.item, type=EventReceived) for one in reading.accepted]


async def test_a_visitor_signs_up_and_is_one_viewer(take: Take, db: Database) -> None:
    """Also where a server speaks of him by his login id without saying that it is one."""
    login = {"$is_login_id": True}
    await take(*calls({"type": "track", "distinct_id": "phone", "event": "VideoOpened"}))
    await take(*calls({"type": "profile_set", "distinct_id": "u1", "properties": {"plan": "vip"}}))
    await take(*calls({"type": "track_signup", "distinct_id": "u1", "original_id": "phone", "event": "$SignUp"}))
    added = calls(
        {"type": "profile_increment", "distinct_id": "u1", "properties": {"coins": 5, **login}},
        {"type": "profile_increment", "distinct_id": "u1", "properties": {"coins": 5, **login}},
        {"type": "profile_append", "distinct_id": "u1", "properties": {"likes": ["anime"], **login}},
        {"type": "profile_set_once", "distinct_id": "u1", "properties": {"came_by": "bili", **login}},
    )
    await take(*added)
    await take(*added)
    async with db.transaction() as session:
        profile = await profiles.by_ref(session, "user_id:u1", unmasked=True)
    assert {f"{one.namespace}:{one.value}" for one in profile.identities} == {
        "user_id:u1",
        "anonymous_id:u1",
        "anonymous_id:phone",
    }
    assert profile.traits == {"plan": "vip", "coins": 10, "likes": ["anime"], "came_by": "bili"}
