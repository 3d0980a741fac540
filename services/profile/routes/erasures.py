"""Door: forgetting viewers."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.profile.actions import erasures
from services.profile.schemas.erasures import Erasure, Lifting, NewErasure
from shared import audit
from shared.caller import CallerDep, allow
from shared.database import Session
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/privacy/erasures", tags=["privacy"])


@router.post("", status_code=202, dependencies=[allow("privacy:write")])
async def erase(session: Session, wanted: NewErasure, caller: CallerDep, response: Response) -> Erasure:
    """Forget a viewer: at once here, within seconds in every service and stream. There is no way back."""
    made = await erasures.request(session, wanted, by=caller.id)
    audit.note(response, "viewers.erase", [f"profile:{made.profile_id}", f"erasure:{made.id}"])
    return made


@router.post("/lift", dependencies=[allow("privacy:write")])
async def lift(session: Session, wanted: Lifting, caller: CallerDep, response: Response) -> Erasure:
    """Let ids of an erased viewer come in again: he changed his mind, or somebody else has his device or number now.

    What was erased stays erased; his next event begins a new viewer.
    """
    lifted = await erasures.lift(session, wanted, by=caller.id)
    audit.note(response, "suppressions.lift", [f"erasure:{lifted.id}"])
    return lifted


@router.get("", dependencies=[allow("privacy:read")])
async def erasures_page(session: Session, asked: PageDep) -> Page[Erasure]:
    """Erasures, the newest first."""
    return await erasures.page(session, asked)


@router.get("/{erasure_id}", dependencies=[allow("privacy:read")])
async def erasure(session: Session, erasure_id: int) -> Erasure:
    """Each service's receipt, and what was found afterwards."""
    return await erasures.shown(session, erasure_id)
