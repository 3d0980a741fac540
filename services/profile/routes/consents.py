"""Door: what viewers agree to."""

from __future__ import annotations

from fastapi import APIRouter

from services.profile.actions import consents
from services.profile.routes.profiles import Ref
from services.profile.schemas.consents import Consents, NewStatements
from shared.caller import CallerDep, allow
from shared.database import Session
from shared.pages import PageDep

router = APIRouter(prefix="/v1/profiles", tags=["privacy"])


@router.get("/{ref:path}/consents", dependencies=[allow("profile:read")])
async def consents_of(session: Session, ref: Ref, asked: PageDep) -> Consents:
    """What a viewer agreed to: what holds now, and every answer with its proof."""
    return await consents.shown(session, ref, asked)


@router.put("/{ref:path}/consents", dependencies=[allow("profile:write")])
async def record_consents(session: Session, ref: Ref, said: NewStatements, caller: CallerDep) -> Consents:
    """Record answers. Others stay as they are; every service hears of it at once."""
    return await consents.record(session, ref, said, by=caller.id)
