"""What a process of segment holds: its warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.outside.warehouse.client import Place, Warehouse
from services.segment.settings import Settings


@dataclass(frozen=True)
class Memory:
    """Opened with the house."""

    warehouse: Warehouse


_by_engine: WeakKeyDictionary[Any, Memory] = WeakKeyDictionary()


def fresh(settings: Settings) -> Memory:
    """With a warehouse that starts when first asked."""
    place = Place(
        folder=settings.data / "segment",
        url=settings.database_url,
        memory=settings.warehouse_memory,
        threads=settings.warehouse_threads,
        waiting=settings.warehouse_waiting,
    )
    return Memory(warehouse=Warehouse(place))


def belongs(memory: Memory, engine: Any) -> None:
    """Transactions of this engine find this memory."""
    _by_engine[engine] = memory


def of(session: AsyncSession) -> Memory:
    """The memory of the process whose transaction this is."""
    return _by_engine[session.bind]
