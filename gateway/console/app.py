"""Wiring of the console: the process, signing in and out, and every page."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import httpx
from fastapi import FastAPI, Form, Request
from nicegui import app as nicegui_app
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from gateway.console import downloads, frame, guard, memory, pages, seat, texts, theme
from gateway.console.api import ADDRESS, Api, ApiError, client, vouch
from gateway.console.settings import Settings
from shared import telemetry

log = telemetry.logger(__name__)


def create(settings: Settings) -> FastAPI:
    """The ASGI app of the console. NiceGUI keeps its pages in the process, so there is one of it."""
    http = client(settings.gateway_url)
    memory.hold(memory.Memory(http=http, cookie_key=settings.key(seat.PURPOSE), address_key=settings.key(ADDRESS)))

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await http.aclose()

    app = FastAPI(title="Marquee console", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(guard.Guard)
    theme.install()
    for found in pkgutil.iter_modules([str(Path(pages.__file__).parent)]):
        importlib.import_module(f"{pages.__name__}.{found.name}")
    _doors(app, http)
    downloads.doors(app)
    nicegui_app.on_page_exception(_broken)
    nicegui_app.add_exception_handler(404, frame.missing)
    ui.run_with(app, title="Marquee", tailwind=False, show_welcome_message=False, reconnect_timeout=20)
    return app


def _broken(error: Exception) -> None:
    log.error("a page broke", exc_info=error)
    ui.label("500").classes("m-mute")


def _doors(app: FastAPI, http: httpx.AsyncClient) -> None:
    """What is not a page: forms that set the cookie, and health."""

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        """The process can serve; that the gateway is away is told on the pages."""
        return {"status": "ready"}

    @app.post("/signin")
    async def sign_in(
        request: Request,
        login: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",
        zone: Annotated[str, Form()] = "",
    ) -> Response:
        """Open a session and let this browser keep it."""
        target = seat.inside(next)
        address = request.client.host if request.client else "unknown"
        api = Api(http, headers=vouch(memory.held().address_key, address))
        try:
            made = await api.post("/v1/sessions", {"login": login, "password": password})
        except ApiError as error:
            return _back("/signin", error, next=target, login=login)
        await _keep_first(http, made, zone=zone, language=frame.language_of(request))
        answer = RedirectResponse("/password" if made["operator"]["must_change"] else target, 303)
        seat.take(request, answer, memory.held().cookie_key, made["token"])
        return answer

    @app.post("/password")
    async def set_password(
        request: Request,
        old: Annotated[str, Form()] = "",
        new: Annotated[str, Form()] = "",
        again: Annotated[str, Form()] = "",
    ) -> Response:
        """Set one's own password; the browser keeps the new session."""
        token = seat.token(request, memory.held().cookie_key)
        if token is None:
            return RedirectResponse("/signin?next=/password", 303)
        if new != again:
            return RedirectResponse("/password?error=differ", 303)
        address = request.client.host if request.client else "unknown"
        api = Api(http, token, headers=vouch(memory.held().address_key, address))
        try:
            made = await api.post("/v1/operators/me/password", {"old": old, "new": new})
        except ApiError as error:
            return _back("/password", error)
        answer = RedirectResponse("/?said=password", 303)
        seat.take(request, answer, memory.held().cookie_key, made["token"])
        return answer

    @app.post("/signout")
    async def sign_out(request: Request) -> Response:
        """End the session, here and at the gateway."""
        token = seat.token(request, memory.held().cookie_key)
        if token is not None:
            with contextlib.suppress(ApiError):  # it ends by itself, and this browser forgets it either way
                await Api(http, token).delete("/v1/sessions/current")
        answer = RedirectResponse("/signin", 303)
        seat.leave(answer)
        return answer

    @app.get("/preferences")
    async def prefer(request: Request, language: str = "", dark: str = "", next: str = "/") -> Response:
        """Keep language or colours: with the account, and the language in this browser for the sign-in page."""
        answer = RedirectResponse(seat.inside(next), 303)
        wanted: dict[str, object] = {}
        if language in texts.LANGUAGES:
            wanted["language"] = language
            answer.set_cookie(frame.LANGUAGE, language, max_age=365 * 24 * 3600, samesite="lax")
        if dark in ("0", "1"):
            wanted["dark"] = dark == "1"
        token = seat.token(request, memory.held().cookie_key)
        if token is not None and wanted:
            with contextlib.suppress(ApiError):  # the page that follows says what is wrong
                await Api(http, token).patch("/v1/operators/me", {"preferences": wanted})
        return answer


async def _keep_first(http: httpx.AsyncClient, made: dict[str, object], *, zone: str, language: str) -> None:
    """What is not chosen yet is as this browser has it: time zone and language."""
    operator = made["operator"]
    assert isinstance(operator, dict)
    missing = {
        name: value
        for name, value in (("zone", zone), ("language", language))
        if value and name not in operator["preferences"]
    }
    if missing:
        await Api(http, str(made["token"])).patch("/v1/operators/me", {"preferences": missing})


def _back(path: str, error: ApiError, **kept: str) -> Response:
    """To the form again, with the error's stable name; never with what was typed as a password."""
    query = httpx.QueryParams(
        {
            "error": error.type.removeprefix("/problems/").replace("-", "_") or "ours",
            "wait": str(error.retry_after or ""),
            "why": error.fields.get("new", ""),
            **kept,
        }
    )
    return RedirectResponse(f"{path}?{query}", 303)
