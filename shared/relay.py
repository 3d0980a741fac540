"""The relay sends the outbox: partitions side by side, each strictly in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import asyncpg
from prometheus_client import Counter, Gauge

from shared.bus import Bus
from shared.database import Database, Locks

SENT = Counter("marquee_outbox_messages", "Messages handed to their stream", ["stream"])
WAITING = Gauge("marquee_outbox_waiting", "Messages of the last batch that are not acknowledged yet")

LANE = 32
"""Messages of one partition in a batch: a partition that is stuck or busy must not hold up the others."""

_GONE = "DELETE FROM outbox WHERE id = ANY ($1)"

# Each lane is looked at from behind its last sent message on: those before it are deleted, but lie at the beginning of
# the index until a vacuum, and walking past them would cost the database more than all else that it does.
_NEXT = f"""
    WITH gone AS ({_GONE})
    SELECT lane.* FROM outbox_numbers AS o
    LEFT JOIN unnest($2::text[], $3::smallint[], $4::bigint[]) AS sent (stream, part, n) USING (stream, part)
    CROSS JOIN LATERAL (
      SELECT id, stream, part, n, message_id, subject, payload FROM outbox
      WHERE outbox.stream = o.stream AND outbox.part = o.part AND outbox.n > coalesce(sent.n, 0)
      ORDER BY n LIMIT {LANE}
    ) AS lane
    ORDER BY stream, part, n
"""  # noqa: S608 - built of our own words


class Relay:
    """One relay per service, under an advisory lock.

    A message is deleted after the stream's acknowledgement, with the look for the next ones. A crash in between sends
    it again, and so can a second relay in the moment when a lock is lost: readers ignore numbers they have passed. So
    the deletion need not be on the disk when it is done either, and nobody waits for that.
    """

    def __init__(self, database: Database, bus: Bus) -> None:
        self.bus = bus
        # A queue's table is small whenever statistics are made of it, and full of deleted rows whenever it matters.
        self.locks = Locks(database, synchronous_commit="off", enable_seqscan="off", enable_bitmapscan="off")
        self._sent: list[int] = []
        self._last: dict[tuple[str, int], int] = {}
        """Number of the last message sent by stream and partition, since this one holds the lock."""

    async def step(self) -> bool:
        """Send one batch; True when there may be more."""
        if self.locks.lost() or not self.locks.held:
            self._last = {}
            if not await self.locks.take(["relay"]):
                return False
        streams, parts = [stream for stream, _ in self._last], [part for _, part in self._last]
        rows = await self.locks.fetch(_NEXT, self._sent, streams, parts, list(self._last.values()))
        self._sent = []
        WAITING.set(len(rows))
        if not rows:
            return False
        lanes = [list(lane) for _, lane in groupby(rows, key=lambda row: (row["stream"], row["part"]))]
        results = await asyncio.gather(*(self._lane(lane) for lane in lanes), return_exceptions=True)
        WAITING.set(len(rows) - len(self._sent))
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return True

    async def _lane(self, rows: Sequence[Any]) -> None:
        for row in rows:
            await self.bus.publish(row["stream"], row["subject"], row["payload"], message_id=row["message_id"])
            SENT.labels(row["stream"]).inc()
            self._sent.append(row["id"])
            self._last[row["stream"], row["part"]] = row["n"]

    async def close(self) -> None:
        """Let another replica relay."""
        if self._sent and not self.locks.lost():
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await self.locks.fetch(_GONE, self._sent)
        await self.locks.release()
