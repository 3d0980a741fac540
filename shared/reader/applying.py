"""Running a service's listeners over facts; the reader, the catch-up and the replay of dead letters share it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from shared import outbox, telemetry
from shared.contracts import Fact
from shared.contracts.wire import join
from shared.database import is_outage, words
from shared.reader.decoding import UNREADABLE
from shared.reader.listening import On

log = telemetry.logger(__name__)


class Apply:
    """The listeners by kind, with their decoders."""

    def __init__(self, listeners: Sequence[On]) -> None:
        self.by_kind: dict[str, list[On]] = {}
        for on in listeners:
            self.by_kind.setdefault(on.fact.kind, []).append(on)
        self._decoders = {on.fact.kind: msgspec.json.Decoder(list[on.fact]) for on in listeners}  # type: ignore[name-defined]

    def decode(self, kind: str, items: bytes | msgspec.Raw) -> list[Fact]:
        """The facts of a message; none of a kind nobody listens to. Raises one of UNREADABLE."""
        decoder = self._decoders.get(kind)
        decoded: list[Fact] = decoder.decode(items) if decoder else []
        return decoded

    def decode_each(self, kind: str, items: msgspec.Raw) -> tuple[list[Fact], list[tuple[bytes, str]]]:
        """The facts of a message, and those that cannot be read, each as a list of one with the reason."""
        try:
            return self.decode(kind, items), []
        except UNREADABLE:
            pass
        good: list[Fact] = []
        bad: list[tuple[bytes, str]] = []
        try:
            each = msgspec.json.decode(items, type=list[msgspec.Raw])
        except UNREADABLE as error:
            return [], [(bytes(items), words(error))]
        for one in each:
            payload = join([bytes(one)])
            try:
                good += self.decode(kind, payload)
            except UNREADABLE as error:
                bad.append((payload, words(error)))
        return good, bad

    async def all(self, session: AsyncSession, kind: str, items: list[Fact]) -> None:
        """Every listener of this kind, with these items."""
        for on in self.by_kind.get(kind, ()):
            await on.action(session, items)

    async def forget(self, session: AsyncSession, kind: str) -> None:
        """Let every listener of this kind drop what it knew: its snapshot begins."""
        for on in self.by_kind.get(kind, ()):
            if on.forget is not None:
                await on.forget(session)

    async def salvage(self, session: AsyncSession, kind: str, items: list[Fact]) -> list[tuple[Fact, str]]:
        """Apply what can be applied, halving around what cannot; the answer is the culprits with their errors."""
        effects = outbox.effects(session)
        mark = effects.mark()
        try:
            async with session.begin_nested():
                await self.all(session, kind, items)
        except Exception as error:
            if is_outage(error):
                raise
            effects.rollback(mark)
            if len(items) == 1:
                log.warning("dead letter", kind=kind, error=repr(error)[:500])
                return [(items[0], words(error))]
            half = len(items) // 2
            return [
                *await self.salvage(session, kind, items[:half]),
                *await self.salvage(session, kind, items[half:]),
            ]
        return []
