"""Accounts: signing in and out, lock-out, one-time passwords, roles, and what ends a session."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import argon2
import pytest
from sqlalchemy import text

from gateway import store
from gateway.operators import VOUCHED
from gateway.rules import operators as rules
from shared import clock, tokens
from tests.gateway.conftest import Gateway

Opening = Callable[..., contextlib.AbstractAsyncContextManager[Gateway]]
PASSWORD = "a-long-enough-one"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The same hashes with the least work, except where the work is what is tested."""
    if "unknown_account" not in request.node.name:
        least = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        monkeypatch.setattr(rules, "_hasher", least)
        monkeypatch.setattr(rules, "NOBODY", least.hash("nobody's"))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def make(gateway: Gateway, login: str, role: str = "viewer") -> dict[str, Any]:
    answer = await gateway.admin.post("/v1/operators", json={"login": login, "name": login.title(), "role": role})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def sign_in(gateway: Gateway, login: str, password: str) -> dict[str, Any]:
    answer = await gateway.stranger.post("/v1/sessions", json={"login": login, "password": password})
    assert answer.status_code == 201, answer.text
    opened: dict[str, Any] = answer.json()
    return opened


async def settled(gateway: Gateway, login: str, role: str = "viewer", password: str = PASSWORD) -> str:
    """An account whose one-time password has been changed; the token of its session."""
    made = await make(gateway, login, role)
    first = await sign_in(gateway, login, made["password"])
    answer = await gateway.stranger.post(
        "/v1/operators/me/password",
        json={"old": made["password"], "new": password},
        headers=bearer(first["token"]),
    )
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token"]
    return token


async def status(gateway: Gateway, token: str, path: str = "/v1/sessions/current") -> int:
    return (await gateway.stranger.get(path, headers=bearer(token))).status_code


async def test_the_first_start_makes_admin_with_a_one_time_password(open_gateway: Opening) -> None:
    async with open_gateway(admin_password="first-one-time") as gateway:
        opened = await sign_in(gateway, " ADMIN ", "first-one-time")
        assert opened["operator"]["must_change"]
        refused = await gateway.stranger.get("/v1/operators", headers=bearer(opened["token"]))
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/password-must-change")
        assert await status(gateway, opened["token"]) == 200
        change = {"old": "first-one-time", "new": PASSWORD}
        answer = await gateway.stranger.post("/v1/operators/me/password", json=change, headers=bearer(opened["token"]))
        assert await status(gateway, opened["token"]) == 401
        listed = await gateway.stranger.get("/v1/operators", headers=bearer(answer.json()["token"]))
        assert [one["login"] for one in listed.json()["items"]] == ["admin"]
    async with open_gateway(admin_password="another") as gateway:
        answer = await gateway.stranger.post("/v1/sessions", json={"login": "admin", "password": "another"})
        assert answer.status_code == 401


async def test_a_session_may_what_its_role_may_and_is_audited_as_its_operator(gateway: Gateway) -> None:
    admin = await settled(gateway, "boss", "admin")
    viewer = await settled(gateway, "eve", "viewer")
    wanted = {"kind": "write", "name": "by hand"}
    assert (await gateway.stranger.post("/v1/keys", json=wanted, headers=bearer(viewer))).status_code == 403
    assert (await gateway.stranger.post("/v1/keys", json=wanted, headers=bearer(admin))).status_code == 201
    lines = (await gateway.stranger.get("/v1/audit?action=keys.make", headers=bearer(admin))).json()["items"]
    assert (lines[0]["actor"][:3], lines[0]["actor_name"], lines[0]["role"]) == ("op_", "Boss", "admin")
    told = (await gateway.stranger.get("/v1/sessions/current", headers=bearer(viewer))).json()
    assert told["permissions"] == ["profile:read", "segment:read", "campaign:read", "recommend:read"]


async def test_nothing_is_stored_that_would_let_anyone_in(gateway: Gateway) -> None:
    token = await settled(gateway, "eve")
    async with gateway.house.db.transaction() as session:
        everything = ""
        for table in ("operators", "operator_sessions", "sign_in_tries", "idempotency", "audit"):
            everything += str((await session.execute(text(f"SELECT t::text FROM {table} t"))).all())
    assert PASSWORD not in everything
    assert token[4:] not in everything
    assert "$argon2id$" in everything


