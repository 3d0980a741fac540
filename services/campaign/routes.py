"""Door: HTTP. Campaigns, their messages and their bus triggers."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Path, Query, Response

from services.campaign.actions import campaigns, lists
from services.campaign.schemas import (
    CampaignFull,
    CampaignInput,
    CampaignShown,
    ContentShown,
    Delivery,
    Key,
    MessageDays,
    MessageShown,
    MessageState,
    TriggerLog,
    TriggerShown,
)
from services.campaign.store import Record
from shared.app import HouseDep, Session, allow
from shared.days import Zone
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])
KeyInPath = Annotated[Key, Path(description="The campaign's key, chosen by the operator")]


@router.put("/{key}", dependencies=[allow("campaign:write")], responses={201: {"model": CampaignShown}})
async def put_campaign(session: Session, key: KeyInPath, wanted: CampaignInput, response: Response) -> CampaignShown:
    """Create a draft, or change a campaign: what is planned already keeps the version it was planned with."""
    row, new = await campaigns.put(session, key, wanted)
    response.status_code = 201 if new else 200
    return _shown(row)


@router.get("", dependencies=[allow("campaign:read")])
async def list_campaigns(session: Session, page: PageDep) -> Page[CampaignShown]:
    """Campaigns by key, without the archived."""
    rows, following = await lists.campaigns(session, page)
    return Page(items=[_shown(row) for row in rows], next=following)


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
    why = house.memory.held_up
    return CampaignFull(
        **_shown(row).model_dump(),
        messages={state: states.get(state, 0) for state in get_args(MessageState)},
        reasons=reasons,
        delivery=Delivery(ready=why is None, reason=why),
    )


@router.delete("/{key}", dependencies=[allow("campaign:write")], status_code=204)
async def archive_campaign(session: Session, key: KeyInPath) -> None:
    """End a campaign for good; its planned messages are skipped, its record stays."""
    await campaigns.archive(session, key)


@router.post("/{key}/start", dependencies=[allow("campaign:write")])
async def start_campaign(session: Session, key: KeyInPath) -> CampaignShown:
    """Let it react from now on. Starting a running campaign changes nothing."""
    return _shown(await campaigns.start(session, key))


@router.post("/{key}/pause", dependencies=[allow("campaign:write")])
async def pause_campaign(session: Session, key: KeyInPath) -> CampaignShown:
    """Let it stop reacting; planned messages wait. Pausing a paused campaign changes nothing."""
    return _shown(await campaigns.pause(session, key))


@router.get("/{key}/messages", dependencies=[allow("campaign:read")])
async def list_messages(
    session: Session,
    key: KeyInPath,
    page: PageDep,
    state: Annotated[MessageState | None, Query(description="Only messages in this state")] = None,
) -> Page[MessageShown]:
    """Messages of a campaign, newest first: to whom, why, and what became of each."""
    rows, following = await lists.messages(session, key, page, state=state)
    return Page(items=[MessageShown.model_validate(row) for row in rows], next=following)


@router.get("/{key}/triggers", dependencies=[allow("campaign:read")])
async def list_triggers(session: Session, key: KeyInPath, page: PageDep) -> Page[TriggerLog]:
    """What other systems sent over the bus under this campaign's trigger name, newest first."""
    rows, following = await lists.triggers(session, key, page)
    return Page(items=[TriggerLog.model_validate(row) for row in rows], next=following)


def _shown(row: Record) -> CampaignShown:
    return CampaignShown(
        **{name: getattr(row, name) for name in ("key", "name", "state", "version", "channel")},
        trigger=TriggerShown(**{row.trigger_kind: row.trigger_name}),
        content=ContentShown.model_validate(row),
        created_at=row.created_at,
        updated_at=row.updated_at,
        started_at=row.started_at,
    )
