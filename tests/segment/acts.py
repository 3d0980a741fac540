"""What tests do to a running segment, and what they read of it."""

from __future__ import annotations

from typing import Any

from shared import roaring
from shared.contracts import ResolveAnswered, ResolveAsked, SegmentChanged, partition_of
from tests.harness.eventually import eventually
from tests.harness.houses import Running

VIP = {"trait": "vip", "eq": True}


async def ask(home: Running, method: str, path: str, body: Any = None, *, status: int = 200, **params: Any) -> Any:
    """What a call below /v1/segments answers."""
    answer = await home.client.request(method, f"/v1/segments{path}", json=body, params=params)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def known(home: Running, *refs: str) -> None:
    """Play profile: it knows these refs by the number they end with."""

    def reply(asked: ResolveAsked) -> ResolveAnswered:
        return ResolveAnswered(profile_ids={ref: int(ref.rpartition("u")[2]) for ref in asked.refs if ref in refs})

    await home.answer(ResolveAsked, reply)


async def member_ids(home: Running, key: str) -> set[int]:
    """Members, without the causes of their entries."""
    return set(await members(home, key))


async def make(home: Running, key: str, rule: dict[str, Any]) -> dict[str, Any]:
    """Make a segment and wait until it is filled."""
    answer = await home.client.post("/v1/segments", json={"key": key, "name": key, "rule": rule})
    assert answer.status_code == 201, answer.text
    return await filled(home, key)


async def filled(home: Running, key: str) -> dict[str, Any]:
    """The segment, once it is filled."""

    async def check() -> dict[str, Any]:
        found: dict[str, Any] = (await home.client.get(f"/v1/segments/{key}")).json()
        assert found["filling"] is None, found
        return found

    # the first fill starts the warehouse, which takes its time on a busy machine
    return await eventually(check, timeout=60)


async def members(home: Running, key: str) -> dict[int, str]:
    """Members and the causes of their entries."""
    found: dict[int, str] = {}
    cursor: str | None = ""
    while cursor is not None:
        answer = await home.client.get(f"/v1/segments/{key}/members", params={"cursor": cursor} if cursor else {})
        page = answer.json()
        found |= {item["profile_id"]: item["cause"] for item in page["items"]}
        cursor = page["next"]
    return found


async def moves(home: Running, key: str) -> list[tuple[str, str, int]]:
    """What was told of a segment, in order: cause, whether in or out, viewer."""
    found: list[tuple[str, str, int]] = []
    for fact in await home.told(SegmentChanged):
        if fact.key == key:
            entered, left = roaring.entered(fact), roaring.left(fact)
            assert all(partition_of(one) == fact.part for one in (*entered, *left))
            found += [(fact.cause, "in", one) for one in entered] + [(fact.cause, "out", one) for one in left]
    return found


async def equals(coming: Any, expected: Any) -> None:
    """Asserted, for `eventually`."""
    assert await coming == expected


async def viewers_are(home: Running, number: int) -> None:
    """Asserted, for `eventually`: so many viewers are known."""
    assert (await home.client.post("/v1/segments/preview", json={"rule": {"not": {"did": "x"}}})).json()[
        "count"
    ] == number
