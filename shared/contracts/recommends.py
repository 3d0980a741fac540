"""What recommend tells: items of the catalogue."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from shared.contracts.wire import Fact


class ItemUpdated(Fact, frozen=True, kw_only=True):
    """The whole present state of an item (video, live, article, activity, product)."""

    kind: ClassVar[str] = "item.updated.v1"
    owner: ClassVar[str] = "recommend"
    stream: ClassVar[str] = "THINGS"
    snapshot: ClassVar[bool] = True

    item_id: str
    item_kind: str
    title: str
    tags: list[str] = msgspec.field(default_factory=list)
    creator_id: str | None = None
    active: bool = True
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
