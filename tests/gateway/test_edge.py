"""Banners, recommendations and signed links."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from gateway.memory import Memory
from gateway.rules import links
from shared import tokens
from shared.contracts import (
    ConsentNoted,
    ConsentSaid,
    CreativeShown,
    DecideAnswered,
    DecideAsked,
    Decision,
    FollowAnswered,
    FollowAsked,
    RecommendAnswered,
    RecommendAsked,
    Recommended,
)
from tests.gateway.conftest import WRITE_KEY, Gateway


def decided(asked: DecideAsked) -> DecideAnswered:
    """Show everybody a creative named after him."""
    key = f"{asked.user_id}-{asked.anonymous_id}-{asked.context.get('device')}"
    return DecideAnswered(
        decisions=[
            Decision(
                placement=placement,
                creative=CreativeShown(key=key, content={"title": "Hi"}),
                reason="everyone",
                token="t",
                click_url="http://m.test/t/c/t",
                impression_url="http://m.test/t/i/t",
            )
            for placement in asked.placements
        ]
    )


async def test_a_decision_is_asked_and_answered(gateway: Gateway) -> None:
    await gateway.bus.answer(DecideAsked, decided)
    body = {"userId": "u1", "anonymousId": "a1", "placements": ["top", "side"], "context": {"device": "tv"}, "new": 1}
    answer = await gateway.front.post("/v1/decide", json=body)
    assert answer.status_code == 200
    assert answer.json()["decisions"][1] == {
        "placement": "side",
        "creative": {"key": "u1-a1-tv", "content": {"title": "Hi"}},
        "reason": "everyone",
        "token": "t",
        "click_url": "http://m.test/t/c/t",
        "impression_url": "http://m.test/t/i/t",
    }
    keyed = {"anonymousId": "a1", "placements": ["top"], "writeKey": WRITE_KEY}
    answer = await gateway.stranger.post(
        "/v1/decide", content=json.dumps(keyed), headers={"Content-Type": "text/plain"}
    )
    assert answer.json()["decisions"][0]["creative"]["key"] == "None-a1-None"


async def test_nobody_answers_a_decision(gateway: Gateway) -> None:
    began = time.monotonic()
    answer = await gateway.front.post("/v1/decide", json={"userId": "u1", "placements": ["top", "side"]})
    assert time.monotonic() - began < 1
    assert answer.status_code == 200
    nothing = {"creative": None, "reason": "unavailable", "token": None, "click_url": None, "impression_url": None}
    assert answer.json() == {"decisions": [{"placement": "top", **nothing}, {"placement": "side", **nothing}]}


async def test_an_answer_that_is_late_is_not_waited_for(gateway: Gateway) -> None:
    recommend = await gateway.bus.connection("recommend")

    async def late(_: bytes) -> bytes:
        await asyncio.sleep(0.6)
        return b"{}"

    await recommend.answer("recommend.decide", late)
    began = time.monotonic()
    answer = await gateway.front.post("/v1/decide", json={"userId": "u1", "placements": ["top"]})
    assert 0.2 < time.monotonic() - began < 0.55
    assert answer.json()["decisions"][0]["reason"] == "unavailable"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"{", "invalid_json", None),
        (b'{"userId": "u"}', "wrong_type", None),
        (b'{"userId": "u", "placements": "top"}', "wrong_type", "placements"),
        (b'{"userId": "u", "placements": []}', "no_placement", "placements"),
        (b'{"userId": "u", "placements": ["\\u0000"]}', "invalid_text", "placements[0]"),
        (b'{"placements": ["top"]}', "missing_id", "userId"),
        (json.dumps({"userId": "u", "placements": ["p"] * 51}).encode(), "too_many_placements", "placements"),
    ],
)
async def test_a_question_that_makes_no_sense(gateway: Gateway, body: bytes, code: str, field: str | None) -> None:
    answer = await gateway.front.post("/v1/decide", content=body)
    assert (answer.status_code, answer.json()["code"], answer.json().get("field")) == (400, code, field)


async def test_recommendations_are_asked_and_answered(gateway: Gateway) -> None:
    def recommended(asked: RecommendAsked) -> RecommendAnswered:
        title = f"{asked.user_id} {asked.anonymous_id} {asked.kind} {asked.limit} {asked.item}"
        return RecommendAnswered(
            items=[Recommended(item_id="v1", kind="video", title=title, score=0.5, reason="popular")]
        )

    query = {"userId": "u1", "kind": "video", "limit": "3", "item": "v9"}
    answer = await gateway.front.get("/v1/recommendations", params=query)
    assert (answer.status_code, answer.json()) == (200, {"items": [], "reason": "unavailable"})
    await gateway.bus.answer(RecommendAsked, recommended)
    answer = await gateway.front.get("/v1/recommendations", params=query)
    assert answer.json() == {
        "items": [
            {
                "item_id": "v1",
                "kind": "video",
                "title": "u1 None video 3 v9",
                "score": 0.5,
                "reason": "popular",
                "properties": {},
            }
        ]
    }
    answer = await gateway.stranger.get("/v1/recommendations", params={"anonymousId": "a1", "writeKey": WRITE_KEY})
    assert answer.json()["items"][0]["title"] == "None a1 None 20 None"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "missing_id"),
        ({"userId": "u", "limit": "0"}, "invalid_limit"),
        ({"userId": "u", "limit": "101"}, "invalid_limit"),
        ({"userId": "u", "limit": "ten"}, "invalid_limit"),
        ({"userId": "u", "kind": "\x00"}, "invalid_text"),
        ({"userId": "u" * 600}, "too_long"),
    ],
)
async def test_recommendations_that_make_no_sense(gateway: Gateway, query: dict[str, str], code: str) -> None:
    answer = await gateway.front.get("/v1/recommendations", params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert (await gateway.stranger.get("/v1/recommendations", params=query)).status_code == 401


def token(gateway: Gateway, **told: Any) -> str:
    payload = {"k": "banner", "d": "d1", "p": "top", "c": "red", "u": "u1", "a": "a1", "pr": 0.5, **told}
    return tokens.sign(gateway.house.settings.key(links.PURPOSE), payload)


async def test_an_impression_and_a_click_are_recorded(gateway: Gateway) -> None:
    signed = token(gateway, to="https://shop.test/a?b=c#d")
    shown = await gateway.stranger.get(f"/t/i/{signed}")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/gif")
    assert shown.content.startswith(b"GIF89a")
    for _ in range(2):
        clicked = await gateway.stranger.get(f"/t/c/{signed}", params={"to": "https://evil.test"})
        assert (clicked.status_code, clicked.headers["location"]) == (302, "https://shop.test/a?b=c#d")
        assert clicked.headers["cache-control"] == "no-store"
    events = await gateway.received()
    assert [event.event for event in events] == ["Banner Shown", "Banner Clicked", "Banner Clicked"]
    assert {(event.type, event.user_id, event.anonymous_id, event.source) for event in events} == {
        ("track", "u1", "a1", "link")
    }
    assert events[0].properties == {"placement": "top", "creative": "red", "decision_id": "d1"}
    assert events[1].message_id == events[2].message_id != events[0].message_id


async def test_a_link_outlives_a_change_of_the_secret(gateway: Gateway) -> None:
    memory: Memory = gateway.house.memory
    told = {"k": "banner", "d": "d", "p": "p", "c": "c", "u": "u", "to": "https://shop.test/"}
    older = tokens.sign(b"k" * 32, told)
    assert (await gateway.stranger.get(f"/t/c/{older}")).status_code == 404
    memory.link_key_before = b"k" * 32
    assert (await gateway.stranger.get(f"/t/c/{older}")).headers["location"] == "https://shop.test/"
    assert (await gateway.stranger.get(f"/t/c/{token(gateway, to='https://shop.test/')}")).status_code == 302


async def test_a_link_that_was_touched_leads_nowhere(gateway: Gateway) -> None:
    good = token(gateway, to="https://shop.test/")
    foreign = tokens.sign(b"k" * 32, {"k": "banner", "d": "d", "p": "p", "c": "c", "u": "u", "to": "https://evil.test"})
    flipped = [good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in range(0, len(good) - 1, 7)]
    for bad in (foreign, "nothing", token(gateway, to="javascript:alert(1)"), token(gateway), *flipped):
        answer = await gateway.stranger.get(f"/t/c/{bad}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert (await gateway.stranger.get(f"/t/i/{foreign}")).status_code == 404
    assert (await gateway.stranger.head(f"/t/c/{good}")).status_code == 302, "a scanner's look is no click"
    assert await gateway.received() == []


def of_message(gateway: Gateway, **told: Any) -> str:
    return tokens.sign(gateway.house.settings.key(links.PURPOSE), told)


async def test_links_of_messages_are_followed_where_campaign_says(gateway: Gateway) -> None:
    asked: list[FollowAsked] = []
    targets = {1: "https://shop.test/x", 2: "javascript:alert(1)"}

    def follow(question: FollowAsked) -> FollowAnswered:
        asked.append(question)
        known = question.link_id in (None, *targets)
        return FollowAnswered(known=known, target=targets.get(question.link_id or 0))

    said: list[ConsentSaid] = []

    def consent(question: ConsentSaid) -> ConsentNoted:
        said.append(question)
        return ConsentNoted(known=True)

    open_, click = of_message(gateway, k="m", m=7), of_message(gateway, k="m", m=7, l=1)
    way_out = of_message(gateway, k="u", m=7, p=3, c="email")
    assert (await gateway.stranger.get(f"/t/c/{click}")).status_code == 503
    assert (await gateway.stranger.get(f"/t/o/{open_}")).status_code == 200, "a letter shows no broken picture"
    assert (await gateway.stranger.post(f"/t/u/{way_out}")).status_code == 503
    await gateway.bus.answer(FollowAsked, follow)
    await gateway.bus.answer(ConsentSaid, consent)
    agent = {"user-agent": "Mozilla/5.0 (Macintosh)"}
    picture = await gateway.stranger.get(f"/t/o/{open_}", headers=agent)
    assert (picture.headers["content-type"], picture.headers["cache-control"]) == ("image/gif", "no-store")
    await gateway.stranger.get(f"/t/o/{open_}", headers={"purpose": "prefetch"})
    assert (await gateway.stranger.head(f"/t/o/{open_}")).status_code == 200
    led = await gateway.stranger.get(f"/t/c/{click}", headers=agent)
    assert (led.status_code, led.headers["location"]) == (302, "https://shop.test/x")
    looked = await gateway.stranger.head(f"/t/c/{click}")
    assert (looked.status_code, looked.headers["location"]) == (302, "https://shop.test/x")
    assert [(one.kind, one.prefetch) for one in asked] == [
        ("open", False),
        ("open", True),
        ("click", False),
        ("look", False),
    ]
    for bad in (of_message(gateway, k="m", m=7, l=2), of_message(gateway, k="m", m=7, l=3), way_out):
        assert (await gateway.stranger.get(f"/t/c/{bad}")).status_code == 404
    page = await gateway.stranger.get(f"/t/u/{way_out}")
    assert "<form" in page.text
    assert said == [], "asking changes nothing"
    done = await gateway.stranger.post(f"/t/u/{way_out}", data={"List-Unsubscribe": "One-Click"})
    assert (done.status_code, done.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert [(one.profile_id, one.purpose, one.granted, one.proof) for one in said] == [
        (3, "marketing", False, "message 7")
    ]
    assert asked[-1].kind == "unsubscribe"
    for wrong in (open_, of_message(gateway, k="u", m=7), "x"):
        assert (await gateway.stranger.post(f"/t/u/{wrong}")).status_code == 404
    assert await gateway.received() == []


async def test_a_click_leads_on_although_the_bus_is_away(gateway: Gateway) -> None:
    server = gateway.bus.server.process
    server.kill()
    server.wait()
    signed = token(gateway, to="https://shop.test/")
    answer = await gateway.stranger.get(f"/t/c/{signed}")
    assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.test/")
    answer = await gateway.stranger.get(f"/t/i/{signed}")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
