"""Many viewers in one call: the good are taken, the wrong are told."""

from __future__ import annotations

from typing import Any

import pytest

from services.profile.actions import bulk, events
from tests.harness.houses import Running
from tests.profile.acts import post


async def test_a_bulk_takes_the_good_and_tells_the_wrong(running: Running) -> None:
    people = [
        {"ids": {"user_id": "u1"}, "traits": {"city": "北京"}, "message_id": "b1"},
        {"ids": {}},
        {"ids": {"User": "x"}},
        {"ids": {"email": "nobody"}},
        {"id": "u2"},
        {"ids": {"anonymous_id": "a1"}, "traits": {"age": 3}},
        {"ids": {"user_id": "u1"}, "traits": {"city": "上海"}, "message_id": "b1"},
        {"ids": {"user_id": "u9"}, "traits": {"gender": "robot", "age": "x", "city": None}},
        {"ids": {"user_id": " "}},
        {"ids": {"user_id": "null"}},
    ]
    answer = await post(running, "/v1/profiles/bulk", json={"profiles": people}, status=200)
    assert answer["accepted"] == 3
    assert [one["index"] for one in answer["items"]] == [0, 5, 6]
    assert [one["profile_id"] for one in answer["items"]] == [1, 2, 1]
    assert [(one["index"], one["field"]) for one in answer["errors"]] == [
        (1, "profiles[1].ids"),
        (2, "profiles[2].ids.User"),
        (3, "profiles[3].ids.email"),
        (4, "profiles[4].id"),
        (7, "profiles[7].traits.gender"),
        (7, "profiles[7].traits.age"),
        (8, "profiles[8].ids.user_id"),
        (9, "profiles[9]"),
    ]
    assert "nobody's id" in answer["errors"][-1]["message"]
    assert "did you mean 'ids'" in answer["errors"][3]["message"]
    assert (await running.client.get("/v1/profiles/1")).json()["traits"] == {"city": "北京"}
    event = (await running.client.get("/v1/profiles/1/events")).json()["items"]
    assert [one["source"] for one in event] == ["bulk:test"]
    await post(running, "/v1/profiles/bulk", json={"profiles": people}, status=403, role="viewer")
    await post(running, "/v1/profiles/bulk", json={"profiles": [{}] * 1001}, status=422)


async def test_what_cannot_be_absorbed_stays_alone(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:

    async def poisoned(session: Any, items: list[Any]) -> None:
        await events.absorb(session, items)
        if any(item.user_id == "poison" for item in items):
            raise ValueError("poison")

    monkeypatch.setattr(bulk, "absorb", poisoned)
    people = [{"ids": {"user_id": f"u{n}" if n != 37 else "poison"}} for n in range(100)]
    answer = await post(running, "/v1/profiles/bulk", json={"profiles": people}, status=200)
    assert answer["accepted"] == 99
    assert answer["errors"] == [{"index": 37, "field": "profiles[37]", "message": "ValueError: poison"}]
    assert len((await running.client.get("/v1/profiles", params={"limit": 200})).json()["items"]) == 99


async def test_an_id_that_is_an_address_is_masked(running: Running) -> None:
    people = [{"ids": {"user_id": one}} for one in ("bulk@mail.example", "+8613811119999", "13800138000")]
    await post(running, "/v1/profiles/bulk", json={"profiles": people}, status=200)

    async def ids(role: str) -> list[str]:
        listed = (await running.client.get("/v1/profiles", headers=running.headers(role))).json()["items"]
        return [one["identities"][0]["value"] for one in reversed(listed)]

    assert await ids("viewer") == ["b•••@mail.example", "•••99", "13800138000"]
    assert await ids("admin") == ["bulk@mail.example", "+8613811119999", "13800138000"]
