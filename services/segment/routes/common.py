"""What the doors of segments share: who may, and the key in the path."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Response

from services.segment.schemas.segments import SLUG, SegmentOutput
from shared import audit
from shared.caller import allow

READ = [allow("segment:read")]
WRITE = [allow("segment:write")]

KeyPath = Annotated[str, Path(max_length=64, pattern=SLUG, description="The segment's key")]
RefPath = Annotated[
    str, Path(max_length=600, pattern="^[^\x00]+$", description="A profile id, or namespace:value such as user_id:u1")
]


def noted(response: Response, action: str, segment: SegmentOutput) -> SegmentOutput:
    """What an act made of a segment, with a line for the audit log."""
    audit.note(response, f"segments.{action}", [f"segment:{segment.key}", f"version:{segment.version}"])
    return segment
