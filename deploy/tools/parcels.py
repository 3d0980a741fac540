"""What an importer hands over: parcels (one row's messages, kept together) in phases (one file each)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from deploy.tools.sheets import Sheet


@dataclass(frozen=True, slots=True)
class Parcel:
    """The messages of one row. Parcels of one viewer are delivered in order; `wrong` says why a row gave nothing."""

    row: int
    viewer: str
    messages: tuple[dict[str, Any], ...]
    wrong: str | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """One file on its way to one door: `batch` takes tracking calls, `items` the catalogue."""

    path: Path
    door: Literal["batch", "items"]
    parcels: Callable[[Sheet], Iterator[Parcel]]


class Entry(msgspec.Struct, frozen=True):
    """A line of the journal: one acknowledged event."""

    message_id: str
    user: str
    event: str
    time_ms: int
