"""Wiring of the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import audit, documents, memory, operators, proxy, routes, sweep, viewers
from gateway.edge import decide, events, links, sensors
from gateway.settings import Settings
from gateway.signin import SignIn
from gateway.steps import STEPS
from gateway.tables import metadata
from shared.answers import AnswersFromMemory
from shared.app import Service, create_app
from shared.contracts import SweepAsked
from shared.house import House
from shared.settings import Settings as Kernel


async def _keys_changed(house: House, _: bytes) -> None:
    house.loops.wake("keys")


SERVICE = Service(
    name="gateway",
    title="Marquee",
    tables=metadata,
    routes=(
        events.router,
        sensors.router,
        decide.router,
        links.router,
        routes.router,
        operators.router,
        audit.router,
        viewers.router,
        documents.router,
        proxy.router,
    ),
    steps=STEPS,
    settings=Settings,
    memory=memory.opened,
    answers=(AnswersFromMemory(SweepAsked, sweep.sweep),),
    changed=_keys_changed,
)


class Shortcut:
    """Innermost ASGI middleware: calls that come thousands of times a second go to their endpoint without the router.

    FastAPI's router tries one pattern after the other, twice for an included router. The routes stay declared as all
    others are: this table is made from them.
    """

    def __init__(self, app: ASGIApp, hot: dict[tuple[str, str], APIRoute]) -> None:
        self.app = app
        self._hot = hot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        route = self._hot.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = route
        endpoint: Callable[[Request], Awaitable[Response]] = route.endpoint
        answer = await endpoint(Request(scope, receive))
        await answer(scope, receive, send)


def create(settings: Kernel) -> FastAPI:
    """The ASGI app of the gateway."""
    app = create_app(SERVICE, settings)
    # The document of the whole house takes the place of FastAPI's own.
    app.router.routes[:] = [
        route
        for route in app.router.routes
        if isinstance(route, APIRoute) or getattr(route, "path", "") != app.openapi_url
    ]
    hot = {
        (method, route.path): route
        for router in (events.router, decide.router)
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    telemetry_first = 1
    app.user_middleware.insert(telemetry_first, Middleware(SignIn))
    app.user_middleware.append(Middleware(Shortcut, hot=hot))
    return app
