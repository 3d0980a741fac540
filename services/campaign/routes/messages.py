"""Door: messages, one by one: of a campaign, of a viewer, of the local sink, in the inbox."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from services.campaign.actions import lists, parcels, receipts
from services.campaign.routes.shown import KeyInPath
from services.campaign.schemas.messages import (
    InboxMessage,
    MessageOfViewer,
    MessageShown,
    Noted,
    Parcel,
    Receipts,
    TriggerLog,
)
from services.campaign.schemas.words import Channel, MessageState
from shared.app import HouseDep, Session, allow
from shared.pages import Page, PageDep

router = APIRouter(tags=["messages"])
Profile = Annotated[str, Query(min_length=1, max_length=500, description="A profile id or namespace:value")]


@router.get("/v1/campaigns/{key}/messages", dependencies=[allow("campaign:read")])
async def list_messages(
    session: Session,
    key: KeyInPath,
    page: PageDep,
    state: Annotated[MessageState | None, Query(description="Only messages in this state")] = None,
    reason: Annotated[str | None, Query(max_length=100, description="Only messages with this reason")] = None,
) -> Page[MessageShown]:
    """Messages of a campaign, newest first: to whom, why, and what became of each."""
    rows, following = await lists.messages(session, key, page, state=state, reason=reason)
    return Page(items=[MessageShown.model_validate(row) for row in rows], next=following)


@router.get("/v1/campaigns/{key}/triggers", dependencies=[allow("campaign:read")])
async def list_triggers(session: Session, key: KeyInPath, page: PageDep) -> Page[TriggerLog]:
    """What other systems sent over the bus under this campaign's trigger name, newest first."""
    rows, following = await lists.triggers(session, key, page)
    return Page(items=[TriggerLog.model_validate(row) for row in rows], next=following)


@router.get("/v1/messages", dependencies=[allow("campaign:read")])
async def messages_of_viewer(
    session: Session, house: HouseDep, profile: Profile, page: PageDep
) -> Page[MessageOfViewer]:
    """All messages of a viewer over all campaigns, newest first, each with its one reason if it was not sent."""
    profile_id = await parcels.resolved(house, profile)
    rows, following = await lists.viewers_messages(session, profile_id, page)
    return Page(items=[MessageOfViewer.model_validate(row) for row in rows], next=following)


@router.post("/v1/messages/receipts", dependencies=[allow("campaign:write")])
async def note_receipts(session: Session, told: Receipts) -> Noted:
    """What providers said later: that messages bounced, or that they did arrive."""
    return Noted(noted=await receipts.note(session, told))


@router.get("/v1/outbox", dependencies=[allow("campaign:read")])
async def outbox(session: Session, page: PageDep, channel: Annotated[Channel | None, Query()] = None) -> Page[Parcel]:
    """What would have been sent on channels without a provider, newest first; kept for a week."""
    rows, following = await lists.parcels(session, page, channel)
    return Page(items=[Parcel.model_validate(row) for row in rows], next=following)


@router.get("/v1/viewers/{ref:path}/inbox", dependencies=[allow("campaign:read")])
async def inbox(
    session: Session,
    house: HouseDep,
    ref: Annotated[str, Path(max_length=500, description="A profile id or namespace:value")],
    page: PageDep,
    unread: Annotated[bool, Query(description="Only those he has not read")] = False,
) -> Page[InboxMessage]:
    """In-app messages of a viewer, newest first; a front-end's own server shows them.

    Read is told by the event `Inbox Message Read` with the property `message_id`.
    """
    profile_id = await parcels.resolved(house, ref)
    rows, following = await lists.inbox(session, profile_id, page, unread=unread)
    return Page(items=[InboxMessage.model_validate(row) for row in rows], next=following)
