"""A newcomer catches up: it pages the owner's present state as facts, then reads the stream on from there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock, outbox, telemetry
from shared.bus import Bus
from shared.contracts import Fact, SnapshotAsked, SnapshotPage
from shared.contracts.wire import join
from shared.database import Database
from shared.reader import Apply, On
from shared.tables import catch_ups, dead_letters, heard

if TYPE_CHECKING:
    from shared.house import House

log = telemetry.logger(__name__)

PAGE = 1000
PAGE_BYTES = 200 * 1024
"""A page must fit a NATS message (256 KB)."""

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class Offers:
    """The owner's side: `page(session, after, limit)` gives the next facts of this kind and the cursor after them.

    Keyset pages by something that never changes (an id); the cursor is None on the last page.
    """

    fact: type[Fact]
    page: Callable[[AsyncSession, str | None, int], Awaitable[tuple[Sequence[Fact], str | None]]]


async def serve(house: House, offers: Sequence[Offers]) -> None:
    """Answer `ask.<service>.snapshot`."""
    by_kind = {offer.fact.kind: offer for offer in offers}
    limits = dict.fromkeys(by_kind, PAGE)
    """Rows per page that fitted last time: facts of one kind are of much the same size."""

    async def handle(payload: bytes) -> bytes:
        asked = msgspec.json.decode(payload, type=SnapshotAsked)
        offer = by_kind[asked.kind]
        too_large = True
        encoded: list[bytes] = []
        following: str | None = None
        async with house.db.transaction() as session:
            # The numbers first: what they count is in the rows read after them.
            numbers = await outbox.numbers(session, offer.fact.stream)
            while too_large:
                limit = limits[asked.kind]
                facts, following = await offer.page(session, asked.after, limit)
                encoded = [_encoder.encode(fact) for fact in facts]
                size = sum(map(len, encoded))
                too_large = limit > 1 and size > PAGE_BYTES
                if too_large:
                    limits[asked.kind] = max(1, min(limit // 2, limit * PAGE_BYTES * 3 // (size * 4)))
                elif size < PAGE_BYTES // 2:
                    limits[asked.kind] = min(PAGE, limit * 2)
        return _encoder.encode(SnapshotPage(items=msgspec.Raw(join(encoded)), numbers=numbers, next=following))

    await house.bus.answer(f"{house.name}.snapshot", handle)


class CatchUp:
    """The newcomer's side, for all listeners of a service that want the owner's present state before the news."""

    def __init__(self, database: Database, bus: Bus, listeners: Sequence[On]) -> None:
        self.database = database
        self.bus = bus
        self.wanted: dict[str, type[Fact]] = {on.fact.kind: on.fact for on in listeners if on.catch_up}
        self.apply = Apply([on for on in listeners if on.catch_up])
        for fact in self.wanted.values():
            if not fact.snapshot:
                raise ValueError(f"{fact.kind} has no snapshot to catch up with")

    async def step(self) -> bool:
        """Apply the next page of what is unfinished; False when all is caught up. Raises Unanswered."""
        async with self.database.transaction() as session:
            rows = (await session.execute(select(catch_ups))).all()
        known = {row.kind: row for row in rows}
        for kind, fact in self.wanted.items():
            row = known.get(kind)
            if row is None or not row.finished:
                await self._page(fact, row)
                return True
        return False

    async def _page(self, fact: type[Fact], known: Row[Any] | None) -> None:
        cursor = known.cursor if known else None
        asked = SnapshotAsked(kind=fact.kind, after=cursor)
        page = await self.bus.ask(asked, SnapshotPage, to=fact.owner, timeout=30)
        items = self.apply.decode(fact.kind, page.items)
        async with self.database.transaction() as session:
            outbox.effects(session).catching_up = True
            # Replicas catch up side by side: a page is applied only where it was asked for, or an old page could
            # overwrite what the faster one has read since.
            await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"catch up {fact.kind}", 4))))
            now = (await session.execute(select(catch_ups).where(catch_ups.c.kind == fact.kind))).one_or_none()
            if now != known:
                return
            if cursor is None:
                await self.apply.forget(session, fact.kind)
            if items:
                await self._apply(session, fact, items)
            statement = upsert(catch_ups).values(
                kind=fact.kind, cursor=page.next, numbers=_text_keys(page.numbers), finished=page.next is None
            )
            numbers = catch_ups.c.numbers if cursor is not None else statement.excluded.numbers
            await session.execute(
                statement.on_conflict_do_update(
                    index_elements=["kind"],
                    set_={"cursor": page.next, "numbers": numbers, "finished": page.next is None},
                )
            )
            if page.next is None:
                await self._finish(session, fact)
        log.info("caught up" if page.next is None else "catching up", kind=fact.kind, items=len(items))

    async def _apply(self, session: AsyncSession, fact: type[Fact], items: list[Fact]) -> None:
        """Take in a page; what cannot be taken in because of its content must not keep the service from opening."""
        culprits = await self.apply.salvage(session, fact.kind, items)
        if culprits:
            dead = [
                {
                    "stream": fact.stream,
                    "part": 0,
                    "sequence": 0,
                    "kind": fact.kind,
                    "payload": join([_encoder.encode(item)]),
                    "error": why,
                    "trace": "",
                    "at": clock.now(),
                }
                for item, why in culprits
            ]
            await session.execute(insert(dead_letters), dead)

    async def _finish(self, session: AsyncSession, fact: type[Fact]) -> None:
        """When all kinds of one owner and stream are in, reading goes on after the lowest numbers among them."""
        kinds = [kind for kind, one in self.wanted.items() if (one.owner, one.stream) == (fact.owner, fact.stream)]
        rows = (await session.execute(select(catch_ups).where(catch_ups.c.kind.in_(kinds)))).all()
        if len(rows) < len(kinds) or not all(row.finished for row in rows):
            return
        lowest: dict[int, int] = {}
        parts = {int(part) for row in rows for part in row.numbers}
        for part in parts:
            # A kind whose first page was read before the partition had a number counts as 0.
            lowest[part] = min(int(row.numbers.get(str(part), 0)) for row in rows)
        if lowest:
            statement = upsert(heard).values(
                [
                    {"producer": fact.owner, "stream": fact.stream, "part": part, "n": n}
                    for part, n in sorted(lowest.items())
                ]
            )
            await session.execute(
                statement.on_conflict_do_update(
                    index_elements=["producer", "stream", "part"],
                    set_={"n": func.greatest(heard.c.n, statement.excluded.n)},
                )
            )

    async def again(self, producer: str) -> None:
        """Facts of this producer were missed: page everything it owns anew."""
        kinds = [kind for kind, fact in self.wanted.items() if fact.owner == producer]
        async with self.database.transaction() as session:
            await session.execute(
                update(catch_ups).where(catch_ups.c.kind.in_(kinds)).values(finished=False, cursor=None, numbers=None)
            )


def _text_keys(numbers: dict[int, int]) -> dict[str, int]:
    return {str(part): n for part, n in numbers.items()}
