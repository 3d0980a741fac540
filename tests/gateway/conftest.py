"""A gateway that listens on a real port, since bodies, streams and unmodified clients are what it is about."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import pytest
import structlog
import uvicorn
from fastapi import FastAPI

from gateway.app import SERVICE, create
from gateway.memory import Memory
from shared.contracts import EventReceived
from shared.house import House
from tests.harness.bus import TestBus
from tests.harness.databases import Databases
from tests.harness.houses import settings_of

# The default renders every local of a logged traceback, for seconds, in the loop that is being tested.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

WRITE_KEY = "pk_testwritekey"
SECRET_KEY = "sk_testsecretkey_0123456789abcdefghijklmnopqrstuvwxyz"

TRACK: dict[str, Any] = {"userId": "u1", "event": "Content Liked"}
"""A call that is good."""

_events = msgspec.json.Decoder(list[EventReceived])


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """A running gateway. `front` calls it as a front-end with the write key, `admin` as a tool with the secret key."""

    house: House
    app: FastAPI
    bus: TestBus
    url: str
    front: httpx.AsyncClient
    admin: httpx.AsyncClient
    stranger: httpx.AsyncClient

    @property
    def memory(self) -> Memory:
        """What it holds open."""
        memory: Memory = self.house.memory
        return memory

    async def received(self) -> list[EventReceived]:
        """Every event in INTAKE, in stream order."""
        messages = [one for one in await self.bus.messages("INTAKE") if one.kind == EventReceived.kind]
        return [event for message in messages for event in _events.decode(message.items)]


def basic(key: str) -> dict[str, str]:
    """The header of a write key."""
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


@contextlib.asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """Serve an app on a free port, in this loop."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=3, lifespan="on")
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if serving.done():
                serving.result()
                raise RuntimeError("the app did not start")
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def open_gateway(
    databases: Databases, bus: TestBus
) -> AsyncIterator[Callable[..., contextlib.AbstractAsyncContextManager[Gateway]]]:
    """`async with open_gateway(rate=5) as gateway`: options are its settings; several share one database and bus."""
    database_url = await databases.clone("gateway")

    @contextlib.asynccontextmanager
    async def open_(**options: Any) -> AsyncIterator[Gateway]:
        settings = settings_of(
            SERVICE, database_url=database_url, bus=bus, **{"write_key": WRITE_KEY, "secret_key": SECRET_KEY, **options}
        )
        app = create(settings)
        async with contextlib.AsyncExitStack() as stack:
            url = await stack.enter_async_context(listening(app))

            async def client(headers: dict[str, str]) -> httpx.AsyncClient:
                return await stack.enter_async_context(httpx.AsyncClient(base_url=url, headers=headers, timeout=10))

            yield Gateway(
                house=app.state.house,
                app=app,
                bus=bus,
                url=url,
                front=await client(basic(WRITE_KEY)),
                admin=await client({"Authorization": f"Bearer {SECRET_KEY}"}),
                stranger=await client({}),
            )

    yield open_
    await databases.drop(database_url)


@pytest.fixture
async def gateway(
    open_gateway: Callable[..., contextlib.AbstractAsyncContextManager[Gateway]],
) -> AsyncIterator[Gateway]:
    """A gateway with the usual settings."""
    async with open_gateway() as opened:
        yield opened
