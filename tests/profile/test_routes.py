"""Profile's HTTP door, as callers of each role see it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.profile.actions.events import absorb
from shared import pages
from shared.contracts import EventReceived
from tests.harness.houses import Running
from tests.profile.samples import NOON, call


async def take(running: Running, *items: EventReceived) -> None:
    async with running.db.transaction() as session:
        await absorb(session, list(items))


async def get(running: Running, path: str, *, role: str = "admin", status: int = 200, **query: Any) -> Any:
    answer: httpx.Response = await running.client.get(path, params=query, headers=running.headers(role))
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_profile_by_each_of_its_refs(running: Running) -> None:
    await take(
        running,
        call(user_id="u/1", anonymous_id="a:1"),
        call("identify", user_id="u/1", traits={"age": 20, "email": "bob@example.com"}, after=60),
        call(anonymous_id="a:1", after=90),
    )
    by_id = await get(running, "/v1/profiles/1")
    assert (
        by_id == await get(running, "/v1/profiles/user_id:u/1") == await get(running, "/v1/profiles/anonymous_id:a:1")
    )
    assert by_id == await get(running, "/v1/profiles/user_id:u%2F1")
    assert by_id == {
        "profile_id": 1,
        "version": 1,
        "identities": [
            {
                "namespace": "user_id",
                "value": "u/1",
                "events": 1,
                "first_seen": "2026-05-04T12:00:00Z",
                "last_seen": "2026-05-04T12:01:00Z",
            },
            {
                "namespace": "anonymous_id",
                "value": "a:1",
                "events": 1,
                "first_seen": "2026-05-04T12:00:00Z",
                "last_seen": "2026-05-04T12:01:30Z",
            },
        ],
        "traits": {"age": 20, "email": "bob@example.com"},
        "since": {"age": "2026-05-04T12:01:00Z", "email": "2026-05-04T12:01:00Z"},
        "has": ["email"],
        "consent": {},
        "first_seen": "2026-05-04T12:00:00Z",
        "last_seen": "2026-05-04T12:01:30Z",
        "events": 2,
        "bot": False,
    }


async def test_only_admins_see_contact_data(running: Running) -> None:
    await take(
        running,
        call("identify", user_id="u1", traits={"email": "bob@example.com", "age": 3}),
        call(user_id="u1", properties={"phone": "13800138000", "category": "anime"}),
    )
    for role, email, phone in (
        ("admin", "bob@example.com", "13800138000"),
        ("operator", "b•••@example.com", "•••00"),
        ("viewer", "b•••@example.com", "•••00"),
    ):
        profile = await get(running, "/v1/profiles/user_id:u1", role=role)
        assert profile["traits"] == {"email": email, "age": 3}
        assert (await get(running, "/v1/profiles", role=role))["items"] == [profile]
        events = (await get(running, "/v1/profiles/user_id:u1/events", role=role, event="Content Liked"))["items"]
        assert [one["properties"] for one in events] == [{"phone": phone, "category": "anime"}]


@pytest.mark.parametrize("path", ["2", "user_id:nobody", "email:x@y.zz", "bob", "bob/events", "user_id:nobody/events"])
async def test_an_unknown_ref_is_a_problem_that_says_what_refs_look_like(running: Running, path: str) -> None:
    problem = await get(running, f"/v1/profiles/{path}", status=404)
    assert problem["type"] == "/problems/unknown-profile"
    assert "user_id:u1" in problem["detail"]


async def test_nobody_comes_in_without_the_gateway(running: Running) -> None:
    for path in ("/v1/profiles", "/v1/profiles/1", "/v1/profiles/1/events"):
        answer = await running.client.get(path, headers={"x-marquee-caller": "made.up"})
        assert answer.status_code == 401


async def test_profiles_page_the_newest_first_and_are_found_by_exact_id(running: Running) -> None:
    await take(running, *(call(user_id=f"u{n}") for n in range(5)), call(anonymous_id="u3"))
    seen: list[int] = []
    query: dict[str, Any] = {"limit": 2}
    for _ in range(3):
        page = await get(running, "/v1/profiles", **query)
        seen += [one["profile_id"] for one in page["items"]]
        query["cursor"] = page["next"]
    assert seen == [6, 5, 4, 3, 2, 1]
    assert page["next"] is None
    for q, found in (("u3", {4, 6}), ("user_id:u3", {4}), ("2", {2}), ("u", set()), ("user_id:", set()), ("0", set())):
        assert {one["profile_id"] for one in (await get(running, "/v1/profiles", q=q))["items"]} == found
    await get(running, "/v1/profiles", cursor="nonsense", status=422)
    await get(running, "/v1/profiles", cursor="eyJiZWZvcmUiOiJ4In0", status=422)


async def test_the_timeline_pages_the_newest_first_with_ties(running: Running) -> None:
    await take(
        running,
        *(call(user_id="u1", message_id=f"t{n}", after=n // 2) for n in range(6)),
        call(user_id="u1", message_id="old", time=NOON - timedelta(days=90), received_at=NOON),
        call("identify", user_id="u1", message_id="i", after=-1, traits={"a": 1}),
        call(user_id="other"),
    )
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    for _ in range(3):
        page = await get(running, "/v1/profiles/user_id:u1/events", **query)
        seen += [one["event_id"] for one in page["items"]]
        query["cursor"] = page["next"]
    assert seen == ["t5", "t4", "t3", "t2", "t1", "t0", "i", "old"]
    assert page["next"] is None
    assert page["items"][-1] == {
        "event_id": "old",
        "type": "track",
        "event": "Content Liked",
        "time": "2026-02-03T12:00:00Z",
        "received_at": "2026-05-04T12:00:00Z",
        "history": True,
        "origin": "user_id:u1",
        "source": "web",
        "properties": {},
        "context": {},
        "bot": None,
    }


async def test_the_timeline_is_filtered(running: Running) -> None:
    await take(
        running,
        *(
            call(user_id="u1", message_id=f"t{n}", event="Video Watched" if n % 2 else "Liked", after=n)
            for n in range(6)
        ),
    )

    async def ids(**query: Any) -> list[str]:
        return [one["event_id"] for one in (await get(running, "/v1/profiles/1/events", **query))["items"]]

    assert await ids(event="Video Watched") == ["t5", "t3", "t1"]
    assert await ids(after="2026-05-04T12:00:02Z", before="2026-05-04T12:00:04Z") == ["t3", "t2"]
    assert await ids(after="2026-05-04T20:00:04+08:00") == ["t5", "t4"]
    assert await ids(event="nothing") == []
    crawler = {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
    await take(
        running,
        call("identify", user_id="u1", message_id="i", after=10, traits={"a": 1}),
        call(user_id="u1", message_id="app", source="app", after=11, context={"bot": "agent"}),
        call(user_id="u1", message_id="bot", event="Video Watched", after=12, context=crawler),
    )
    assert await ids(event=["Liked", "Content Liked"], after="2026-05-04T12:00:03Z") == ["app", "t4"]
    assert await ids(source="app") == ["app"]
    assert await ids(type="identify") == ["i"]
    assert await ids(bot="true") == ["bot"]
    assert await ids(event="Video Watched", bot="false") == ["t5", "t3", "t1"]
    (shown,) = (await get(running, "/v1/profiles/1/events", source="app"))["items"]
    assert (shown["bot"], shown["context"]) == (None, {}), "who is a program is not for clients to say"
    await get(running, "/v1/profiles/1/events", type="click", status=422)
    problem = await get(running, "/v1/profiles/1/events", after="yesterday", status=422)
    assert problem["errors"][0]["field"] == "after"
    await get(running, "/v1/profiles/1/events", cursor="e30", status=422)


@pytest.mark.parametrize(
    "query",
    [
        {"event": "a\0b"},
        {"after": "0001-01-01T00:00:00+23:00"},
        {"cursor": pages.encode({"time": "2026-05-04T12:00:00", "id": 1})},
        {"cursor": pages.encode({"time": "2026-05-04T12:00:00Z", "id": 2**70})},
        {"cursor": pages.encode({"time": 5, "id": 1})},
        {"limit": 201},
    ],
)
async def test_what_is_not_valid_is_said_and_never_an_error_of_ours(running: Running, query: dict[str, Any]) -> None:
    await take(running, call(user_id="u1"))
    await get(running, "/v1/profiles/1/events", status=422, **query)


async def test_hostile_ids_are_just_unknown(running: Running) -> None:
    for ref in ("user_id:a%00b", "%00", "user_id:" + "x" * 5000, "9" * 30):
        await get(running, f"/v1/profiles/{ref}", status=404)
    assert (await get(running, "/v1/profiles", q="\0"))["items"] == []
    await get(running, "/v1/profiles", cursor=pages.encode({"before": 2**70}), status=422)


async def test_a_number_is_a_telephone_number_and_a_token_is_a_channel(running: Running) -> None:
    """Spreadsheets and careless clients send numbers; without quotes they are addresses all the same."""
    await take(
        running,
        call("identify", user_id="u1", traits={"phone": 13812345678}),
        call("identify", user_id="u2", traits={"deviceToken": "abc123"}),
    )
    for ref, has in (("user_id:u1", ["phone"]), ("phone:13812345678", ["phone"]), ("user_id:u2", ["push"])):
        assert (await get(running, f"/v1/profiles/{ref}"))["has"] == has
    shown = await get(running, "/v1/profiles/user_id:u1", role="viewer")
    assert "1381234" not in str(shown)
