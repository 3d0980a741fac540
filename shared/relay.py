"""The relay sends the outbox: partitions side by side, each strictly in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from prometheus_client import Counter, Gauge
from sqlalchemy import delete, select, true

from shared.bus import Bus
from shared.database import Database, Locks
from shared.tables import outbox, outbox_numbers

SENT = Counter("marquee_outbox_messages", "Messages handed to their stream", ["stream"])
WAITING = Gauge("marquee_outbox_waiting", "Messages of the last batch that are not acknowledged yet")

LANE = 32
"""Messages of one partition in a batch: a partition that is stuck or busy must not hold up the others."""

_lane = (
    select(outbox)
    .where(outbox.c.stream == outbox_numbers.c.stream, outbox.c.part == outbox_numbers.c.part)
    .order_by(outbox.c.n)
    .limit(LANE)
    .lateral("lane")
)
_BATCH = select(_lane).select_from(outbox_numbers).join(_lane, true())


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
            rows = sorted((await session.execute(_BATCH)).all(), key=lambda row: (row.stream, row.part, row.n))
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
