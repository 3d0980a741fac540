"""A rule that an older version saved and this one cannot read: its segment stands still, all others live."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from services.segment.app import SERVICE
from shared import clock
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.segment.acts import VIP, ask, equals, filled, known, make, member_ids
from tests.segment.conftest import used
from tests.segment.words import event, profile

LIKED = {"did": "Content Liked", "times": {"gte": 1}, "within": "1h"}
NONSENSE = {"all": [VIP, {"wished": "Content Liked"}]}


async def _saved(home: Running, key: str, rule: dict[str, Any]) -> None:
    """What another version left in the database."""
    async with home.db.transaction() as session:
        statement = text("UPDATE segments SET rule = CAST(:rule AS jsonb) WHERE key = :key")
        await session.execute(statement, {"rule": json.dumps(rule), "key": key})


async def test_a_rule_nobody_can_read_stops_its_segment_alone(
    open_house: Callable[..., Opening], database: Callable[[str], Any]
) -> None:
    url = await database("segment")
    async with open_house(SERVICE, database_url=url) as home:
        await home.tell(profile(1, 1, vip=True), profile(2, 1), profile(3, 1, vip=True))
        await home.tell(event(1, "Content Liked", clock.now()))
        await make(home, "vip", VIP)
        await make(home, "likers", LIKED)
        await make(home, "rest", {"not": {"in_segment": "vip"}})
        await eventually(lambda: equals(member_ids(home, "likers"), {1}))
        for key in ("vip", "likers"):
            await _saved(home, key, NONSENSE)
    async with open_house(SERVICE, database_url=url) as home:
        found = await ask(home, "GET", "/vip")
        assert "rule.all.1" in found["problem"]
        assert "save the rule anew" in found["problem"]
        assert (found["size"], found["rule"]) == (2, NONSENSE)
        stopped = found["true_as_of"]
        # it stands still, whoever asks it is judged by who is in it, and all others go on
        await make(home, "adults", {"trait": "age", "gte": 18})
        await home.tell(profile(2, 2, vip=True, age=20), profile(4, 1))
        await eventually(lambda: equals(member_ids(home, "adults"), {2}))
        assert await member_ids(home, "vip") == {1, 3}
        await eventually(lambda: equals(member_ids(home, "rest"), {2, 4}))
        found = await ask(home, "GET", "/vip")
        assert (found["true_as_of"], found["filling"]) == (stopped, None)
        await known(home, "user_id:u1")
        told = await ask(home, "GET", "/vip/explain/user_id:u1")
        assert (told["inside"], told["rule"]) == (True, None)
        # time goes by it, too
        async with home.db.transaction() as session:
            await session.execute(text("UPDATE deadlines SET at = now() - interval '1 s'"))

        async def none_due() -> None:
            async with home.db.transaction() as session:
                assert (await session.execute(text("SELECT count(*) FROM deadlines WHERE at < now()"))).scalar() == 0

        await eventually(none_due)
        assert await member_ids(home, "likers") == {1}
        await used(home, {})
        await ask(home, "DELETE", "/rest")
        await ask(home, "DELETE", "/vip")
        await eventually(lambda: equals(_state(home, "vip"), "finished"))
        refused = await ask(home, "POST", "/vip/restore", status=422)
        assert "rule.all.1" in json.dumps(refused)
        refused = await ask(home, "PATCH", "/likers", {"name": "Likers"}, status=422)
        assert "rule.all.1" in json.dumps(refused)
        # an operator says it anew
        await ask(home, "PATCH", "/likers", {"name": "Likers", "rule": LIKED})
        assert (await filled(home, "likers"))["problem"] is None
        await _saved(home, "adults", NONSENSE)
    async with open_house(SERVICE, database_url=url) as home:
        assert (await ask(home, "GET", "/adults"))["problem"]
        await home.tell(profile(5, 1, age=40))
        await _saved(home, "adults", {"trait": "age", "gte": 30})
    # a version that reads it again
    async with open_house(SERVICE, database_url=url) as home:
        found = await filled(home, "adults")
        assert found["problem"] is None
        await eventually(lambda: equals(member_ids(home, "adults"), {5}))


async def _state(home: Running, key: str) -> str:
    async with home.db.transaction() as session:
        query = text("SELECT state FROM jobs WHERE subject = :key ORDER BY id DESC LIMIT 1")
        return str((await session.execute(query, {"key": key})).scalar())
