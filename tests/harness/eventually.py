"""Waiting for what will be true soon, without sleeping for longer than it takes."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(check: Callable[[], Awaitable[T]], timeout: float = 10.0, *, pause: float = 0.01) -> T: ...


@overload
async def eventually(check: Callable[[], T], timeout: float = 10.0, *, pause: float = 0.01) -> T: ...


async def eventually(check: Callable[[], Awaitable[T] | T], timeout: float = 10.0, *, pause: float = 0.01) -> T:
    """Calls `check` (plain or async) until it gives something true without an AssertionError; gives that back.

    A check that returns None is done when its asserts hold. After `timeout` seconds its last AssertionError is raised,
    or one that shows the last value. Any other exception is the check's own fault and is raised at once.
    """
    deadline = time.monotonic() + timeout
    problem: AssertionError | None = None
    value: T | None = None
    over = False
    while not over:
        over = time.monotonic() > deadline
        try:
            answer = check()
            value = await answer if inspect.isawaitable(answer) else answer
            problem = None
            if value or value is None:
                return value  # type: ignore[return-value]  # None only when T is None
        except AssertionError as error:
            problem = error
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    if problem is not None:
        raise problem
    raise AssertionError(f"still {value!r} after {timeout} s")
