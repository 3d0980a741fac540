"""Door: what is asked before and while a campaign is sent."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.campaign.actions import estimates, previews, progress
from services.campaign.routes.shown import KeyInPath
from services.campaign.schemas.messages import PastMessages, PastNoted
from services.campaign.schemas.reports import Estimate, Preview, PreviewInput, Progress, TestInput, TestSent
from shared import audit
from shared.app import HouseDep, Session, allow

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])


@router.post("/{key}/estimate", dependencies=[allow("campaign:read")])
async def estimate_campaign(house: HouseDep, key: KeyInPath) -> Estimate:
    """Whom a manual campaign would reach if it started now, and why not the others. Nothing is sent or kept."""
    return await estimates.estimate(house, key)


@router.post("/{key}/preview", dependencies=[allow("campaign:read")])
async def preview_campaign(house: HouseDep, key: KeyInPath, asked: PreviewInput) -> Preview:
    """The message as a real viewer would get it now. Nothing is sent or kept."""
    return await previews.preview(house, key, asked.ref)


@router.post("/{key}/test", dependencies=[allow("campaign:write")])
async def test_campaign(house: HouseDep, key: KeyInPath, asked: TestInput, response: Response) -> TestSent:
    """Send the message to an address of one's own; it counts nowhere, and its links are not tracked."""
    sent = await previews.test(house, key, asked)
    audit.note(response, "campaigns.test", [f"campaign:{key}"])
    return sent


@router.get("/{key}/progress", dependencies=[allow("campaign:read")])
async def campaign_progress(session: Session, house: HouseDep, key: KeyInPath) -> Progress:
    """How far the sending is, how fast, and when it will be done. Cheap enough to be asked every second."""
    return await progress.progress(session, house, key)


@router.post("/{key}/history", dependencies=[allow("campaign:write")])
async def add_history(house: HouseDep, key: KeyInPath, past: PastMessages, response: Response) -> PastNoted:
    """Messages that another system sent in the past, for a manual campaign's draft, which is finished by it.

    Call it again with more; a viewer already there is left as he is. Nothing is sent. Conversions are counted from
    events that are recorded afterwards, by their own time.
    """
    noted = await progress.history(house, key, past)
    audit.note(response, "campaigns.history", [f"campaign:{key}", f"added:{noted.added}"])
    return noted
