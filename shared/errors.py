"""Errors that know their status, told as problem+json (RFC 9457)."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry
from shared.database import is_outage, is_unstorable

log = telemetry.logger(__name__)


class Problem(Exception):
    """Something went wrong"""

    # The docstring of a subclass is the title of its problem; its name gives the stable type.
    status: ClassVar[int] = 500

    def __init__(self, detail: str = "", *, field: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.headers = headers or {}

    def document(self) -> dict[str, Any]:
        """The problem as RFC 9457 JSON."""
        errors = [{"field": self.field, "message": self.detail}] if self.field else []
        return problem(type(self).__name__, (type(self).__doc__ or "").split("\n")[0], self.status, self.detail, errors)


class Invalid(Problem):
    """The request is not valid"""

    status = 422


class Unauthorised(Problem):
    """Nobody is signed in"""

    status = 401


class Forbidden(Problem):
    """This caller may not do that"""

    status = 403


class NotFound(Problem):
    """There is no such thing"""

    status = 404


class Conflict(Problem):
    """It is in the way of something that exists"""

    status = 409


class TooMany(Problem):
    """Too many requests"""

    status = 429


class Unavailable(Problem):
    """A part of the house is away"""

    status = 503


def problem(name: str, title: str, status: int, detail: str, errors: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """A problem document; `name` in CamelCase becomes the stable type `/problems/camel-case`."""
    kebab = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
    document: dict[str, Any] = {"type": f"/problems/{kebab}", "title": title, "status": status}
    if detail:
        document["detail"] = detail
    if errors:
        document["errors"] = list(errors)
    return document


def respond(document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """The HTTP answer of a problem document."""
    try:
        body = msgspec.json.encode(document)
    except UnicodeEncodeError:  # it quotes half a surrogate pair of the request
        body = json.dumps(document).encode()
    return Response(body, document["status"], headers=headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Make every error of this app a problem document."""

    async def told(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return respond(error.document(), error.headers)

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [_field_error(one) for one in error.errors()]
        detail = "; ".join(f"{one['field']}: {one['message']}" for one in errors[:3])
        return respond(problem("Invalid", "The request is not valid", 422, detail, errors))

    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        names = {401: "Unauthorised", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed"}
        name = names.get(error.status_code, "Problem")
        return respond(problem(name, str(error.detail), error.status_code, ""), dict(error.headers or {}))

    async def database(request: Request, error: Exception) -> Response:
        if not is_unstorable(error):
            raise error
        log.warning("a request's value cannot be stored", path=request.scope["path"], error=repr(error)[:500])
        if "\x00" in request.scope["path"]:
            return respond(NotFound("a NUL character is in no name").document())
        return respond(
            Invalid("a value is too large for its field, or a text has characters no text may have").document()
        )

    app.add_exception_handler(Problem, told)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(DBAPIError, database)


class Answered:
    """ASGI middleware: an error nobody expected is an answer. Raised on, the server would end the connection behind its
    answer, and the gateway would lose the next call that it writes there."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            log.exception("request failed", method=scope["method"], path=scope["path"])
            await _unexpected(error)(scope, receive, send)


def _unexpected(error: Exception) -> Response:
    if is_outage(error):
        unavailable = Unavailable("the database or the bus is away: try again", headers={"Retry-After": "1"})
        return respond(unavailable.document(), unavailable.headers)
    return respond(problem("Problem", "Something went wrong", 500, "The error is in the log under the trace id."))


def said(message: str) -> str:
    """What pydantic says of a value, without its name for errors of our own validators."""
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")


def _field_error(error: dict[str, Any]) -> dict[str, Any]:
    """One pydantic error as field path and sentence, with the nearest known name where a field is unknown."""
    path = ""
    place = error["loc"]
    if place and place[0] in ("body", "query", "path", "header", "cookie"):
        place = place[1:]
    if error["type"] == "json_invalid":
        place = ()  # it gives the offset of a letter
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    message = "unknown field" if error["type"] == "extra_forbidden" else said(error["msg"])
    return {"field": path or "body", "message": message}


def unknown_name(name: str, known: Sequence[str]) -> str:
    """A sentence about an unknown field that names the nearest known one."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"unknown field; did you mean {near[0]!r}?"
    return f"unknown field; known are {', '.join(sorted(known))}"
