"""First and last touch: campaigns and share links, by event time, over all identities of a viewer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import permutations
from typing import Any

import httpx
import pytest

from services.profile.actions import touches as actions
from services.profile.actions.events import absorb
from services.profile.app import SERVICE
from services.profile.rules import events as event_rules
from services.profile.rules import touches as rules
from services.profile.rules.touches import Touch
from shared.contracts import EventReceived, Fact
from shared.database import Database
from tests.harness.houses import Opening, Running
from tests.profile.samples import call

Take = Callable[..., Awaitable[list[Fact]]]

SPRING = {"campaign": {"name": "spring", "source": "bili", "medium": "feed"}}


def touch(**fields: Any) -> Touch | None:
    """The touch of a call with these fields."""
    return rules.touch(event_rules.read(call(anonymous_id="a1", **fields)))


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, None),
        ({"context": {"page": {"url": "https://m.example/v/1?p=2"}}}, None),
        ({"context": {"campaign": {}}}, None),
        ({"context": {"campaign": {"name": ""}}}, None),
        ({"context": SPRING}, Touch(campaign="spring", source="bili", medium="feed", event="Content Liked")),
        (
            {"context": {"page": {"url": "https://m.example/v/1?utm_source=wx&utm_campaign=s%20p&utm_term=%E5%8A%A8"}}},
            Touch(source="wx", campaign="s p", term="动", page="https://m.example/v/1", event="Content Liked"),
        ),
        (
            {
                "type": "page",
                "properties": {"url": "https://m.example/#/v?utm_medium=qr&share_from=wechat&sharer_id=9"},
            },
            Touch(medium="qr", share_from="wechat", sharer_id="9", page="https://m.example/", event="Page Viewed"),
        ),
        (
            {"properties": {"share_from": "qq", "sharer_id": 42}},
            Touch(share_from="qq", sharer_id="42", event="Content Liked"),
        ),
        ({"context": {"page": {"url": "https://[broken?utm_source=x"}}}, None),
        ({"context": {"page": {"url": 7}, "campaign": "spring"}}, None),
        ({"properties": {"share_from": {"a": 1}}}, None),
    ],
)
def test_what_a_call_says_about_where_it_came_from(fields: dict[str, Any], found: Touch | None) -> None:
    assert touch(**fields) == found


def test_a_long_parameter_is_cut() -> None:
    found = touch(context={"campaign": {"name": "x" * 5000}})
    assert found is not None
    assert found.campaign == "x" * rules.TEXT


async def test_first_and_last_do_not_depend_on_the_order_of_arrival(take: Take, db: Database) -> None:
    """In one batch or in many, early or late: the earliest and the latest by event time."""
    sent = [(0, "a"), (60, "b"), (60, "c"), (120, "d")]
    for number, order in enumerate(permutations(sent)):
        user = f"u{number}"
        half = [call(user_id=user, after=at, context={"campaign": {"name": name}}) for at, name in order]
        await take(*half[:2])
        await take(half[2])
        await take(half[3], call(user_id=user))
        async with db.transaction() as session:
            found = await actions.of(session, [f"user_id:{user}"])
        assert found is not None
        assert (found.first.touch.campaign, found.last.touch.campaign) == ("a", "d")


async def test_at_one_instant_the_order_of_arrival_does_not_decide(take: Take, db: Database) -> None:
    for user, names in (("u1", "ab"), ("u2", "ba")):
        for name in names:
            await take(call(user_id=user, context={"campaign": {"name": name}}))
    async with db.transaction() as session:
        both = [await actions.of(session, [f"user_id:{user}"]) for user in ("u1", "u2")]
    assert both[0] == both[1]
    assert both[0] is not None
    assert both[0].first != both[0].last


async def test_a_viewer_has_the_touches_of_all_his_identities(open_house: Callable[..., Opening]) -> None:
    running: Running = await open_house(SERVICE)

    async def give(*items: EventReceived) -> None:
        async with running.house.db.transaction() as session:
            await absorb(session, list(items))

    await give(call(anonymous_id="a1", context=SPRING))
    await give(call("identify", user_id="u1", anonymous_id="a1", after=5))
    url = "https://m.example/v/1?share_from=wechat&sharer_id=u7"
    await give(call(user_id="u1", after=10, event="Content Opened", context={"page": {"url": url}}))
    shown = await touches(running.client, "user_id:u1")
    assert (shown["first"]["campaign"], shown["first"]["at"]) == ("spring", "2026-05-04T12:00:00Z")
    assert (shown["last"]["sharer_id"], shown["last"]["page"]) == ("u7", "https://m.example/v/1")
    await give(call(user_id="u2"))
    assert await touches(running.client, "user_id:u2") == {"first": None, "last": None}
    assert (await running.client.get("/v1/profiles/user_id:nobody/touches")).status_code == 404


async def touches(client: httpx.AsyncClient, ref: str) -> dict[str, Any]:
    """First and last touch as the API shows them."""
    answer = await client.get(f"/v1/profiles/{ref}/touches")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown
