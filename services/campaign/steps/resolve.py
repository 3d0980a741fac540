"""Resolving triggers: whom other systems mean."""

from __future__ import annotations

from services.campaign.actions import asking, triggers
from services.campaign.rules import occasions
from shared import telemetry
from shared.bus import Unanswered
from shared.house import House

log = telemetry.logger(__name__)


async def resolve(house: House) -> bool:
    """Plan the messages of triggers whose viewers profile knows."""
    async with house.db.transaction() as session:
        due = await triggers.due(session)
    if not due:
        return False
    refs = list({ref for row in due for ref in occasions.refs(row.data)[1]})
    try:
        known = await asking.resolved(house.bus, refs)
    except Unanswered as error:
        log.warning("triggers wait for profile", triggers=len(due), error=str(error))
        async with house.db.transaction() as session:
            await triggers.postpone(session, due, reason="profile_unreachable")
        return False
    for row in due:
        async with house.db.transaction() as session:
            await triggers.plan(session, row.id, known)
    return True
