"""Door: campaigns themselves, from draft to archive."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Query, Response

from services.campaign.actions import campaigns, lists
from services.campaign.routes import shown
from services.campaign.routes.shown import KeyInPath
from services.campaign.schemas.campaigns import CampaignFull, CampaignInput, CampaignShown, Delivery, Rejection
from services.campaign.schemas.messages import MessageDays
from services.campaign.schemas.words import CampaignState, MessageState
from shared.app import CallerDep, HouseDep, Session, allow
from shared.days import Zone
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])


@router.put("/{key}", dependencies=[allow("campaign:write")], responses={201: {"model": CampaignShown}})
async def put_campaign(session: Session, key: KeyInPath, wanted: CampaignInput, response: Response) -> CampaignShown:
    """Create a draft, or change a campaign: what is planned already keeps the version it was planned with.

    A manual campaign can be changed until it starts; a change takes its submission or approval back.
    """
    row, new = await campaigns.put(session, key, wanted)
    response.status_code = 201 if new else 200
    return shown.campaign(row)


@router.get("", dependencies=[allow("campaign:read")])
async def list_campaigns(
    session: Session,
    page: PageDep,
    state: Annotated[CampaignState | None, Query(description="Only campaigns in this state")] = None,
) -> Page[CampaignShown]:
    """Campaigns by key, without the archived unless they are asked for."""
    rows, following = await lists.campaigns(session, page, state)
    return Page(items=[shown.campaign(row) for row in rows], next=following)


@router.get("/-/days", dependencies=[allow("campaign:read")])
async def days(
    session: Session,
    days: Annotated[int, Query(ge=1, le=400, description="Up to today")] = 30,
    zone: Annotated[Zone, Query()] = "UTC",
) -> MessageDays:
    """Messages of all campaigns by the day they ended, and by state."""
    return await lists.days(session, days, zone)


@router.get("/{key}", dependencies=[allow("campaign:read")])
async def show_campaign(session: Session, key: KeyInPath, house: HouseDep) -> CampaignFull:
    """One campaign with its figures, and what holds its messages back."""
    row, states, reasons = await campaigns.figures(session, key)
    why = house.memory.held_up(row.channel)
    return CampaignFull(
        **shown.campaign(row).model_dump(),
        messages={state: states.get(state, 0) for state in get_args(MessageState)},
        reasons=reasons,
        delivery=Delivery(ready=why is None, reason=why),
    )


@router.delete("/{key}", dependencies=[allow("campaign:write")], status_code=204)
async def archive_campaign(session: Session, key: KeyInPath) -> None:
    """End a campaign for good; its planned messages are skipped, its record stays."""
    await campaigns.archive(session, key)


@router.post("/{key}/submit", dependencies=[allow("campaign:write")])
async def submit_campaign(session: Session, key: KeyInPath, caller: CallerDep) -> CampaignShown:
    """Ask for approval of a manual campaign's draft."""
    return shown.campaign(await campaigns.submit(session, key, by=caller.id))


@router.post("/{key}/approve", dependencies=[allow("campaign:approve")])
async def approve_campaign(session: Session, key: KeyInPath, caller: CallerDep) -> CampaignShown:
    """Approve what was submitted; not one's own, unless the installation allows it (MARQUEE_APPROVE_OWN)."""
    return shown.campaign(await campaigns.approve(session, key, by=caller.id))


@router.post("/{key}/reject", dependencies=[allow("campaign:approve")])
async def reject_campaign(session: Session, key: KeyInPath, why: Rejection) -> CampaignShown:
    """Send what was submitted or approved back to its draft, with a note."""
    return shown.campaign(await campaigns.reject(session, key, note=why.note))


@router.post("/{key}/start", dependencies=[allow("campaign:write")])
async def start_campaign(session: Session, key: KeyInPath) -> CampaignShown:
    """Let it react from now on; a manual one, once approved, begins to plan and send. Also goes on after a pause.

    Starting a running campaign changes nothing.
    """
    return shown.campaign(await campaigns.start(session, key))


@router.post("/{key}/pause", dependencies=[allow("campaign:write")])
async def pause_campaign(session: Session, key: KeyInPath) -> CampaignShown:
    """Let it stop reacting; planned messages wait. Pausing a paused campaign changes nothing."""
    return shown.campaign(await campaigns.pause(session, key))


@router.post("/{key}/resume", dependencies=[allow("campaign:write")])
async def resume_campaign(session: Session, key: KeyInPath) -> CampaignShown:
    """Go on after a pause. Resuming a running campaign changes nothing."""
    return shown.campaign(await campaigns.resume(session, key))


@router.post("/{key}/cancel", dependencies=[allow("campaign:write")])
async def cancel_campaign(session: Session, key: KeyInPath) -> CampaignShown:
    """End it: what has not begun to be sent is skipped with the reason `cancelled`; the report stays."""
    return shown.campaign(await campaigns.cancel(session, key))
