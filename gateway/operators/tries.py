"""Tries to prove a password: each is counted first, so that a thousand tries at once are a thousand tries."""

from __future__ import annotations

import asyncio

from gateway import store
from gateway.rules import operators as rules
from shared import clock
from shared.errors import TooMany
from shared.house import House

_comparing = asyncio.Semaphore(2)
"""Each comparison takes 64 MiB and a processor; more at once would only wait for each other."""


class LockedOut(TooMany):
    """Too many wrong tries"""


async def counted(house: House, login: str, address: str) -> tuple[bytes, int]:
    """Count a try, or refuse it. The disguised account, and the try's number."""
    now = clock.now()
    key = house.settings.key(rules.PURPOSE)
    account, place = rules.disguised(key, login), rules.disguised(key, address)
    async with house.db.transaction() as session:
        wait = rules.locked_for(await store.tries(session, account, place, since=now - rules.WINDOW), now)
        if wait is not None:
            raise LockedOut(
                f"within {rules.WINDOW.seconds // 60} minutes: try again in {-(-wait // 60)} minutes, or ask an admin"
                " for a new password",
                headers={"Retry-After": str(wait)},
            )
        return account, await store.add_try(session, account, place, now)


async def right(stored: str | None, password: str) -> bool:
    """Whether this is the password of that hash; of no hash it takes as long, and is not."""
    async with _comparing:
        proved = await asyncio.to_thread(rules.proves, stored or rules.NOBODY, password)
    return proved and stored is not None
