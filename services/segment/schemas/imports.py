"""Shapes of imported rules at the HTTP door."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from services.segment.schemas.segments import SegmentOutput
from shared.schemas import Output


class ImportNote(Output):
    """Something of the original that is not in the rule as it was."""

    path: str = Field(description="Where it stands in the body that was sent")
    part: str = Field(description="What stands there")
    effect: Literal["narrower", "changed", "refused"] = Field(
        description="narrower: the rule holds for fewer viewers than the original did, never for more; "
        "changed: it may hold for others; refused: there is no rule"
    )
    reason: str
    replaced_by: Any = Field(None, description="What stands in its place")


class ImportOutput(Output):
    """What became of a rule of another system."""

    key: str = Field(description="Key it is saved by, taken from its name unless one was asked for")
    name: str
    rule: dict[str, Any] | None = Field(description="The rule in our language; absent if it was refused")
    notes: list[ImportNote] = Field(description="Everything that could not be carried over as it was; empty: all was")
    events: list[str] = Field(description="Names of the events it asks for: see that yours are called so, or rename")
    segments: list[str] = Field(description="Segments it asks for; they must be here before it can be saved")
    saved: SegmentOutput | None = Field(None, description="The segment, when `save` was asked for")
