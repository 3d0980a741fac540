"""What segment tells: definitions, and who entered and left."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec

from shared.contracts.wire import Fact

Cause = Literal["rule", "time", "fill", "definition", "history", "merge", "split", "erase"]


class SegmentChanged(Fact, frozen=True, kw_only=True):
    """Viewers of one partition who entered and left a segment. Only `rule` and `time` are news to campaigns.

    Many of them come as bitmaps (fills): the portable format of Roaring over `profile_id // 16`, in base64; the ids are
    those of `part`. Lists and bitmaps add up; `shared.roaring` reads both.
    """

    kind: ClassVar[str] = "segment.changed.v1"
    owner: ClassVar[str] = "segment"
    snapshot: ClassVar[bool] = True

    key: str
    version: int
    part: int
    cause: Cause
    at: datetime
    entered: list[int] = msgspec.field(default_factory=list)
    left: list[int] = msgspec.field(default_factory=list)
    entered_roaring: bytes = b""
    left_roaring: bytes = b""


class SegmentDefined(Fact, frozen=True, kw_only=True):
    """A segment was created, changed or archived."""

    kind: ClassVar[str] = "segment.defined.v1"
    owner: ClassVar[str] = "segment"
    stream: ClassVar[str] = "THINGS"
    snapshot: ClassVar[bool] = True

    key: str
    name: str
    version: int
    rule: dict[str, Any] | None = None
    archived: bool = False
