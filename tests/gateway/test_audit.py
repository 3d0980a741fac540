"""The audit log: written before anything is shown, only added to, and proved."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import APIRouter, Response
from sqlalchemy import MetaData, text
from sqlalchemy.exc import DBAPIError

from shared import audit
from shared.app import Service, allow, create_app
from tests.gateway.conftest import Gateway, listening
from tests.harness.bus import TestBus
from tests.harness.databases import Databases
from tests.harness.eventually import eventually
from tests.harness.houses import settings_of

Opening = Callable[..., contextlib.AbstractAsyncContextManager[Gateway]]
router = APIRouter(prefix="/v1/profiles")


@router.get("/{profile_id}", dependencies=[allow("profile:read")])
async def seen(response: Response, profile_id: str) -> dict[str, str]:
    """Shows contact data."""
    audit.note(response, "contacts.read", [f"profile:{profile_id}"] if profile_id != "nobody" else [])
    return {"email": "bob@example.com"}


@pytest.fixture
async def gateway(open_gateway: Opening, databases: Databases, bus: TestBus) -> AsyncIterator[Gateway]:
    url = await databases.clone("profile")
    made = Service(name="profile", title="Stands in", tables=MetaData(), routes=(router,))
    app = create_app(made, settings_of(made, database_url=url, bus=bus))
    async with listening(app) as address, open_gateway(profile_url=address) as opened:
        yield opened
    await databases.drop(url)


async def lines(gateway: Gateway, **query: Any) -> list[dict[str, Any]]:
    answer = await gateway.admin.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def verdict(gateway: Gateway) -> dict[str, Any]:
    found: dict[str, Any] = (await gateway.admin.get("/v1/audit/verify")).json()
    return found


async def test_what_is_shown_is_written_down_with_the_reason(gateway: Gateway) -> None:
    answer = await gateway.admin.get("/v1/profiles/上海 1", headers={"X-Marquee-Reason": "ticket 5"})
    assert answer.json() == {"email": "bob@example.com"}
    assert audit.HEADER not in answer.headers
    await gateway.admin.get("/v1/profiles/nobody")
    (line,) = await lines(gateway)
    assert {name: line[name] for name in ("id", "actor", "role", "action", "objects", "reason")} == {
        "id": 1,
        "actor": "testsecretkey",
        "role": "admin",
        "action": "contacts.read",
        "objects": ["profile:上海 1"],
        "reason": "ticket 5",
    }
    assert await verdict(gateway) == {"intact": True, "lines": 1, "first_broken": None, "head": line["hash"]}


async def test_what_cannot_be_written_down_is_not_shown(gateway: Gateway) -> None:
    async with gateway.house.db.transaction() as session:
        await session.execute(text("ALTER TABLE audit RENAME TO away"))
    answer = await gateway.admin.get("/v1/profiles/1")
    assert answer.status_code == 500
    assert "bob" not in answer.text


async def test_management_of_keys_is_written_down(gateway: Gateway) -> None:
    body = {"kind": "secret", "name": "tool", "role": "viewer"}
    made = (await gateway.admin.post("/v1/keys", json=body)).json()
    await gateway.admin.delete(f"/v1/keys/{made['id']}")
    assert [(one["action"], one["objects"], one["reason"]) for one in await lines(gateway)] == [
        ("keys.revoke", [f"key:{made['id']}"], ""),
        ("keys.make", [f"key:{made['id']}"], "viewer"),
    ]
    assert [one["action"] for one in await lines(gateway, action="keys.make", actor="testsecretkey")] == ["keys.make"]
    assert len(await lines(gateway, object=f"key:{made['id']}")) == 2
    assert await lines(gateway, object="key:other") == []


async def test_lines_page_by_cursor(gateway: Gateway) -> None:
    for number in range(5):
        await gateway.admin.get(f"/v1/profiles/{number}")
    page = (await gateway.admin.get("/v1/audit", params={"limit": 3})).json()
    rest = (await gateway.admin.get("/v1/audit", params={"limit": 3, "cursor": page["next"]})).json()
    assert [one["id"] for one in page["items"] + rest["items"]] == [5, 4, 3, 2, 1]
    assert rest["next"] is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET actor = 'somebody else' WHERE id = 2",
        "UPDATE audit SET objects = '{profile:9}' WHERE id = 2",
        "DELETE FROM audit WHERE id = 2",
        "UPDATE audit SET id = 9 WHERE id = 2",
        "UPDATE audit SET at = at - interval '1 second' WHERE id = 2",
    ],
)
async def test_the_log_resists_and_what_was_done_to_it_shows(gateway: Gateway, change: str) -> None:
    for number in range(3):
        await gateway.admin.get(f"/v1/profiles/{number}")
    with pytest.raises(DBAPIError, match="only added to"):
        async with gateway.house.db.transaction() as session:
            await session.execute(text(change))
    assert (await verdict(gateway))["intact"]
    async with gateway.house.db.transaction() as session:
        await session.execute(text("ALTER TABLE audit DISABLE TRIGGER audit_stays"))
        await session.execute(text(change))
    found = await verdict(gateway)
    assert not found["intact"]
    assert found["first_broken"] in (2, 3, 9)


async def test_only_admins_read_the_log(gateway: Gateway) -> None:
    body = {"kind": "secret", "name": "tool", "role": "operator"}
    key = (await gateway.admin.post("/v1/keys", json=body)).json()["key"]
    for path in ("/v1/audit", "/v1/audit/verify"):
        assert (await gateway.stranger.get(path)).status_code == 401

        async def known(path: str = path) -> None:
            answer = await gateway.stranger.get(path, headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 403

        await eventually(known)  # a new key is read a moment after it was made