async def test_a_password_is_kept_decent(gateway: Gateway) -> None:
    token = await settled(gateway, "eve.long")
    for new in ("short", "xx-Eve.Long-xx", PASSWORD, "aaaaaaaaaaaaaa"):
        answer = await gateway.stranger.post(
            "/v1/operators/me/password", json={"old": PASSWORD, "new": new}, headers=bearer(token)
        )
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "new"), new
    answer = await gateway.stranger.post(
        "/v1/operators/me/password", json={"old": "not it", "new": "quite another one"}, headers=bearer(token)
    )
    assert answer.json()["type"] == "/problems/wrong-password"
    assert await status(gateway, token) == 200


async def test_ten_wrong_tries_lock_the_account_also_side_by_side(gateway: Gateway) -> None:
    await settled(gateway, "eve")
    wrong = {"login": "eve", "password": "wrong"}
    answers = await asyncio.gather(*(gateway.stranger.post("/v1/sessions", json=wrong) for _ in range(14)))
    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 4
    locked = await gateway.stranger.post("/v1/sessions", json={"login": "eve", "password": PASSWORD})
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= 901
    assert "ask an admin" in locked.json()["detail"]
    [eve] = [one for one in (await gateway.admin.get("/v1/operators")).json()["items"] if one["login"] == "eve"]
    renewed = (await gateway.admin.post(f"/v1/operators/{eve['id']}/password")).json()
    opened = await gateway.stranger.post("/v1/sessions", json={"login": "eve", "password": renewed["password"]})
    assert opened.status_code == 201


def vouched(gateway: Gateway, address: str) -> dict[str, str]:
    """The header of a sign-in from there."""
    told = {"address": address, "at": time.time()}
    return {VOUCHED: tokens.sign(gateway.house.settings.key(rules.ADDRESS), told)}


async def test_what_is_locked_for_one_is_open_for_who_shares_his_address(gateway: Gateway) -> None:
    """Behind a proxy everybody has the proxy's address: a stranger's ten wrong tries must not lock out the house."""
    await settled(gateway, "eve")
    await settled(gateway, "adam")
    here, there = vouched(gateway, "10.0.0.9"), vouched(gateway, "10.0.0.10")
    for _ in range(10):
        wrong = {"login": "adam", "password": "wrong"}
        assert (await gateway.stranger.post("/v1/sessions", json=wrong, headers=here)).status_code == 401
    adam, eve = ({"login": login, "password": PASSWORD} for login in ("adam", "eve"))
    assert (await gateway.stranger.post("/v1/sessions", json=adam, headers=here)).status_code == 429
    assert (await gateway.stranger.post("/v1/sessions", json=eve, headers=here)).status_code == 201
    assert (await gateway.stranger.post("/v1/sessions", json=adam, headers=there)).status_code == 201


async def test_guessing_at_everybody_or_from_everywhere_is_locked_later(gateway: Gateway) -> None:
    await settled(gateway, "eve")
    key = gateway.house.settings.key(rules.PURPOSE)
    here, there = vouched(gateway, "10.0.0.9"), vouched(gateway, "10.0.0.10")

    async def tried(number: int, login: str, address: str) -> None:
        async with gateway.house.db.transaction() as session:
            for place in range(number):
                account = rules.disguised(key, login or f"guess{place}")
                await store.add_try(session, account, rules.disguised(key, address or f"10.1.0.{place}"), clock.now())

    right = {"login": "eve", "password": PASSWORD}
    await tried(rules.ADDRESS_TRIES - 1, "", "10.0.0.9")
    assert (await gateway.stranger.post("/v1/sessions", json=right, headers=here)).status_code == 201
    await tried(1, "", "10.0.0.9")
    assert (await gateway.stranger.post("/v1/sessions", json=right, headers=here)).status_code == 429
    assert (await gateway.stranger.post("/v1/sessions", json=right, headers=there)).status_code == 201
    await tried(rules.ACCOUNT_TRIES, "eve", "")
    assert (await gateway.stranger.post("/v1/sessions", json=right, headers=there)).status_code == 429


async def test_an_address_is_the_consoles_word_only(gateway: Gateway) -> None:
    await settled(gateway, "eve")
    right = {"login": "eve", "password": PASSWORD}
    forged = {VOUCHED: tokens.sign(b"x" * 32, {"address": "10.0.0.10", "at": time.time()})}
    assert (await gateway.stranger.post("/v1/sessions", json=right, headers=forged)).status_code == 422


async def test_an_unknown_account_is_told_like_a_wrong_password(gateway: Gateway) -> None:
    await settled(gateway, "eve")
    took: dict[str, float] = {}
    bodies = []
    for login in ("eve", "nobody"):
        began = time.perf_counter()
        for _ in range(3):
            answer = await gateway.stranger.post("/v1/sessions", json={"login": login, "password": "wrong"})
            bodies.append((answer.status_code, answer.text))
        took[login] = time.perf_counter() - began
    assert len(set(bodies)) == 1
    assert took["nobody"] > took["eve"] / 3, "the hash is compared either way"


