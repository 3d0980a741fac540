"""Door: campaigns themselves, from draft to archive."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Header, Query, Response

from services.campaign.actions import campaigns, life, lists, manners
from services.campaign.routes import shown
from services.campaign.routes.shown import KeyInPath
from services.campaign.rules.editions import Condition
from services.campaign.schemas.campaigns import CampaignFull, CampaignInput, CampaignShown, Delivery, Listed, Rejection
from services.campaign.schemas.manners import MannersInEffect
from services.campaign.schemas.messages import MessageDays
from services.campaign.schemas.words import CampaignSort, CampaignState, MessageState
from shared import audit
from shared.app import CallerDep, HouseDep, Session, allow
from shared.days import Zone
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])


IfMatch = Annotated[str | None, Header(description="The ETag that was read: if it is another by now, 412")]
IfNoneMatch = Annotated[str | None, Header(description="`*`: only if there is no such campaign yet, else 412")]
Late = Annotated[bool, Query(description="Although its time is past: it leaves at once, within quiet hours")]


@router.put("/{key}", dependencies=[allow("campaign:write")], responses={201: {"model": CampaignShown}})
async def put_campaign(
    session: Session,
    key: KeyInPath,
    wanted: CampaignInput,
    response: Response,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> CampaignShown:
    """Create a draft, or change a campaign: what is planned already keeps the version it was planned with.

    A manual campaign can be changed until it starts; a change takes its submission or approval back. Its list stays
    when `manual` is `{}`.
    """
    row, new = await campaigns.put(session, key, wanted, Condition(if_match, if_none_match))
    response.status_code = 201 if new else 200
    return shown.done(response, "create" if new else "change", row)


@router.get("", dependencies=[allow("campaign:read")])
async def list_campaigns(
    session: Session,
    page: PageDep,
    state: Annotated[CampaignState | None, Query(description="Only campaigns in this state")] = None,
    sort: Annotated[CampaignSort, Query(description="By key, or the last changed first")] = "key",
) -> Page[CampaignShown]:
    """Campaigns without the archived, unless they are asked for.

    By `changed`, no campaign comes twice; one that is changed while the pages are read stands on the first again.
    """
    rows, following = await lists.campaigns(session, page, state, sort)
    return Page(items=[shown.campaign(row) for row in rows], next=following)


@router.get("/-/days", dependencies=[allow("campaign:read")])
async def days(
    session: Session,
    days: Annotated[int, Query(ge=1, le=400, description="Up to today")] = 30,
    zone: Annotated[Zone, Query()] = "UTC",
) -> MessageDays:
    """Messages of all campaigns by the day they ended, and by state."""
    return await lists.days(session, days, zone)


@router.get("/-/manners", dependencies=[allow("campaign:read")])
async def manners_in_effect(house: HouseDep) -> MannersInEffect:
    """Quiet hours, zone, cap and channels of this installation, as its settings say."""
    return manners.in_effect(house)


@router.get("/{key}", dependencies=[allow("campaign:read")])
async def show_campaign(session: Session, key: KeyInPath, house: HouseDep, response: Response) -> CampaignFull:
    """One campaign with its figures, and what holds its messages back. Its ETag is for If-Match of a change."""
    row, states, reasons = await campaigns.figures(session, key)
    why = house.memory.held_up(row.channel)
    response.headers["ETag"] = campaigns.edition(row)
    return CampaignFull(
        **shown.campaign(row).model_dump(),
        messages={state: states.get(state, 0) for state in get_args(MessageState)},
        reasons=reasons,
        delivery=Delivery(ready=why is None, reason=why),
    )


@router.get("/{key}/list", dependencies=[allow("campaign:read")])
async def campaign_list(session: Session, key: KeyInPath, page: PageDep) -> Page[Listed]:
    """Whom a manual campaign names one by one, in the order of its list; nobody when it writes to a segment."""
    rows, following = await lists.named(session, key, page)
    return Page(items=[Listed.model_validate(row) for row in rows], next=following)


@router.delete("/{key}", dependencies=[allow("campaign:write")], status_code=204)
async def archive_campaign(session: Session, key: KeyInPath, caller: CallerDep, response: Response) -> None:
    """End a campaign for good; its planned messages are skipped, its record stays."""
    await life.archive(session, key, by=caller.id)
    audit.note(response, "campaigns.archive", [f"campaign:{key}"])


@router.post("/{key}/submit", dependencies=[allow("campaign:write")])
async def submit_campaign(
    session: Session, house: HouseDep, key: KeyInPath, caller: CallerDep, response: Response, late: Late = False
) -> CampaignShown:
    """Ask for approval of a manual campaign's draft. Refused when its segment is gone, or its time is past.

    A `local` time is past when the clock of MARQUEE_DEFAULT_ZONE has shown it.
    """
    return shown.done(response, "submit", await life.submit(session, house, key, by=caller.id, late=late))


@router.post("/{key}/approve", dependencies=[allow("campaign:approve")])
async def approve_campaign(
    session: Session, key: KeyInPath, caller: CallerDep, response: Response, late: Late = False
) -> CampaignShown:
    """Approve what was submitted; not one's own, unless the installation allows it (MARQUEE_APPROVE_OWN)."""
    return shown.done(response, "approve", await life.approve(session, key, by=caller.id, late=late))


@router.post("/{key}/reject", dependencies=[allow("campaign:approve")])
async def reject_campaign(session: Session, key: KeyInPath, why: Rejection, response: Response) -> CampaignShown:
    """Send what was submitted or approved back to its draft, with a note."""
    return shown.done(response, "reject", await life.reject(session, key, note=why.note))


@router.post("/{key}/start", dependencies=[allow("campaign:write")])
async def start_campaign(
    session: Session, house: HouseDep, key: KeyInPath, caller: CallerDep, response: Response, late: Late = False
) -> CampaignShown:
    """Let it react from now on; a manual one, once approved, begins to plan and send. Also goes on after a pause.

    Starting a running campaign changes nothing. A manual one is refused when its segment is gone, or its time is past.
    """
    return shown.done(response, "start", await life.start(session, house, key, by=caller.id, late=late))


@router.post("/{key}/pause", dependencies=[allow("campaign:write")])
async def pause_campaign(session: Session, key: KeyInPath, response: Response) -> CampaignShown:
    """Let it stop reacting; planned messages wait. Pausing a paused campaign changes nothing."""
    return shown.done(response, "pause", await life.pause(session, key))


@router.post("/{key}/resume", dependencies=[allow("campaign:write")])
async def resume_campaign(
    session: Session, house: HouseDep, key: KeyInPath, caller: CallerDep, response: Response
) -> CampaignShown:
    """Go on after a pause. Resuming a running campaign changes nothing."""
    return shown.done(response, "resume", await life.resume(session, house, key, by=caller.id))


@router.post("/{key}/cancel", dependencies=[allow("campaign:write")])
async def cancel_campaign(session: Session, key: KeyInPath, caller: CallerDep, response: Response) -> CampaignShown:
    """End it: what has not begun to be sent is skipped with the reason `cancelled`; the report stays."""
    return shown.done(response, "cancel", await life.cancel(session, key, by=caller.id))
