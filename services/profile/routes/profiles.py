"""Door: viewers over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import StringConstraints

from services.profile.actions import profiles
from services.profile.schemas.profiles import Profile, TimelineAsked, TimelineEvent
from shared import audit
from shared.caller import Caller, CallerDep, allow
from shared.contracts.events import Call
from shared.database import Session
from shared.pages import Page, PageDep
from shared.schemas import Instant

router = APIRouter(prefix="/v1/profiles", tags=["profiles"])

NO_NUL = "^[^\x00]*$"

Text = Annotated[str, StringConstraints(pattern=NO_NUL)]
NONE: list[Any] = []

Ref = Annotated[str, Path(description="A profile id, or namespace:value like user_id:u1 or anonymous_id:a1")]


def unmasked(caller: Caller) -> bool:
    """Whether a caller may see contact data."""
    return caller.role == "admin"


# An id may hold slashes, so a ref is a path; the timeline comes first, since the other would swallow it.
@router.get("/{ref:path}/events", dependencies=[allow("profile:read")])
async def timeline(
    session: Session,
    ref: Ref,
    asked: PageDep,
    caller: CallerDep,
    response: Response,
    event: Annotated[list[Text], Query(description="Only events of these names; repeat it for several")] = NONE,
    type: Annotated[list[Call], Query(description="Only calls of these types")] = NONE,
    source: Annotated[list[Text], Query(description="Only what came with these write keys (their ids)")] = NONE,
    bot: Annotated[bool | None, Query(description="Only of programs, or only of people")] = None,
    after: Annotated[Instant | None, Query(description="At this time or later")] = None,
    before: Annotated[Instant | None, Query(description="Before this time")] = None,
) -> Page[TimelineEvent]:
    """What a viewer did, the newest first."""
    wanted = TimelineAsked(event, type, source, bot, after, before)
    page = await profiles.timeline(session, ref, asked, wanted, unmasked=unmasked(caller))
    if unmasked(caller) and profiles.discloses(page.items):
        audit.note(response, "contacts.read", [f"profile:{await profiles.found(session, ref)}"])
    return page


@router.get("/{ref:path}", dependencies=[allow("profile:read")])
async def by_ref(session: Session, ref: Ref, caller: CallerDep, response: Response) -> Profile:
    """One viewer: his identities, his traits and since when, when he was seen."""
    profile = await profiles.by_ref(session, ref, unmasked=unmasked(caller))
    audit.note(response, "contacts.read", await profiles.exposed(session, [profile]) if unmasked(caller) else ())
    return profile
