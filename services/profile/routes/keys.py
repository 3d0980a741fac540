"""Door: the keys that contact data is sealed with."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.profile.actions import keys
from services.profile.schemas.keys import Rewrapping
from shared import audit
from shared.caller import allow
from shared.database import Session

router = APIRouter(prefix="/v1/privacy/keys", tags=["privacy"])


@router.post("/rewrap", status_code=202, dependencies=[allow("privacy:write")])
async def rewrap_keys(session: Session, response: Response) -> Rewrapping:
    """Wrap every data key with the present MARQUEE_SECRET; the one before must stand in MARQUEE_PREVIOUS_SECRET.

    Progress: GET /v1/services/profile/jobs/{job_id}.
    """
    begun = await keys.begin_rewrap(session)
    audit.note(response, "keys.rewrap", [f"job:{begun.job_id}"])
    return begun
