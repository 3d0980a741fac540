"""Waits until everything that was acknowledged is taken in by every service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from deploy.tools.client import Client
from shared.contracts import SERVICES

PAUSE = 0.5
ROUNDS = 2
"""A fact may be between an outbox and a reader while both look done: so it must look done twice in a row."""


async def settled(client: Client, on_progress: Callable[[int, str], None]) -> None:
    """Returns when profile has recorded, and the others have heard, all that was there.

    `on_progress(messages, service)` tells how many messages the service that is furthest behind has yet to take in.
    """
    rounds = 0
    while rounds < ROUNDS:
        behind: dict[str, int] = {}
        for service in SERVICES:
            answer = await client.call("GET", f"/v1/services/{service}/readers")
            waiting = answer["outbox"] + sum(one["behind"] or 0 for one in answer["readers"])
            behind[service] = waiting if answer["settled"] else max(1, waiting)
        slowest = max(behind, key=lambda service: behind[service])
        on_progress(behind[slowest], slowest)
        rounds = rounds + 1 if behind[slowest] == 0 else 0
        if rounds < ROUNDS:
            await asyncio.sleep(PAUSE)
