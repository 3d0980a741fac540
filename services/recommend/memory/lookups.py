"""Visitors who are not in memory, read from the database together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from services.recommend.memory.viewers import Viewer

Identity = tuple[str, str]
"""Namespace and value."""

AT_ONCE = 500


class Lookups:
    """One read at a time, which takes everybody who has come since the last one began.

    So a crowd after a restart costs a few large reads instead of many small ones, and one connection instead of all.
    """

    def __init__(self) -> None:
        self._waiting: dict[Identity, asyncio.Future[Viewer]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def find(
        self, identity: Identity, read: Callable[[Sequence[Identity]], Awaitable[dict[Identity, Viewer]]]
    ) -> Viewer:
        """The viewer as a read that begins from now on sees him; `read` gives one for every identity asked for."""
        answer = self._waiting.get(identity)
        if answer is None:
            answer = self._waiting[identity] = asyncio.get_running_loop().create_future()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(read), name="look up viewers")
        # Shielded: another visitor may wait for the same answer.
        return await asyncio.shield(answer)

    async def _read(self, read: Callable[[Sequence[Identity]], Awaitable[dict[Identity, Viewer]]]) -> None:
        try:
            while self._waiting:
                batch = {identity: self._waiting.pop(identity) for identity in list(self._waiting)[:AT_ONCE]}
                try:
                    found = await read(list(batch))
                except Exception as error:
                    for answer in batch.values():
                        answer.set_exception(error)
                        answer.exception()  # whoever waited may be gone; then nobody need hear of it
                else:
                    for identity, answer in batch.items():
                        answer.set_result(found[identity])
        finally:
            self._reading = None
