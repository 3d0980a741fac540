"""Waits until everything that was acknowledged so far is taken in by every service, however much comes in meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from deploy.tools.client import Client

PAUSE = 0.3
FOLLOWERS = {"profile": ("segment", "campaign", "recommend"), "segment": ("campaign", "recommend")}
"""Who hears what these services tell."""

OnProgress = Callable[[int, str], None]
"""`on_progress(messages, service)`: how many messages the service has yet to take in or to tell."""


async def settled(client: Client, on_progress: OnProgress) -> None:
    """Returns when profile has recorded, and the others have heard, what was there when this was called."""
    await _taken(client, "profile", "INTAKE", await _last(client, "profile", "INTAKE"), on_progress)
    for teller, followers in FOLLOWERS.items():
        await _told(client, teller, on_progress)
        target = await _last(client, followers[0], "FACTS")
        for service in followers:
            await _taken(client, service, "FACTS", target, on_progress)
    on_progress(0, "")


async def _asked(client: Client, service: str) -> Any:
    return await client.call("GET", f"/v1/services/{service}/readers")


async def _reader(client: Client, service: str, stream: str) -> Any:
    """How far a service is in a stream, once it reads it."""
    found = None
    while found is None:
        readers = (await _asked(client, service))["readers"]
        found = next((one for one in readers if one["stream"] == stream and one["last"] is not None), None)
        if found is None:
            await asyncio.sleep(PAUSE)
    return found


async def _last(client: Client, service: str, stream: str) -> int:
    return int((await _reader(client, service, stream))["last"])


async def _taken(client: Client, service: str, stream: str, target: int, on_progress: OnProgress) -> None:
    """Wait until a service has taken in a stream up to this sequence."""
    taken = -1
    while taken < target:
        taken = int((await _reader(client, service, stream))["taken"])
        on_progress(max(0, target - taken), service)
        if taken < target:
            await asyncio.sleep(PAUSE)


async def _told(client: Client, service: str, on_progress: OnProgress) -> None:
    """Wait until what a service has told so far has left it."""
    outbox = (await _asked(client, service))["outbox"]
    target = outbox["last"] or 0
    while outbox["first"] is not None and outbox["first"] <= target:
        on_progress(outbox["waiting"], service)
        await asyncio.sleep(PAUSE)
        outbox = (await _asked(client, service))["outbox"]
