"""The one app factory: every service is the same house with other rooms."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable

from fastapi import APIRouter, FastAPI, Response
from fastapi.routing import APIRoute, iter_route_contexts
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.routing import BaseRoute

from shared import errors, operations
from shared.caller import CallerDep, allow, anyone
from shared.database import Session
from shared.errors import problem, respond
from shared.house import House, Service, open_house
from shared.idempotency import Idempotency
from shared.operations import HouseDep
from shared.settings import Settings
from shared.telemetry import Telemetry

__all__ = ["CallerDep", "House", "HouseDep", "Service", "Session", "allow", "anyone", "create_app", "permissions"]


class Undeclared(Exception):
    """A route without a declared permission."""


def create_app(service: Service, settings: Settings) -> FastAPI:
    """The ASGI app of a service. Raises Undeclared when a route says nothing about who may call it."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_house(service, app.state.settings) as house:
            app.state.house = house
            yield

    app = FastAPI(
        title=service.title,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: f"{service.name}_{route.name}",
    )
    app.state.settings = settings
    errors.install(app)
    app.include_router(_health())
    for router in (*service.routes, operations.routes(service.name)):
        app.include_router(router)
    permissions(app.routes)
    # The last added is the outermost.
    app.add_middleware(Idempotency)
    app.add_middleware(errors.Answered)
    app.add_middleware(Telemetry)
    return app


def permissions(routes: Iterable[BaseRoute]) -> dict[str, str]:
    """Permission of each route as `METHOD path`. Raises Undeclared.

    FastAPI's own document routes are the only ones that need none.
    """
    declared: dict[str, str] = {}
    # FastAPI keeps included routers as one entry each; this walks the routes inside them, with what they inherit.
    for route in iter_route_contexts(list(routes)):
        path = route.path or str(route.route)
        names = {getattr(route.original_route, "marquee_permission", None)}
        if isinstance(route.original_route, APIRoute):
            names |= {getattr(one.dependency, "__marquee_permission__", None) for one in route.dependencies}
        names.discard(None)
        if path == "/openapi.json":
            names = {"open: the description of the API"}
        if len(names) != 1:
            raise Undeclared(f"{path} must declare exactly one permission: dependencies=[allow(…)]")
        for method in sorted(route.methods or ["*"]):
            declared[f"{method} {path}"] = str(names.copy().pop())
    return declared


def _health() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz", dependencies=[anyone("health")])
    async def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @router.get("/readyz", dependencies=[anyone("health")])
    async def readyz(house: HouseDep) -> Response:
        """The process can serve: 503 says why not."""
        why = await house.unready()
        if why:
            return respond(problem("Unavailable", "Not ready", 503, why))
        return Response('{"status":"ready"}', media_type="application/json")

    @router.get("/metrics", dependencies=[anyone("scraped by Prometheus on the inner network")])
    async def metrics() -> Response:
        """Prometheus metrics of this process."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
