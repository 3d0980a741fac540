"""One viewer on one page: every service's part, and a word for each that is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import APIRouter, Response
from sqlalchemy import MetaData

from shared import audit
from shared.app import Service, create_app
from shared.caller import CallerDep, allow
from shared.contracts import (
    BannerNoted,
    BannersAnswered,
    BannersAsked,
    Membership,
    MembershipsAnswered,
    MembershipsAsked,
    MessageNoted,
    MessagesAnswered,
    MessagesAsked,
    ResolveAnswered,
    ResolveAsked,
)
from shared.errors import NotFound
from tests.gateway.conftest import Gateway, listening
from tests.harness.bus import TestBus
from tests.harness.databases import Databases
from tests.harness.eventually import eventually
from tests.harness.houses import settings_of

Opening = Callable[..., AbstractAsyncContextManager[Gateway]]
AT = datetime(2026, 5, 4, 12, tzinfo=UTC)

router = APIRouter()


@router.get("/v1/profiles/{ref}/portrait", dependencies=[allow("profile:read")])
async def portrait(ref: str, caller: CallerDep, response: Response) -> dict[str, Any]:
    """A portrait that shows who asked for it, with contact data."""
    audit.note(response, "contacts.read", [f"profile:{ref}"])
    if ref == "404":
        raise NotFound("gone meanwhile")
    return {"profile_id": int(ref), "asked_by": caller.role}


@pytest.fixture
async def profile(databases: Databases, bus: TestBus) -> AsyncIterator[str]:
    """The address of a small profile."""
    small = Service(name="profile", title="Small", tables=MetaData(), routes=(router,))
    url = await databases.clone("profile")
    async with listening(create_app(small, settings_of(small, database_url=url, bus=bus))) as address:
        yield address
    await databases.drop(url)


@pytest.fixture
async def gateway(open_gateway: Opening, profile: str) -> AsyncIterator[Gateway]:
    async with open_gateway(profile_url=profile) as opened:
        yield opened


async def answering(bus: TestBus) -> None:
    """All services answer their parts; profile knows user_id:u/1 as 17."""
    asked = {"user_id:u/1": 17, "17": 17, "404": 404}
    await bus.answer(
        ResolveAsked, lambda it: ResolveAnswered(profile_ids={ref: asked[ref] for ref in it.refs if ref in asked})
    )
    await bus.answer(
        MembershipsAsked,
        lambda it: MembershipsAnswered(
            segments=[Membership(key=f"s{it.profile_id}", name="S", since=AT, cause="rule")], scores={"churn": 0.25}
        ),
    )
    message = MessageNoted(
        message_id=1, campaign="c", name="C", channel="email", occasion="once", state="accepted", planned_at=AT
    )
    await bus.answer(MessagesAsked, lambda it: MessagesAnswered(messages=[message] * it.limit))
    banner = BannerNoted(decision_id="d", at=AT, placement="home", creative="b", reason="everyone")
    await bus.answer(BannersAsked, lambda _: BannersAnswered(banners=[banner]))


async def test_every_part_on_one_page(gateway: Gateway) -> None:
    await answering(gateway.bus)
    answer = await gateway.admin.get("/v1/viewers/user_id:u%2F1", params={"limit": 2})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["profile_id"] == 17
    assert found["portrait"] == {"profile_id": 17, "asked_by": "admin"}
    assert [one["key"] for one in found["segments"]] == ["s17"]
    assert found["scores"] == {"churn": 0.25}
    assert [one["campaign"] for one in found["messages"]] == ["c", "c"]
    assert found["banners"] == [
        {"decision_id": "d", "at": "2026-05-04T12:00:00Z", "placement": "home", "creative": "b", "reason": "everyone"}
    ]
    assert found["absent"] == {}


async def test_who_is_away_is_named_and_the_rest_is_there(open_gateway: Opening) -> None:
    async with open_gateway(profile_url="http://127.0.0.1:9") as gateway:
        answer = await gateway.admin.get("/v1/viewers/17")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["profile_id"] == 17
        assert (
            found["portrait"] is found["segments"] is found["scores"] is found["messages"] is found["banners"] is None
        )
        assert set(found["absent"]) == {"portrait", "segments", "messages", "banners"}
        assert "segment does not answer" in found["absent"]["segments"]
        assert "profile does not answer" in found["absent"]["portrait"]
        answer = await gateway.admin.get("/v1/viewers/user_id:u1")
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/profile-away")


async def test_a_part_that_fails_is_a_word_too(gateway: Gateway) -> None:
    await answering(gateway.bus)
    found = (await gateway.admin.get("/v1/viewers/404")).json()
    assert found["absent"] == {"portrait": "profile answered 404: gone meanwhile"}
    assert found["segments"]


async def test_an_unknown_viewer_is_a_problem(gateway: Gateway) -> None:
    await answering(gateway.bus)
    answer = await gateway.admin.get("/v1/viewers/user_id:nobody")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-viewer")
    assert (await gateway.stranger.get("/v1/viewers/17")).status_code == 401
    assert (await gateway.front.get("/v1/viewers/17")).status_code == 401
    assert (await gateway.admin.get("/v1/viewers/17", params={"limit": 0})).status_code == 422


async def test_the_caller_reaches_profile_with_his_own_role(gateway: Gateway) -> None:
    await answering(gateway.bus)
    made = (await gateway.admin.post("/v1/keys", json={"kind": "secret", "name": "n", "role": "viewer"})).json()["key"]
    await eventually(lambda: gateway.memory.keyring.secret(made, datetime.now(UTC)) is not None)
    answer = await gateway.stranger.get("/v1/viewers/17", headers={"Authorization": f"Bearer {made}"})
    assert answer.json()["portrait"]["asked_by"] == "viewer"


async def test_the_audit_log_says_why_contact_data_was_read(gateway: Gateway) -> None:
    await answering(gateway.bus)
    assert (await gateway.admin.get("/v1/viewers/17", headers={audit.REASON: "he called us"})).status_code == 200
    (line,) = (await gateway.admin.get("/v1/audit", params={"action": "contacts.read"})).json()["items"]
    assert (line["objects"], line["reason"]) == (["profile:17"], "he called us")
