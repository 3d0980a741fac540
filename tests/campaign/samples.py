"""Facts and campaigns as tests need them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts import Cause, EventRecorded, SegmentChanged, TriggerReceived, partition_of
from tests.harness.houses import Running

PATH = "/v1/campaigns/back"
"""The campaign that manual tests are about."""
AS_OF = datetime(2026, 1, 2, tzinfo=UTC)
"""Of which moment the played segments are true."""
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def entered(
    *profile_ids: int, key: str = "likers", minute: int = 0, cause: Cause = "rule", left: tuple[int, ...] = ()
) -> SegmentChanged:
    """Viewers of one partition who moved."""
    part = partition_of((*profile_ids, *left)[0])
    at = NOW + timedelta(minutes=minute)
    return SegmentChanged(key=key, version=1, part=part, entered=list(profile_ids), left=list(left), cause=cause, at=at)


def event(profile_id: int, event_id: str = "e1", *, history: bool = False, **properties: Any) -> EventRecorded:
    """Somebody liked something."""
    return EventRecorded(
        event_id=event_id,
        origin=f"user_id:u{profile_id}",
        profile_id=profile_id,
        event="Content Liked",
        time=NOW,
        received_at=NOW,
        history=history,
        properties=properties,
    )


def trigger(id: str = "t1", name: str = "order", **data: Any) -> TriggerReceived:
    """Another system's wish."""
    return TriggerReceived(name=name, id=id, at=NOW, data=data)


def body(trigger: dict[str, str] | None = None, **content: Any) -> dict[str, Any]:
    """A campaign as an operator puts it."""
    texts = {"subject": "Hi {{ profile.traits.name }}", "body": "Hello {{ profile.traits.name }}!"}
    return {
        "name": "Welcome",
        "trigger": trigger or {"segment_entered": "likers"},
        "channel": "email",
        "content": texts | content,
    }


async def start(running: Running, key: str = "welcome", trigger: dict[str, str] | None = None, **content: Any) -> None:
    """Put a campaign and start it."""
    put = await running.client.put(f"/v1/campaigns/{key}", json=body(trigger, **content))
    assert put.status_code in (200, 201), put.text
    started = await running.client.post(f"/v1/campaigns/{key}/start")
    assert started.status_code == 200, started.text


async def messages(running: Running, key: str = "welcome") -> list[dict[str, Any]]:
    """Every message of a campaign, oldest first."""
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 200}
    more = True
    while more:
        page = await running.client.get(f"/v1/campaigns/{key}/messages", params=params)
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        params["cursor"] = page.json()["next"]
        more = params["cursor"] is not None
    return found[::-1]


async def states(running: Running, key: str = "welcome") -> dict[str, int]:
    """Messages by state, empty states left out."""
    answer = (await running.client.get(f"/v1/campaigns/{key}")).json()
    return {state: number for state, number in answer["messages"].items() if number}


async def ended(running: Running, number: int, key: str = "welcome") -> list[dict[str, Any]]:
    """The messages, all of which have come to an end. For `eventually`."""
    found = await messages(running, key)
    assert len(found) == number, found
    assert all(one["finished_at"] for one in found), found
    return found


def manual(audience: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A manual campaign as an operator puts it."""
    content = more.pop("content", {})
    return body({"manual": {"segment": "silent"} if audience is None else audience}, **content) | more  # type: ignore[dict-item]


async def put(running: Running, wanted: dict[str, Any], path: str = PATH) -> dict[str, Any]:
    """Put a campaign."""
    answer = await running.client.put(path, json=wanted)
    assert answer.status_code in (200, 201), answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def post(running: Running, action: str, json: Any = None, path: str = PATH, **options: Any) -> dict[str, Any]:
    """Do something with a campaign."""
    answer = await running.client.post(f"{path}/{action}", json=json, **options)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def begin(running: Running, wanted: dict[str, Any], path: str = PATH, *, late: bool = False) -> None:
    """Put a campaign, and bring it on its way."""
    await put(running, wanted, path)
    params = {"late": late}
    await post(running, "submit", path=path, params=params)
    await post(running, "approve", path=path, headers=running.headers("approver", caller_id="boss"), params=params)
    await post(running, "start", path=path, params=params)


async def finished(running: Running, path: str = PATH) -> dict[str, Any]:
    """The campaign, which is finished. For `eventually`."""
    shown: dict[str, Any] = (await running.client.get(path)).json()
    assert shown["state"] == "finished", shown
    return shown
