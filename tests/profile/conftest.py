"""A database of profile, or a running profile, for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from services.profile.actions.events import absorb
from services.profile.app import SERVICE
from shared import outbox
from shared.contracts import EventReceived, Fact
from shared.database import Database
from shared.settings import Settings
from tests.harness.houses import Opening, Running


@pytest.fixture
async def db(database: Callable[[str], Awaitable[str]]) -> AsyncIterator[Database]:
    """A fresh database of profile."""
    url = await database("profile")
    opened = Database("profile", Settings(database_url=url, nats_url="n://", nats_monitor_url="h://", secret="s" * 32))
    yield opened
    await opened.close()


@pytest.fixture
def take(db: Database) -> Callable[..., Awaitable[list[Fact]]]:
    """`facts = await take(call(…), …)`: absorb these as one batch and commit; what was told, in order."""

    async def batch(*items: EventReceived) -> list[Fact]:
        async with db.transaction() as session:
            await absorb(session, list(items))
            return [fact for fact, _ in outbox.effects(session).told]

    return batch


@pytest.fixture
async def running(open_house: Callable[..., Opening]) -> Running:
    """Profile, running."""
    return await open_house(SERVICE)
