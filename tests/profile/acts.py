"""What tests do to a running profile, and what they wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from services.profile.actions.events import absorb
from shared.contracts import EventReceived, ProfileUpdated
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.profile.samples import call

Eventually = Callable[..., Awaitable[Any]]


async def take(running: Running, *items: EventReceived) -> None:
    """Absorb these as one batch."""
    async with running.db.transaction() as session:
        await absorb(session, list(items))


async def viewers(running: Running, count: int, **fields: Any) -> None:
    """So many viewers, u1 and on, have done something."""
    await take(running, *(call(user_id=f"u{n}", **fields) for n in range(1, count + 1)))


async def ask(
    running: Running, method: str, path: str, body: Any = None, *, role: str = "operator", status: int = 200
) -> Any:
    """What a call answers."""
    answer: httpx.Response = await running.client.request(
        method, path, json=body, headers=running.headers(role, caller_id="key_1")
    )
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def make(running: Running, key: str, *, adopt: bool = True, **body: Any) -> Any:
    """Make a tag, and take it into use."""
    made = await ask(running, "PUT", f"/v1/tags/{key}", {"name": key, **body})
    return await ask(running, "POST", f"/v1/tags/{key}/adopt", {"force": True}) if adopt else made


async def told(running: Running, expected: dict[int, list[str]]) -> None:
    """Wait until these profiles were last told with these tags."""

    async def check() -> None:
        last = {fact.profile_id: fact for fact in await running.told(ProfileUpdated)}
        assert {one: last[one].tags for one in expected} == expected

    await eventually(check)


async def post(running: Running, path: str, *, status: int, role: str = "operator", **more: Any) -> Any:
    """What a call answers that posts."""
    answer = await running.client.post(path, headers=running.headers(role), **more)
    assert answer.status_code == status, answer.text
    return answer.json()


async def brought(running: Running, text: str | bytes, name: str = "people.csv", status: int = 201) -> Any:
    """A file, uploaded."""
    content = text.encode() if isinstance(text, str) else text
    return await post(running, "/v1/imports", params={"name": name}, content=content, status=status)


async def done(running: Running, import_id: int, eventually: Eventually, state: str) -> Any:
    """An import, once it has come to this state."""

    async def reached() -> Any:
        one = (await running.client.get(f"/v1/imports/{import_id}")).json()
        assert one["state"] == state, one
        return one

    return await eventually(reached)
