"""What the doors of segments share: who may, and the key in the path."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Path, Response

from services.segment.actions.segments import Editor, edition
from services.segment.schemas.segments import SLUG, SegmentOutput
from shared import audit
from shared.caller import CallerDep, allow

READ = [allow("segment:read")]
WRITE = [allow("segment:write")]

KeyPath = Annotated[str, Path(max_length=64, pattern=SLUG, description="The segment's key")]
RefPath = Annotated[
    str, Path(max_length=600, pattern="^[^\x00]+$", description="A profile id, or namespace:value such as user_id:u1")
]


IfMatch = Annotated[str | None, Header(description="The ETag that was read: if the version is another by now, 412")]


def editor(caller: CallerDep, if_match: IfMatch = None) -> Editor:
    """Who changes a segment, and which version of it he has seen."""
    return Editor(caller.id, if_match)


EditorDep = Annotated[Editor, Depends(editor)]


def noted(response: Response, action: str, segment: SegmentOutput) -> SegmentOutput:
    """What an act made of a segment, with its ETag and a line for the audit log."""
    response.headers["ETag"] = edition(segment.version)
    audit.note(response, f"segments.{action}", [f"segment:{segment.key}", f"version:{segment.version}"])
    return segment
