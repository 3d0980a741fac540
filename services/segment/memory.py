"""What a process of segment holds: its warehouse, and how true everything is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.outside.warehouse.client import Place, Warehouse
from services.segment.settings import Settings
from shared.bus import Bus


class Truth:
    """Up to when everything is taken in, as it was measured last; before that, at least since this process began."""

    def __init__(self) -> None:
        self._at = time.time()

    def note(self, at: datetime) -> None:
        """It was measured."""
        self._at = at.timestamp()

    def behind(self) -> float:
        """Seconds from that moment to now, by the real time."""
        return max(0.0, time.time() - self._at)


@dataclass(frozen=True)
class Memory:
    """Opened with the house."""

    warehouse: Warehouse
    bus: Bus
    truth: Truth


_by_engine: WeakKeyDictionary[Any, Memory] = WeakKeyDictionary()


def fresh(settings: Settings, bus: Bus) -> Memory:
    """With a warehouse that starts when first asked."""
    place = Place(
        folder=settings.data / "segment",
        url=settings.database_url,
        memory=settings.warehouse_memory,
        threads=settings.warehouse_threads,
        waiting=settings.warehouse_waiting,
    )
    return Memory(warehouse=Warehouse(place), bus=bus, truth=Truth())


def belongs(memory: Memory, engine: Any) -> None:
    """Transactions of this engine find this memory."""
    _by_engine[engine] = memory


def of(session: AsyncSession) -> Memory:
    """The memory of the process whose transaction this is."""
    return _by_engine[session.bind]


def behind(session: AsyncSession) -> float:
    """Seconds by which what is known here is older than what viewers did."""
    held = _by_engine.get(session.bind)
    return held.truth.behind() if held else 0.0
