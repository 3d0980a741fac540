"""Door: addresses that nothing is sent to any more."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.campaign.actions import suppressions
from services.campaign.schemas.suppressions import Lifted, Lifting, SuppressionShown
from services.campaign.schemas.words import Channel
from shared import audit
from shared.app import HouseDep, Session, allow
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/messages/suppressions", tags=["messages"])


@router.get("", dependencies=[allow("campaign:read")])
async def list_suppressions(
    session: Session, page: PageDep, channel: Annotated[Channel | None, Query()] = None
) -> Page[SuppressionShown]:
    """Addresses that were refused or bounced for good, newest first: nothing is sent to them any more."""
    items, following = await suppressions.page(session, page, channel)
    return Page(items=items, next=following)


@router.post("/lift", dependencies=[allow("campaign:approve")])
async def lift_suppressions(session: Session, house: HouseDep, wanted: Lifting, response: Response) -> Lifted:
    """Let addresses be sent to again: those of these ids, these themselves, or all since a moment."""
    lifted = await suppressions.lift(session, house, wanted)
    which = f"since:{wanted.since.isoformat()}" if wanted.since else f"addresses:{len(wanted.addresses or ())}"
    named = [f"suppression:{one}" for one in wanted.ids or ()] or [which]
    audit.note(response, "addresses.lift", [f"channel:{wanted.channel}", f"lifted:{lifted}", *named])
    return Lifted(lifted=lifted)
