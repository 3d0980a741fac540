"""Fixtures of segment's tests: its running house, and a database to ask directly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from services.segment.app import SERVICE
from shared import outbox
from shared.contracts import Use, UsesAnswered, UsesAsked
from shared.database import Database
from shared.settings import Settings
from tests.harness.databases import Databases
from tests.harness.houses import Opening, Running
from tests.segment.histories import Store


@pytest.fixture
async def home(open_house: Callable[..., Opening]) -> Running:
    """Segment, running alone; what the other services need of it is nothing."""
    running = await open_house(SERVICE)
    await used(running, {})
    return running


async def used(running: Running, by: Mapping[str, Sequence[Use]]) -> None:
    """Play the other services: what each needs segments for."""
    for service in ("campaign", "profile", "recommend"):
        await running.answer(UsesAsked, _says(UsesAnswered(uses=list(by.get(service, ())))), of=service)


def _says(answer: UsesAnswered) -> Callable[[UsesAsked], UsesAnswered]:
    return lambda _: answer


@pytest.fixture(scope="module")
async def engine(databases: Databases) -> AsyncIterator[AsyncEngine]:
    """An engine on an empty segment database of this module."""
    url = await databases.clone("segment")
    settings = Settings(database_url=url, nats_url="nats://none", nats_monitor_url="http://none", secret="s" * 64)
    database = Database("segment", settings)
    yield database.engine
    await database.close()
    await databases.drop(url)


@pytest.fixture(params=range(3), scope="module")
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Some random histories."""
    made = Store(request.param)
    yield made
    made.db.close()


@asynccontextmanager
async def undone(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """A transaction whose work is undone in the end."""
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin() as transaction:
        outbox.begin(session, "segment")
        yield session
        await transaction.rollback()
