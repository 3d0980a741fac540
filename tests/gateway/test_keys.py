"""Keys: made, shown once, listed, revoked, and what each role may do."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from shared import caller as callers
from shared import migrations
from shared.app import permissions
from shared.caller import Caller
from tests.gateway.conftest import SECRET_KEY, TRACK, WRITE_KEY, Gateway, basic
from tests.harness.databases import Databases
from tests.harness.eventually import eventually

Opening = Callable[..., contextlib.AbstractAsyncContextManager[Gateway]]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def make(gateway: Gateway, **wanted: Any) -> dict[str, Any]:
    answer = await gateway.admin.post("/v1/keys", json={"name": "a key", **wanted})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_the_tables_are_what_the_migrations_make(database: Callable[[str], Any]) -> None:
    url = await database("gateway")
    await asyncio.to_thread(migrations.check, "gateway", url.replace("postgresql://", "postgresql+asyncpg://"))


async def test_a_secret_is_shown_once_and_kept_as_digest(gateway: Gateway) -> None:
    made = await make(gateway, kind="secret", role="operator")
    assert made["key"].startswith(f"sk_{made['id']}_")
    listed = (await gateway.admin.get("/v1/keys")).json()["items"]
    assert listed[0]["id"] == made["id"]
    assert all("key" not in key and "digest" not in key for key in listed)
    async with gateway.house.db.transaction() as session:
        everything = str((await session.execute(text("SELECT keys::text FROM keys"))).all())
        replays = (await session.execute(text("SELECT count(*) FROM idempotency"))).scalar_one()
    secret = made["key"].rpartition("_")[2]
    assert secret not in everything
    assert replays == 0


async def test_an_idempotency_key_does_not_keep_the_secret(gateway: Gateway) -> None:
    wanted = {"kind": "secret", "name": "n", "role": "viewer"}
    for _ in range(2):
        answer = await gateway.admin.post("/v1/keys", json=wanted, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 201
    async with gateway.house.db.transaction() as session:
        assert (await session.execute(text("SELECT count(*) FROM idempotency"))).scalar_one() == 0


async def test_keys_are_listed_in_pages(gateway: Gateway) -> None:
    made = [(await make(gateway, kind="write"))["id"] for _ in range(5)]
    listed: list[str] = []
    cursor: str | None = None
    for _ in range(6):
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await gateway.admin.get("/v1/keys", params=query)).json()
        listed += [key["id"] for key in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert listed[:5] == made[::-1]
    assert len(listed) == len(set(listed)) == 7
    assert (await gateway.admin.get("/v1/keys", params={"cursor": "e30"})).status_code == 422


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"kind": "secret"}, ""),
        ({"kind": "write", "role": "admin"}, ""),
        ({"kind": "secret", "role": "god"}, "role"),
        ({"kind": "write", "origins": ["shop.test"]}, "origins"),
        ({"kind": "write", "origins": ["https://shop.test/path"]}, "origins"),
        ({"kind": "write", "rate": 0}, "rate"),
        ({"kind": "write", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"kind": "write", "colour": "red"}, ""),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(gateway: Gateway, wanted: dict[str, Any], field: str) -> None:
    answer = await gateway.admin.post("/v1/keys", json={"name": "n", **wanted})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    if field:
        assert answer.json()["errors"][0]["field"].startswith(field)


async def test_a_revoked_write_key_stops_at_once_here_and_soon_elsewhere(open_gateway: Opening) -> None:
    async with open_gateway() as here, open_gateway() as there:
        made = await make(here, kind="write")
        headers = basic(made["key"])

        async def taken(gateway: Gateway) -> int:
            return (await gateway.stranger.post("/v1/track", json=TRACK, headers=headers)).status_code

        async def takes(gateway: Gateway) -> bool:
            return await taken(gateway) == 200

        async def refuses(gateway: Gateway) -> bool:
            return await taken(gateway) == 401

        await eventually(lambda: takes(here), timeout=2)
        await eventually(lambda: takes(there), timeout=5)
        assert (await here.admin.delete(f"/v1/keys/{made['id']}")).status_code == 204
        assert await refuses(here)
        await eventually(lambda: refuses(there), timeout=5)
        assert (await here.admin.delete(f"/v1/keys/{made['id']}")).status_code == 204, "again is no error"
        assert (await here.admin.delete("/v1/keys/unknownkey")).status_code == 404
        listed = (await here.admin.get("/v1/keys")).json()["items"][0]
        assert listed["id"] == made["id"]
        assert listed["revoked_at"]


async def test_a_revoked_secret_key_stops(gateway: Gateway) -> None:
    made = await make(gateway, kind="secret", role="admin")

    async def status() -> int:
        return (await gateway.stranger.get("/v1/keys", headers=bearer(made["key"]))).status_code

    async def works() -> bool:
        return await status() == 200

    await eventually(works, timeout=2)
    await gateway.admin.delete(f"/v1/keys/{made['id']}")
    assert await status() == 401


async def test_the_last_admin_key_stays(gateway: Gateway) -> None:
    keys = (await gateway.admin.get("/v1/keys")).json()["items"]
    first = next(key["id"] for key in keys if key["role"] == "admin")
    refused = await gateway.admin.delete(f"/v1/keys/{first}")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/last-admin-key")
    assert (await gateway.admin.get("/v1/keys")).status_code == 200
    await make(gateway, kind="secret", role="admin")
    assert (await gateway.admin.delete(f"/v1/keys/{first}")).status_code == 204


async def test_a_key_that_expires_stops_by_itself(gateway: Gateway) -> None:
    until = datetime.fromtimestamp(time.time() + 1.5, UTC)
    made = await make(gateway, kind="write", expires_at=until.isoformat())

    async def status() -> int:
        return (await gateway.stranger.post("/v1/track", json=TRACK, headers=basic(made["key"]))).status_code

    async def works() -> bool:
        return await status() == 200

    async def stopped() -> bool:
        return await status() == 401

    await eventually(works, timeout=1.4)
    await eventually(stopped, timeout=3)


async def test_a_first_key_that_was_revoked_stays_so(open_gateway: Opening) -> None:
    async with open_gateway() as gateway:
        assert (await gateway.front.post("/v1/track", json=TRACK)).status_code == 200
        await gateway.admin.delete(f"/v1/keys/{WRITE_KEY.removeprefix('pk_')}")
    async with open_gateway() as again:
        assert (await again.front.post("/v1/track", json=TRACK)).status_code == 401
        assert (await again.admin.get("/v1/keys")).status_code == 200


async def test_when_a_key_was_used_is_kept(gateway: Gateway) -> None:
    await gateway.front.post("/v1/track", json=TRACK)
    gateway.house.loops.wake("keys used")

    async def noted() -> bool:
        listed = (await gateway.admin.get("/v1/keys")).json()["items"]
        return all(key["last_used_at"] for key in listed)

    async def told() -> bool:
        gateway.house.loops.wake("keys used")
        return await noted()

    await eventually(told)


async def test_events_are_taken_in_while_the_database_is_away(gateway: Gateway, databases: Databases) -> None:
    name = gateway.house.db.url.rpartition("/")[2]
    await databases._admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await databases._admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    assert (await gateway.stranger.get("/readyz")).status_code == 503
    gateway.house.loops.wake("keys")
    answer = await gateway.front.post("/v1/track", json={**TRACK, "messageId": "m"})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert [event.message_id for event in await gateway.received()] == ["m"]


GOLDEN = Path(__file__).with_name("permissions.txt")


async def test_every_route_says_who_may_call_it(gateway: Gateway) -> None:
    """The golden file is the list to review: a changed route shows there, and only there is it let through."""
    told = [f"{route}  ->  {permission}" for route, permission in sorted(permissions(gateway.app.routes).items())]
    assert told == GOLDEN.read_text().splitlines()


ROUTES: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("GET", "/v1/keys", None),
    ("POST", "/v1/keys", {"kind": "write", "name": "n"}),
    ("DELETE", "/v1/keys/unknownkey", None),
    ("GET", "/v1/services/gateway/dead-letters", None),
    ("POST", "/v1/services/gateway/dead-letters/1/replay", None),
    ("GET", "/v1/services/gateway/jobs/1", None),
)

MATRIX = {
    #            key GET, POST, DELETE   letters, replay, job
    "nobody": (401, 401, 401, 401, 401, 401),
    "viewer": (403, 403, 403, 403, 403, 403),
    "operator": (403, 403, 403, 403, 403, 403),
    "admin": (200, 201, 404, 200, 404, 404),
}


@pytest.mark.parametrize("role", list(MATRIX))
async def test_what_each_role_may_do(gateway: Gateway, role: str) -> None:
    headers = {}
    if role != "nobody":
        made = await make(gateway, kind="secret", role=role)
        headers = bearer(made["key"])
        await eventually(lambda: gateway.memory.keyring.secret(made["key"], datetime.now(UTC)) is not None)
    statuses = [
        (await gateway.stranger.request(method, path, json=body, headers=headers)).status_code
        for method, path, body in ROUTES
    ]
    assert tuple(statuses) == MATRIX[role]


async def test_nobody_is_taken_at_his_word(gateway: Gateway) -> None:
    """A caller header from outside is dropped, even one that is signed well."""
    signed = callers.sign(gateway.house.caller_key, Caller(id="x", role="admin"))
    answer = await gateway.stranger.get("/v1/keys", headers={callers.HEADER: signed})
    assert answer.status_code == 401
    made = await make(gateway, kind="secret", role="viewer")
    await eventually(lambda: gateway.memory.keyring.secret(made["key"], datetime.now(UTC)) is not None)
    headers = {**bearer(made["key"]), callers.HEADER: signed}
    assert (await gateway.stranger.get("/v1/keys", headers=headers)).status_code == 403


@pytest.mark.parametrize(
    "key", [SECRET_KEY[:-1], SECRET_KEY + "x", "sk_testsecretkey_", "sk_unknown00_secret", WRITE_KEY, "x"]
)
async def test_a_wrong_secret_key_is_a_problem(gateway: Gateway, key: str) -> None:
    answer = await gateway.stranger.get("/v1/keys", headers=bearer(key))
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"] == "/problems/needs-secret-key"
