"""Whoever asks for something long may be gone before it is there: then nobody works for him any longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive

from shared.errors import Problem

T = TypeVar("T")

TIMES = 5
"""How often work is cancelled, a second apart: one cancel can be lost on Python 3.11."""


class CallerLeft(Problem):
    """The caller went away before the answer was there"""

    status = 499


class Abandonable(APIRoute):
    """A route whose work is cancelled when its caller is gone; nothing of its transaction stays then.

    With an Idempotency-Key it goes on: the answer is kept for the call that comes again.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, watched."""
        handle = super().get_route_handler()

        async def watched(request: Request) -> Response:
            if "marquee.session" in request.scope:
                return await handle(request)
            try:
                # All of it first: whoever waits for the caller to leave would take the rest of it away.
                await request.body()
            except ClientDisconnect:
                raise CallerLeft from None
            return await while_there(request.receive, handle(request))

        return watched


async def while_there(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The result of this work on a request whose body has been read. Raises CallerLeft, with the work cancelled.

    The work stays in the task it was begun in: FastAPI ends there what it opened for the request.
    """
    working = asyncio.current_task()
    assert working is not None
    before = working.cancelling()
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        for _ in range(TIMES):
            working.cancel()
            await asyncio.sleep(1)

    watching = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        if not gone:
            raise
        while working.cancelling() > before:
            working.uncancel()
        raise CallerLeft from None
    finally:
        watching.cancel()
