"""The documents of the whole house: OpenAPI of the gateway and every service, AsyncAPI of the bus."""

from __future__ import annotations

import asyncio
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import httpx
import msgspec
from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from gateway.rules import documents as rules
from shared import telemetry
from shared.app import anyone
from shared.contracts import SERVICES
from shared.contracts import asyncapi as bus

if TYPE_CHECKING:
    from gateway.memory import Memory

log = telemetry.logger(__name__)
router = APIRouter(include_in_schema=False)

OPEN = anyone("the description of the API")

KEPT = 60.0
"""Seconds a service's document is good for; a service that is away keeps the one it gave before."""


class Documents:
    """The services' OpenAPI documents as they were last given."""

    def __init__(self, client: httpx.AsyncClient, urls: dict[str, str]) -> None:
        self._client = client
        self._urls = urls
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    async def all(self) -> dict[str, dict[str, Any]]:
        """Document of each service that has ever given one."""
        await asyncio.gather(*(self._fetch(service) for service in SERVICES))
        return {service: document for service, (_, document) in self._kept.items()}

    async def _fetch(self, service: str) -> None:
        since, _ = self._kept.get(service, (-KEPT, {}))
        if time.monotonic() - since < KEPT:
            return
        try:
            answer = await self._client.get(f"{self._urls[service]}/openapi.json", timeout=3)
            answer.raise_for_status()
            self._kept[service] = (time.monotonic(), msgspec.json.decode(answer.content, type=dict[str, Any]))
        except (httpx.HTTPError, OSError, msgspec.MsgspecError) as error:
            log.warning("no OpenAPI document", service=service, error=f"{type(error).__name__}: {error}"[:300])


@router.get("/openapi.json", dependencies=[OPEN])
async def openapi(request: Request) -> Response:
    """One OpenAPI document of the gateway and all services that can be reached."""
    app = request.app
    memory: Memory = app.state.house.memory
    own = get_openapi(
        title="Marquee",
        version=app.version,
        description="Events, banners and recommendations by write key; everything else by secret key.",
        routes=app.routes,
    )
    document = rules.finished(rules.merged(own, await memory.documents.all()))
    return Response(msgspec.json.encode(document), media_type="application/json")


@router.get("/asyncapi.json", dependencies=[OPEN])
async def asyncapi() -> Response:
    """The facts and questions of the bus."""
    return Response(msgspec.json.encode(bus.document()), media_type="application/json")


@router.get("/docs", dependencies=[OPEN])
async def docs() -> Response:
    """The OpenAPI document to read and try."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Marquee",
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="/docs/favicon-32x32.png",
    )


@router.get("/docs/{asset}", dependencies=[OPEN])
async def docs_asset(asset: Literal["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"]) -> FileResponse:
    """Swagger UI from its wheel, so that the page works without the internet."""
    return FileResponse(str(files("fastapi_swagger.resources") / asset))
