"""Files of the API on their way to the browser: streamed through, counted, and watched by the page that began them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from gateway.console import memory, seat
from gateway.console.api import Api, ApiError

MOST = 1000
"""Downloads remembered; the oldest is forgotten."""


@dataclass(kw_only=True)
class Download:
    """One file: where the API has it, and how far it is. Each is fetched once, by who is signed in."""

    path: str
    query: dict[str, Any]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    lines: int = 0
    size: int = 0
    state: Literal["waiting", "running", "finished", "failed"] = "waiting"
    error: ApiError | None = None

    @property
    def href(self) -> str:
        """Where the browser fetches it."""
        return f"/downloads/{self.token}"


_known: dict[str, Download] = {}


def begin(path: str, **query: Any) -> Download:
    """A file that the page is about to fetch."""
    while len(_known) >= MOST:
        del _known[next(iter(_known))]
    made = Download(path=path, query=query)
    _known[made.token] = made
    return made


def doors(app: FastAPI) -> None:
    """The door that browsers fetch files by."""

    @app.get("/downloads/{token}")
    async def download(request: Request, token: str) -> Response:
        """Stream a file that a page began, in the name of who is signed in."""
        wanted = _known.pop(token, None)
        session = seat.token(request, memory.held().cookie_key)
        if wanted is None or session is None:
            return PlainTextResponse("this download has ended: begin it again\n", 404)
        wanted.state = "running"
        opened = Api(memory.held().http, session).stream(wanted.path, **wanted.query)
        try:
            answer = await opened.__aenter__()
        except ApiError as error:
            wanted.state, wanted.error = "failed", error
            return PlainTextResponse(f"{error}\n", error.status)

        async def chunks() -> AsyncIterator[bytes]:
            try:
                async for chunk in answer.aiter_bytes():
                    wanted.lines += chunk.count(b"\n")
                    wanted.size += len(chunk)
                    yield chunk
                wanted.state = "finished"
            finally:
                if wanted.state != "finished":
                    wanted.state = "failed"
                await opened.__aexit__(None, None, None)

        kept = ("content-type", "content-disposition")
        return StreamingResponse(
            chunks(), headers={name: answer.headers[name] for name in kept if name in answer.headers}
        )
