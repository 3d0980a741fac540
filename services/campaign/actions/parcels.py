"""What is kept instead of sent, and whose it is."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.actions import asking
from services.campaign.actions.messages import WEEK
from services.campaign.store import manners, parcels
from shared import clock
from shared.bus import Unanswered
from shared.errors import Unavailable
from shared.house import House

KEPT = timedelta(days=7)


async def resolved(house: House, ref: str) -> int:
    """The profile id behind a ref. Raises BadRef, UnknownViewer, Unavailable."""
    try:
        return await asking.viewer(house.bus, ref, field="profile")
    except Unanswered as error:
        raise Unavailable("profile does not answer: try again in a moment") from error


async def forget(session: AsyncSession) -> None:
    """Drop what would have been sent a week ago, and counts of who was sent nothing for a week."""
    now = clock.now()
    await parcels.forget(session, now - KEPT)
    await manners.forget(session, now - WEEK)
