"""What a process of segment holds: its warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.outside.warehouse.client import Place, Warehouse
from services.segment.settings import Settings
from shared.bus import Bus
from shared.reader import Reader


@dataclass(frozen=True)
class Memory:
    """Opened with the house."""

    warehouse: Warehouse
    bus: Bus
    readers: Sequence[Reader] = ()
    """Those of the house; how far they are behind is how far every segment is."""


_by_engine: WeakKeyDictionary[Any, Memory] = WeakKeyDictionary()


def fresh(settings: Settings, bus: Bus, readers: Sequence[Reader]) -> Memory:
    """With a warehouse that starts when first asked."""
    place = Place(
        folder=settings.data / "segment",
        url=settings.database_url,
        memory=settings.warehouse_memory,
        threads=settings.warehouse_threads,
        waiting=settings.warehouse_waiting,
    )
    return Memory(warehouse=Warehouse(place), bus=bus, readers=readers)


def belongs(memory: Memory, engine: Any) -> None:
    """Transactions of this engine find this memory."""
    _by_engine[engine] = memory


def of(session: AsyncSession) -> Memory:
    """The memory of the process whose transaction this is."""
    return _by_engine[session.bind]


def behind(session: AsyncSession) -> float:
    """Seconds by which the readers of this process are behind."""
    held = _by_engine.get(session.bind)
    return max((reader.behind() for reader in held.readers), default=0.0) if held else 0.0
