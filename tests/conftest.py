"""Fixtures every test may use: servers once per run, databases and buses per test, services opened in this process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from xdist.scheduler import LoadFileScheduling

from deploy.local import temporary
from deploy.local.temporary import Postgres
from shared.house import Service
from tests.harness import bus as buses
from tests.harness import databases as databases_
from tests.harness import houses
from tests.harness.bus import TestBus
from tests.harness.databases import Databases
from tests.harness.eventually import eventually as eventually_
from tests.harness.houses import Opening
from tests.harness.suite import Suite


class _WholeFolders(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """A file goes to one worker and shares an installation there; the files of the console share one together."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/console" if nodeid.startswith("tests/console/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Who runs what, when there are several workers."""
    return _WholeFolders(config, log)


@pytest.fixture(autouse=True, scope="session")
def _plain_log() -> None:
    """Without a word, structlog draws every traceback with all local variables: seconds for each."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.LogfmtRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(30),
    )


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder for the run's servers, in memory where there is room."""
    with temporary.scratch() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(scratch: Path) -> Iterator[Postgres]:
    """The run's Postgres."""
    with temporary.postgres(scratch) as server:
        yield server


@pytest.fixture(scope="session")
async def databases(postgres: Postgres) -> AsyncIterator[Databases]:
    """Maker of databases, with one migrated template per service."""
    async with databases_.opened(postgres) as made:
        yield made


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """`await database("profile")`: the address of a fresh migrated database, dropped after the test."""
    urls: list[str] = []

    async def clone(service: str) -> str:
        urls.append(await databases.clone(service))
        return urls[-1]

    yield clone
    for url in urls:
        await databases.drop(url)


@pytest.fixture
async def bus(scratch: Path, request: pytest.FixtureRequest) -> AsyncIterator[TestBus]:
    """A fresh nats-server for this test: empty streams, production permissions."""
    folder = scratch / f"nats-{abs(hash(request.node.nodeid))}"
    folder.mkdir(exist_ok=True)
    async with buses.opened(folder) as opened:
        yield opened


@pytest.fixture
async def open_house(databases: Databases, bus: TestBus) -> AsyncIterator[Callable[..., Opening]]:
    """`running = await open_house(SERVICE)`: a service in this process; several may be opened on one bus.

    `present=[facts]` is what played owners answer a newcomer; other keywords are the service's settings.
    `async with open_house(SERVICE) as running` closes it before the test ends.
    """
    async with contextlib.AsyncExitStack() as stack:

        def open_(service: Service, **options: Any) -> Opening:
            return Opening(lambda: houses.opened(service, databases=databases, bus=bus, **options), stack)

        yield open_


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """`await eventually(check, timeout=10)`: see tests.harness.eventually."""
    return eventually_


@pytest.fixture
def admin_headers() -> Callable[..., dict[str, str]]:
    """`admin_headers(settings, role="viewer")`: the gateway's word about who is calling."""
    return houses.admin_headers


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Suite]:
    """The five real processes on their own servers, started by the one command; ready when the test begins."""
    with Suite.started(tmp_path / "data") as running:
        yield running
