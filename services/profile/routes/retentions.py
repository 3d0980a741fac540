"""Door: how long events are kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from services.profile.actions import retentions
from services.profile.schemas.retentions import NewRetention, Retention, Retentions
from shared import audit
from shared.caller import allow
from shared.database import Session

router = APIRouter(prefix="/v1/privacy/retentions", tags=["privacy"])

Event = Annotated[str, Path(description="The event's name; * stands for every event without a retention of its own")]


@router.get("", dependencies=[allow("profile:read")])
async def retentions_of_all(session: Session) -> Retentions:
    """How long events stay in the timeline, by event. What is not named here, and no * either, is kept for ever."""
    return await retentions.every(session)


@router.put("/{event:path}", dependencies=[allow("privacy:write")])
async def keep_for(session: Session, event: Event, wanted: NewRetention, response: Response) -> Retention:
    """Keep events of this name so many days after their own time, then delete them for good, from the next seconds on.

    It holds for the timeline and for the copy by which segments are judged: who was in a segment by what is gone leaves
    it (cause `erase`), so a condition cannot look back further than this. Sums, counts, traits and first and last touch
    stay: they are totals.
    """
    kept = await retentions.put(session, event, wanted)
    audit.note(response, "retentions.set", [f"event:{event}", f"days:{kept.days}"])
    return kept


@router.delete("/{event:path}", status_code=204, dependencies=[allow("privacy:write")])
async def keep_as_others(session: Session, event: Event, response: Response) -> None:
    """Keep events of this name as * says, or for ever. What was deleted does not come back."""
    await retentions.delete(session, event)
    audit.note(response, "retentions.delete", [f"event:{event}"])