async def test_sessions_end_unused_and_old_and_signed_out(gateway: Gateway) -> None:
    token = await settled(gateway, "eve")
    for column, past in (("used_at", rules.IDLE), ("created_at", rules.LONGEST)):
        async with gateway.house.db.transaction() as session:
            before = clock.now() - past
            await session.execute(
                text(f"UPDATE operator_sessions SET {column} = :at"), {"at": before + timedelta(seconds=30)}
            )
        assert await status(gateway, token) == 200
        async with gateway.house.db.transaction() as session:
            await session.execute(text(f"UPDATE operator_sessions SET {column} = :at"), {"at": before})
        assert await status(gateway, token) == 401
        async with gateway.house.db.transaction() as session:
            await session.execute(text("UPDATE operator_sessions SET used_at = now(), created_at = now()"))
        assert await status(gateway, token) == 200
    assert (await gateway.stranger.delete("/v1/sessions/current", headers=bearer(token))).status_code == 204
    assert await status(gateway, token) == 401


async def test_who_is_made_inactive_is_out_at_once_and_the_last_admin_stays(gateway: Gateway) -> None:
    boss, eve = await settled(gateway, "boss", "admin"), await settled(gateway, "eve", "admin")
    ids = {one["login"]: one["id"] for one in (await gateway.admin.get("/v1/operators")).json()["items"]}
    assert (await gateway.admin.patch(f"/v1/operators/{ids['eve']}", json={"active": False})).status_code == 200
    assert await status(gateway, eve) == 401
    gone = await gateway.stranger.post("/v1/sessions", json={"login": "eve", "password": PASSWORD})
    assert gone.status_code == 401
    for change in ({"active": False}, {"role": "viewer"}):
        answer = await gateway.admin.patch(f"/v1/operators/{ids['boss']}", json=change)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/last-admin")
    assert await status(gateway, boss) == 200
    assert (
        await gateway.admin.post("/v1/operators", json={"login": "EVE", "name": "E", "role": "viewer"})
    ).status_code == 409
    assert (await gateway.admin.patch("/v1/operators/op_none", json={"name": "x"})).status_code == 404


async def test_preferences_are_kept_by_name_and_stay_small(gateway: Gateway) -> None:
    token = await settled(gateway, "eve")
    for given in ({"language": "zh", "dark": True}, {"dark": None, "zone": "Asia/Shanghai"}):
        answer = await gateway.stranger.patch("/v1/operators/me", json={"preferences": given}, headers=bearer(token))
        assert answer.status_code == 200
    assert answer.json()["preferences"] == {"language": "zh", "zone": "Asia/Shanghai"}
    huge = {"preferences": {"columns": "x" * rules.LONGEST_PREFERENCES}}
    assert (await gateway.stranger.patch("/v1/operators/me", json=huge, headers=bearer(token))).status_code == 422


async def test_a_secret_key_has_no_session(gateway: Gateway) -> None:
    assert (await gateway.admin.get("/v1/sessions/current")).status_code == 404
    assert (await gateway.stranger.get("/v1/sessions/current")).status_code == 401
    assert await status(gateway, "ses_" + "0" * 64, "/v1/profiles") == 401


@pytest.mark.parametrize("given", ["ses_\xff", "ses_", "ses_" + "x" * 9000])
async def test_what_is_no_token_is_refused(gateway: Gateway, given: str) -> None:
    answer = await gateway.stranger.get("/v1/keys", headers=[(b"authorization", f"Bearer {given}".encode("latin-1"))])
    assert answer.status_code == 401


async def test_whoever_is_known_here_learns_who_did_something(gateway: Gateway) -> None:
    token = await settled(gateway, "nosy", "viewer")
    made = await make(gateway, "author", "operator")
    key = (await gateway.admin.post("/v1/keys", json={"kind": "write", "name": "The app"})).json()
    asked = {"id": [made["id"], key["id"], "op_nobody"]}
    for headers in (bearer(token), dict(gateway.admin.headers)):
        told = await gateway.stranger.get("/v1/operators/names", params=asked, headers=headers)
        assert (told.status_code, told.json()) == (200, {made["id"]: "Author", key["id"]: "The app"})
    assert (await gateway.stranger.get("/v1/operators/names", params=asked)).status_code == 401
    assert (await gateway.admin.get("/v1/operators/names")).status_code == 422
