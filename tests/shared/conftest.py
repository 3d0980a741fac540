"""Fixtures of the kernel's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.database import Database
from tests.harness.bus import TestBus
from tests.shared import toy
from tests.shared.toy import Shelf


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
