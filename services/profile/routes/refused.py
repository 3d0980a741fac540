"""Door: refused events over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.profile.actions import refused, turned
from services.profile.routes.profiles import unmasked
from services.profile.schemas.collection import RefusedEvent, Replay, ReplayBegun, TurnedAway
from shared import audit
from shared.app import allow
from shared.caller import CallerDep
from shared.database import Session
from shared.pages import Page, PageDep
from shared.schemas import Instant

router = APIRouter(prefix="/v1/refused-events", tags=["collection"])

NO_NUL = "^[^\x00]*$"


@router.get("", dependencies=[allow("profile:read")])
async def page(
    session: Session,
    asked: PageDep,
    caller: CallerDep,
    response: Response,
    event: Annotated[str | None, Query(description="Only events of this name", pattern=NO_NUL)] = None,
    source: Annotated[str | None, Query(description="Only of this write key (its id)", pattern=NO_NUL)] = None,
    after: Annotated[Instant | None, Query(description="Refused at this time or later")] = None,
    before: Annotated[Instant | None, Query(description="Refused before this time")] = None,
) -> Page[RefusedEvent]:
    """Events that the tracking plan refused within seven days, the newest first: what, and why.

    Contact data and what viewers wrote are masked unless the caller is an admin, whose reading the audit log notes.
    """
    readable = unmasked(caller)
    found = await refused.page(
        session, asked, event=event, source=source, after=after, before=before, unmasked=readable
    )
    audit.note(response, "contacts.read", refused.exposed(found.items) if readable else ())
    return found


@router.get("/turned-away", dependencies=[allow("profile:read")])
async def turned_away(
    session: Session,
    event: Annotated[str | None, Query(description="Only of this event", pattern=NO_NUL)] = None,
    source: Annotated[str | None, Query(description="Only of this write key (its id)", pattern=NO_NUL)] = None,
) -> list[TurnedAway]:
    """Calls that the gateway did not take in within seven days, counted by reason, the most frequent first.

    SDKs do not read the reasons in the answer, so here is where they are seen; some ten seconds behind.
    """
    return await turned.shown(session, event=event, source=source)


@router.post("/replay", status_code=202, dependencies=[allow("profile:write")])
async def replay(session: Session, wanted: Replay) -> ReplayBegun:
    """Take refused events in again, after their type was mended. They keep their times, and are recorded once."""
    return await refused.replay(session, wanted)
