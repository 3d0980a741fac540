"""The relay sends the outbox: partitions side by side, each strictly in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from prometheus_client import Counter, Gauge
from sqlalchemy import delete, select

from shared.bus import Bus
from shared.database import Database, Locks
from shared.tables import outbox

SENT = Counter("marquee_outbox_messages", "Messages handed to their stream", ["stream"])
WAITING = Gauge("marquee_outbox_waiting", "Messages of the last batch that are not acknowledged yet")

BATCH = 512


class Relay:
    """One relay per service, under an advisory lock.

    A message is deleted after the stream's acknowledgement. A crash in between sends it again, and so can a second
    relay in the moment when a lock is lost: readers ignore numbers they have passed.
    """

    def __init__(self, database: Database, bus: Bus) -> None:
        self.database = database
        self.bus = bus
        self.locks = Locks(database)

    async def step(self) -> bool:
        """Send one batch; True when there may be more."""
        if not await self.locks.take(["relay"]):
            return False
        async with self.database.transaction() as session:
            query = select(
                outbox.c.id, outbox.c.stream, outbox.c.subject, outbox.c.payload, outbox.c.message_id, outbox.c.part
            )
            rows = (
                await session.execute(query.order_by(outbox.c.stream, outbox.c.part, outbox.c.n).limit(BATCH))
            ).all()
        if not rows:
            return False
        WAITING.set(len(rows))
        sent: list[int] = []
        lanes = [list(lane) for _, lane in groupby(rows, key=lambda row: (row.stream, row.part))]
        results = await asyncio.gather(*(self._lane(lane, sent) for lane in lanes), return_exceptions=True)
        if sent:
            async with self.database.transaction() as session:
                await session.execute(delete(outbox).where(outbox.c.id.in_(sent)))
        WAITING.set(len(rows) - len(sent))
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return True

    async def _lane(self, rows: Sequence[Any], sent: list[int]) -> None:
        for row in rows:
            await self.bus.publish(row.stream, row.subject, row.payload, message_id=row.message_id)
            SENT.labels(row.stream).inc()
            sent.append(row.id)

    async def close(self) -> None:
        """Let another replica relay."""
        await self.locks.release()
