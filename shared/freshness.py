"""Up to when a service has taken in what there is, whichever of its replicas reads: for all who build on it.

What counts is in the database and in the streams: positions of all partitions against the first message after each,
the snapshots that a newcomer is still paging, and facts that wait in the outbox, since others do not know them yet.
Times are those of the streams, by the real clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, select

from shared.bus import Bus
from shared.contracts import TakenInAnswered, TakenInAsked
from shared.database import Database
from shared.reader import On, decoding
from shared.tables import catch_ups, outbox, positions

if TYPE_CHECKING:
    from shared.house import House


class CatchingUp(Exception):
    """The state of an owner is still being paged: nothing is known to be taken in."""

    outage = True


class Freshness:
    """Asks for one service; what is optional to it does not count."""

    def __init__(self, database: Database, bus: Bus, listeners: Sequence[On]) -> None:
        needed = [on for on in listeners if not on.optional]
        self._database = database
        self._bus = bus
        self._snapshots = {on.fact.kind for on in needed if on.catch_up}
        self._streams = tuple(dict.fromkeys(on.fact.stream for on in needed))
        self._nothing: dict[tuple[str, str, int], int] = {}
        """Up to which sequence nothing waits in a partition: it is not asked again while the stream stands still."""

    async def measure(self) -> datetime:
        """The moment up to which everything is taken in and told. Raises BusDown, CatchingUp."""
        now = datetime.now(UTC)
        async with self._database.transaction() as session:
            kinds = select(catch_ups.c.kind).where(catch_ups.c.kind.in_(self._snapshots), catch_ups.c.finished)
            finished = set(await session.scalars(kinds))
            rows = (await session.execute(select(positions))).all()
            told: datetime | None = await session.scalar(select(func.min(outbox.c.at)))
        if open_ := self._snapshots - finished:
            raise CatchingUp(f"of {', '.join(sorted(open_))} not all is here")
        waiting = [] if told is None else [told]
        for stream in self._streams:
            state = await self._bus.state(stream)
            read = {row.part: row.sequence for row in rows if (row.stream, row.created) == (stream, state.created)}
            waiting += await self._waiting(stream, state.created, state.last, read)
        return min((now, *waiting))

    async def _waiting(self, stream: str, created: str, last: int, read: dict[int, int]) -> Iterable[datetime]:
        """When the first message came that is not read, of each partition that has one."""
        asked: dict[int, int] = {}
        for part in decoding.parts(stream):
            after = max(read.get(part, 0), self._nothing.get((stream, created, part), 0))
            if after < last:
                asked[part] = after
        of_part = {part: decoding.subjects(stream, [part])[0] for part in asked}
        first = await asyncio.gather(*(self._bus.first(stream, of_part[part], after) for part, after in asked.items()))
        for part, at in zip(asked, first, strict=True):
            if at is None:
                self._nothing[stream, created, part] = last
        return [at for at in first if at is not None]


async def serve(house: House) -> None:
    """Answer `ask.<service>.taken`."""

    async def handle(payload: bytes) -> bytes:
        msgspec.json.decode(payload, type=TakenInAsked)
        return msgspec.json.encode(TakenInAnswered(at=await house.freshness.measure()))

    await house.bus.answer(f"{house.name}.{TakenInAsked.subject}", handle)
