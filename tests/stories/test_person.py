"""One viewer asks what is known of him: every service answers, and nobody else's data is in it."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.harness.eventually import eventually

OTHER = "benvolio-of-verona"
"""Long, so that no random id holds it by chance."""


async def test_all_data_of_one_person(operator: httpx.AsyncClient, front_end: httpx.AsyncClient) -> None:
    rule = {"did": "Content Liked", "times": {"gte": 1}}
    assert (await operator.post("/v1/segments", json={"key": "fans", "name": "Fans", "rule": rule})).is_success
    for who in ("ann", OTHER):
        identify = {"userId": who, "traits": {"email": f"{who}@example.com", "name": f"name {who}"}}
        assert (await front_end.post("/v1/identify", json=identify)).is_success
        for event, properties in (("Content Commented", {"text": f"words of {who}"}), ("Content Liked", {})):
            body = {"userId": who, "event": event, "properties": properties}
            assert (await front_end.post("/v1/track", json=body)).is_success

    async def export() -> list[dict[str, Any]]:
        answer = await operator.post("/v1/privacy/exports", json={"ref": "user_id:ann"})
        return [json.loads(line) for line in answer.text.splitlines()] if answer.is_success else []

    async def everywhere() -> bool:
        tables = {(one.get("service"), one.get("table")) for one in await export()}
        return {("profile", "events"), ("segment", "blocks"), ("recommend", "identities")} <= tables

    await eventually(everywhere, timeout=20)
    lines = await export()
    assert lines[-1] == {"complete": True}
    whole = json.dumps(lines)
    for known in ("ann@example.com", "name ann", "words of ann"):
        assert known in whole
    assert OTHER not in whole
    assert "enc:" not in whole
    audit = (await operator.get("/v1/audit", params={"action": "viewers.export"})).json()["items"]
    assert audit
