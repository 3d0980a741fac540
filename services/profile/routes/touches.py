"""Door: where a viewer came from, over HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from services.profile.actions import touches as actions
from services.profile.routes.profiles import Ref
from services.profile.schemas.collection import Touches
from shared.app import allow
from shared.database import Session

router = APIRouter(prefix="/v1/profiles", tags=["collection"])


@router.get("/{ref:path}/touches", dependencies=[allow("profile:read")])
async def touches(session: Session, ref: Ref) -> Touches:
    """The campaign or shared link by which a viewer first came, and by which he last came."""
    return await actions.by_ref(session, ref)
