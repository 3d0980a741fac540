"""One service opened in this process on a cloned database and fresh streams, with the rest of the house played."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import msgspec
from fastapi import FastAPI

from shared import caller
from shared.app import create_app
from shared.contracts import Fact, Question
from shared.database import Database
from shared.house import House, Service
from shared.settings import Settings
from tests.harness.bus import TestBus
from tests.harness.databases import Databases

SECRET = "s" * 64
Q = TypeVar("Q", bound=Question)


def settings_of(service: Service, *, database_url: str, bus: TestBus, **options: Any) -> Settings:
    """The settings a service gets in tests; `options` are its own."""
    return service.settings(
        database_url=database_url,
        nats_url=bus.url(service.name),
        nats_monitor_url=bus.monitor_url,
        secret=SECRET,
        public_url="http://marquee.test",
        **options,
    )


def admin_headers(settings: Settings, *, role: str = "admin", caller_id: str = "test") -> dict[str, str]:
    """The header with which the gateway says who is calling; good for a minute."""
    signed = caller.sign(settings.key("caller"), caller.Caller(id=caller_id, role=role))
    return {caller.HEADER: signed}


@dataclass(frozen=True, kw_only=True)
class Running:
    """A running service. `client` calls its HTTP doors as an admin would through the gateway."""

    house: House
    app: FastAPI
    client: httpx.AsyncClient
    bus: TestBus

    @property
    def db(self) -> Database:
        """Its database: `async with running.db.transaction() as session`."""
        return self.house.db

    def headers(self, role: str, *, caller_id: str = "test") -> dict[str, str]:
        """A caller header of another role, to pass with one request."""
        return admin_headers(self.house.settings, role=role, caller_id=caller_id)

    async def tell(self, *facts: Fact) -> None:
        """Publish facts in this order, each as its owner (or the gateway, or another system) would."""
        await self.bus.tell(*facts)

    async def told(self, fact: type[Fact] | None = None) -> list[Any]:
        """The facts this service has published so far, in stream order; those of one type if given."""
        return [one for one in await self.bus.told(self.house.name) if fact is None or isinstance(one, fact)]

    async def answer(self, question: type[Q], reply: Callable[[Q], msgspec.Struct], *, of: str = "") -> None:
        """Play the service that answers this question; `of` names it where each service answers."""
        await self.bus.answer(question, reply, of=of)


class Opening:
    """What `open_house(SERVICE)` gives: await it (it closes with the test), or open it with `async with`."""

    def __init__(
        self, open_: Callable[[], contextlib.AbstractAsyncContextManager[Running]], stack: contextlib.AsyncExitStack
    ):
        self._open = open_
        self._stack = stack
        self._context: contextlib.AbstractAsyncContextManager[Running] | None = None

    def __await__(self) -> Generator[Any, None, Running]:
        return self._stack.enter_async_context(self._open()).__await__()

    async def __aenter__(self) -> Running:
        self._context = self._open()
        return await self._context.__aenter__()

    async def __aexit__(self, *problem: Any) -> bool | None:
        assert self._context is not None
        return await self._context.__aexit__(*problem)


@contextlib.asynccontextmanager
async def opened(
    service: Service,
    *,
    databases: Databases,
    bus: TestBus,
    present: Sequence[Fact] = (),
    database_url: str | None = None,
    **options: Any,
) -> AsyncIterator[Running]:
    """Open a service. `present` is what owners that are played answer when it catches up; `options` are its settings.

    With `database_url` it opens on that database (again, say), which is then the caller's to drop.
    """
    url = database_url or await databases.clone(service.name)
    owners = {on.fact.owner for on in service.listeners if on.catch_up}
    await bus.play(owners, present)
    await bus.step_aside(service.name)
    data = tempfile.TemporaryDirectory(prefix="marquee-data-")
    settings = settings_of(service, database_url=url, bus=bus, **({"data": data.name} | options))
    app = _app(service, settings)
    try:
        async with _alive(app) as house, _client(app, settings) as client:
            yield Running(house=house, app=app, client=client, bus=bus)
        _idle.append((service, app))
        del _idle[:-SPARE]
    finally:
        data.cleanup()
        bus.gone(service.name)
        if database_url is None:
            await databases.drop(url)


SPARE = 8
_idle: list[tuple[Service, FastAPI]] = []
"""Apps whose house is closed: routes take a third of a second to make, and hold nothing of a house."""


def _app(service: Service, settings: Settings) -> FastAPI:
    place = next((place for place, (its, _) in enumerate(_idle) if its is service), None)
    if place is None:
        return create_app(service, settings)
    _, app = _idle.pop(place)
    app.state.settings = settings
    return app


@contextlib.asynccontextmanager
async def _alive(app: FastAPI) -> AsyncIterator[House]:
    """The app's lifespan, held by one task from beginning to end wherever fixtures are torn down."""
    opened_, closing = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.router.lifespan_context(app):
            opened_.set()
            await closing.wait()
            # Readers rest in a pull of up to a second; a test need not wait for that.
            await app.state.house.loops.stop(grace=0)

    life = asyncio.create_task(live(), name="house")
    begun = asyncio.create_task(opened_.wait())
    await asyncio.wait([life, begun], return_when=asyncio.FIRST_COMPLETED)
    begun.cancel()
    if life.done():
        life.result()
    try:
        yield app.state.house
    finally:
        closing.set()
        await life


def _client(app: FastAPI, settings: Settings) -> httpx.AsyncClient:
    async def sign(request: httpx.Request) -> None:
        if caller.HEADER not in request.headers:
            request.headers.update(admin_headers(settings))

    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://service.test",
        event_hooks={"request": [sign]},
        timeout=30,
    )
