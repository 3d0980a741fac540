"""Carries parcels to the gateway over ordered lanes: a viewer has one lane, a lane has one batch on its way."""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from deploy.tools.client import Client, Refusal
from deploy.tools.ledger import Ledger
from deploy.tools.parcels import Entry, Parcel, Phase
from deploy.tools.sheets import Sheet

LANES = 8
BATCH = 400
"""Messages in a batch, at most (the gateway takes 500)."""
BATCH_BYTES = 450_000
"""Bytes in a batch, at most (the gateway takes 500 KB)."""


@dataclass
class Tally:
    """What came of it: messages `acknowledged` by kind ("identify", "track", "item") and `refused` by reason."""

    rows: int = 0
    skipped: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


@dataclass
class _Batch:
    messages: list[bytes] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    entries: list[Entry | None] = field(default_factory=list)
    row: int = 0
    size: int = 0

    def fits(self, encoded: list[bytes]) -> bool:
        more = sum(len(message) + 1 for message in encoded)
        return not self.messages or (len(self.messages) + len(encoded) <= BATCH and self.size + more <= BATCH_BYTES)

    def add(self, parcel: Parcel, encoded: list[bytes]) -> None:
        self.messages += encoded
        self.size += sum(len(message) + 1 for message in encoded)
        self.row = parcel.row
        for message in parcel.messages:
            self.labels.append(str(message.get("messageId") or message.get("id")))
            self.kinds.append(message.get("type", "item"))
            self.entries.append(_entry(message))


async def deliver(
    phase: Phase,
    *,
    client: Client,
    ledger: Ledger,
    tally: Tally,
    on_progress: Callable[[int, int], None],
    on_refused: Callable[[str, str], None],
) -> None:
    """Deliver what is owed of one file. `on_progress(position, size)` in packed bytes; `on_refused(label, reason)`.

    Each lane sends its next batch only after the last one was acknowledged, so that a viewer's events arrive in the
    order of the file; and a lane's queue is short, so that a file of any size is read only as fast as it is taken.
    """
    sheet = Sheet(phase.path)
    done = list(ledger.acknowledged(phase))
    queues: list[asyncio.Queue[_Batch | None]] = [asyncio.Queue(maxsize=2) for _ in done]
    filling = [_Batch() for _ in done]

    def refuse(label: str, reason: str) -> None:
        tally.refused[reason] += 1
        on_refused(label, reason)

    async def drive(lane: int) -> None:
        while (batch := await queues[lane].get()) is not None:
            refusals = await _send(client, phase, batch.messages)
            for index, reason in refusals.items():
                refuse(batch.labels[index], reason)
            kept = [index for index in range(len(batch.messages)) if index not in refusals]
            tally.acknowledged.update(batch.kinds[index] for index in kept)
            entries = [entry for index in kept if (entry := batch.entries[index]) is not None]
            ledger.record(phase, lane, batch.row, entries)
            on_progress(sheet.position, sheet.size)

    async def deal() -> None:
        for parcel in phase.parcels(sheet):
            lane = zlib.crc32(parcel.viewer.encode()) % len(done)
            if parcel.row % 1000 == 0:
                await asyncio.sleep(0)  # a resumed import skips many rows without waiting for anything else
            if parcel.row <= done[lane]:
                tally.skipped += 1
                continue
            tally.rows += 1
            if parcel.wrong is not None:
                refuse(f"{phase.path.name}:{parcel.row}", parcel.wrong)
                continue
            encoded = [msgspec.json.encode(message) for message in parcel.messages]
            if not filling[lane].fits(encoded):
                await queues[lane].put(filling[lane])
                filling[lane] = _Batch()
            filling[lane].add(parcel, encoded)
        for lane, batch in enumerate(filling):
            if batch.messages:
                await queues[lane].put(batch)
            await queues[lane].put(None)

    try:
        async with asyncio.TaskGroup() as group:
            for lane in range(len(done)):
                group.create_task(drive(lane))
            group.create_task(deal())
    except ExceptionGroup as several:
        raise several.exceptions[0] from several
    on_progress(sheet.size, sheet.size)


async def _send(client: Client, phase: Phase, messages: list[bytes]) -> dict[int, str]:
    """Reason by index of what was refused."""
    refusals: list[Refusal]
    refusals = await (client.batch(messages) if phase.door == "batch" else client.items(messages))
    return {refusal.index: refusal.reason for refusal in refusals}


def _entry(message: dict[str, object]) -> Entry | None:
    if message.get("type") != "track":
        return None
    at = datetime.fromisoformat(str(message["timestamp"]))
    return Entry(
        message_id=str(message["messageId"]),
        user=str(message["userId"]),
        event=str(message["event"]),
        time_ms=int(at.timestamp()) * 1000 + at.microsecond // 1000,
    )
