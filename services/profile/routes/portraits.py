"""Door: a viewer's portrait over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.profile.actions import portraits, profiles
from services.profile.routes.profiles import Ref, unmasked
from services.profile.schemas.portraits import Portrait
from shared import audit
from shared.caller import CallerDep, allow
from shared.database import Session

router = APIRouter(prefix="/v1/profiles", tags=["profiles"])


@router.get("/{ref:path}/portrait", dependencies=[allow("profile:read")])
async def portrait(session: Session, ref: Ref, caller: CallerDep, response: Response) -> Portrait:
    """Who a viewer is and what he is like: traits, interests, habits, interactions, spending, sources, consent."""
    found = await portraits.portrait(session, ref, unmasked=unmasked(caller))
    audit.note(response, "contacts.read", await profiles.exposed(session, [found]) if unmasked(caller) else ())
    return found
