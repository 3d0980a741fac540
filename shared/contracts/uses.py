"""What another service does with segments: asked before one is archived, and when its dependencies are shown."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from shared.contracts.wire import Question


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """Something that would no longer do what it says if the segment were gone; `key` is what its operators call it."""

    segment: str
    kind: Literal["campaign", "creative", "tag"]
    key: str
    name: str


class UsesAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """Every use, by segment and key. What is over (a campaign that ended, a tag that was deleted) uses nothing."""

    uses: list[Use]


class UsesAsked(Question, frozen=True, kw_only=True):
    """What uses these segments; any segment, if no keys are said. Asked of each at `ask.<service>.uses`."""

    subject: ClassVar[str] = "uses"
    answer: ClassVar[type[msgspec.Struct]] = UsesAnswered

    keys: list[str] | None = None
