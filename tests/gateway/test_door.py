"""The hot door: whose call it is, from where, how large, and how many."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from starlette.types import Message

from gateway.edge import bodies
from gateway.rules.events import Refused
from tests.gateway.conftest import TRACK, WRITE_KEY, Gateway, basic
from tests.harness.eventually import eventually


async def test_who_has_no_key_is_refused(gateway: Gateway) -> None:
    body = {**TRACK, "messageId": "m"}
    for headers in (
        {},
        basic("pk_unknownkey"),
        basic(""),
        {"Authorization": "Basic ???"},
        {"Authorization": f"Bearer {WRITE_KEY}"},
        {"Authorization": gateway.admin.headers["authorization"]},
    ):
        answer = await gateway.stranger.post("/v1/track", json=body, headers=headers)
        assert answer.status_code == 401, headers
        assert "code" in answer.json() or answer.headers["content-type"] == "application/problem+json"
    answer = await gateway.stranger.post("/v1/track", json={**body, "writeKey": "pk_unknownkey"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert await gateway.received() == []
    answer = await gateway.stranger.post("/v1/track", json={**body, "writeKey": WRITE_KEY})
    assert answer.status_code == 200


async def test_a_beacon_is_plain_text_with_its_key_inside(gateway: Gateway) -> None:
    body = json.dumps({**TRACK, "writeKey": WRITE_KEY, "sentAt": "2026-01-01T00:00:00Z"})
    answer = await gateway.stranger.post("/v1/t", content=body, headers={"Content-Type": "text/plain;charset=UTF-8"})
    assert answer.status_code == 200
    batch = json.dumps({"batch": [{**TRACK, "type": "track"}], "writeKey": WRITE_KEY})
    answer = await gateway.stranger.post("/v1/b", content=batch, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 200
    assert len(await gateway.received()) == 2


async def test_gzip_is_unpacked_and_bombs_are_not(gateway: Gateway) -> None:
    packed = {"Content-Encoding": "gzip"}
    body = gzip.compress(json.dumps({"batch": [{**TRACK, "type": "track"}]}).encode())
    assert (await gateway.front.post("/v1/batch", content=body, headers=packed)).status_code == 200
    for path, bad, status in (
        ("/v1/batch", gzip.compress(b" " * 50_000_000), 413),
        ("/v1/batch", gzip.compress(b'{"batch": [' + b" " * 400_000 + b"]}"), 413),
        ("/v1/track", gzip.compress(json.dumps({**TRACK, "p": list(range(9000))}).encode()), 413),
        ("/v1/batch", b"plain", 400),
        ("/v1/batch", body[:-6], 400),
    ):
        answer = await gateway.front.post(path, content=bad, headers=packed)
        assert (answer.status_code, "code" in answer.json()) == (status, True)
    answer = await gateway.front.post("/v1/batch", content=body, headers={"Content-Encoding": "br"})
    assert answer.status_code == 415
    assert len(await gateway.received()) == 1


async def test_a_body_is_refused_while_it_streams(gateway: Gateway) -> None:
    async def long() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65_536

    answer = await gateway.front.post("/v1/batch", content=long())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    received = 0

    async def receive() -> Message:
        nonlocal received
        received += 65_536
        return {"type": "http.request", "body": b" " * 65_536, "more_body": True}

    with pytest.raises(Refused) as caught:
        await bodies.read({"type": "http", "headers": []}, receive, limit=500_000)
    assert caught.value.status == 413
    assert received <= 500_000 + 65_536

    received = 0
    with pytest.raises(Refused):
        await bodies.read({"type": "http", "headers": [(b"content-length", b"500001")]}, receive, limit=500_000)
    assert received == 0


async def test_a_key_is_for_pages_of_its_origins(gateway: Gateway) -> None:
    made = await gateway.admin.post(
        "/v1/keys", json={"kind": "write", "name": "shop", "origins": ["https://shop.test"]}
    )
    key = made.json()["key"]
    # The first key admits every page, so that it would answer for this one in a preflight.
    await gateway.admin.delete(f"/v1/keys/{WRITE_KEY.removeprefix('pk_')}")
    await eventually(lambda: gateway.memory.keyring.write(key, datetime.now(UTC)) is not None)

    question = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = await gateway.stranger.options("/v1/t", headers={"Origin": "https://shop.test", **question})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://shop.test"
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "Origin" in answer.headers["vary"]
    answer = await gateway.stranger.options("/v1/t", headers={"Origin": "https://evil.test", **question})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers

    good = {**basic(key), "Origin": "https://shop.test"}
    answer = await gateway.stranger.post("/v1/t", json=TRACK, headers=good)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://shop.test")
    answer = await gateway.stranger.post("/v1/t", json={}, headers=good)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (400, "https://shop.test")
    answer = await gateway.stranger.post("/v1/t", json=TRACK, headers={**basic(key), "Origin": "https://evil.test"})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert "access-control-allow-origin" not in answer.headers
    answer = await gateway.stranger.post("/v1/t", json=TRACK, headers=basic(key))  # a server has no origin
    assert answer.status_code == 200
    assert len(await gateway.received()) == 2


async def test_more_than_the_rate_waits(gateway: Gateway) -> None:
    made = await gateway.admin.post("/v1/keys", json={"kind": "write", "name": "slow", "rate": 5})
    key = made.json()["key"]
    await eventually(lambda: gateway.memory.keyring.write(key, datetime.now(UTC)) is not None)
    batch = {"batch": [{**TRACK, "type": "track"} for _ in range(30)]}
    answer = await gateway.stranger.post("/v1/batch", json=batch, headers=basic(key))
    assert answer.status_code == 200
    answer = await gateway.stranger.post("/v1/track", json=TRACK, headers=basic(key))
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert abs(int(answer.headers["x-ratelimit-reset"]) - time.time()) < 10
    assert (await gateway.front.post("/v1/track", json=TRACK)).status_code == 200, "another key has its own bucket"
    assert len(await gateway.received()) == 31
