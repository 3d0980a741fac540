"""Fixtures of the kernel's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import structlog

from shared.database import Database
from tests.harness.bus import TestBus
from tests.shared import toy
from tests.shared.toy import Shelf


@pytest.fixture(autouse=True, scope="session")
def _plain_log() -> None:
    """Without a word, structlog draws every traceback with all local variables: seconds for each."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.LogfmtRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(30),
    )


@pytest.fixture
async def intake(database: Callable[[str], Awaitable[str]], bus: TestBus) -> AsyncIterator[Shelf]:
    """A toy profile, which reads INTAKE."""
    async with toy.shelf(await database("profile"), bus, "profile", "INTAKE") as made:
        yield made


@pytest.fixture
async def facts(database: Callable[[str], Awaitable[str]], bus: TestBus) -> AsyncIterator[Shelf]:
    """A toy recommend, which reads FACTS."""
    async with toy.shelf(await database("recommend"), bus, "recommend", "FACTS") as made:
        yield made


@pytest.fixture
async def db(database: Callable[[str], Awaitable[str]]) -> AsyncIterator[Database]:
    """The database of a toy profile, without a bus."""
    url = await toy.add_table(await database("profile"))
    opened = Database("profile", toy.settings(url))
    yield opened
    await opened.close()
