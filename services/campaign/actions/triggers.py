"""Bus triggers: kept as they come, planned once their viewers are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign import bell
from services.campaign.actions import messages
from services.campaign.rules import occasions, sending
from services.campaign.store import Record, campaigns, triggers
from services.campaign.store.messages import Recipient
from shared import clock
from shared.contracts import TriggerReceived

TURN = 20
"""Triggers of one turn: at most 20,000 viewers to resolve."""
UNKNOWN_TRIES = 6
"""A trigger may overtake the event that first made its viewer known, so unknown ones are asked for again for 31 s."""
NOBODY_LISTENS = "no running campaign listens to it"


async def keep(session: AsyncSession, facts: list[TriggerReceived]) -> None:
    """Keep triggers durably. Their viewers are resolved later, since a listener must not wait for another service.

    Raises BadTrigger, which makes the trigger a dead letter with that sentence: visible, and can be played again.
    """
    now = clock.now()
    for fact in facts:
        occasions.refs(fact.data)
    heard = {row.trigger_name for row in await campaigns.listening(session, "bus", {fact.name for fact in facts})}
    await triggers.keep(
        session,
        [
            {
                "name": fact.name,
                "trigger_id": fact.id,
                "data": fact.data,
                "at": fact.at,
                "state": "waiting" if fact.name in heard else "ignored",
                "reason": None if fact.name in heard else NOBODY_LISTENS,
                "recipients": 0,
                "unresolved": [],
                "attempts": 0,
                "due_at": now,
                "finished_at": None if fact.name in heard else now,
            }
            for fact in facts
        ],
    )
    if heard:
        bell.ring(session)


async def due(session: AsyncSession) -> Sequence[Record]:
    """Triggers whose viewers are to be resolved now."""
    return await triggers.due(session, now=clock.now(), limit=TURN)


async def postpone(session: AsyncSession, rows: Iterable[Record], *, reason: str) -> None:
    """Try again after an outage."""
    due_at = clock.now() + sending.OUTAGE_RETRY
    await triggers.postpone(session, [row.id for row in rows], due_at=due_at, reason=reason)


async def plan(session: AsyncSession, trigger: int, known: Mapping[str, int]) -> None:
    """Plan for the viewers of a trigger; `known` has the profile id of each ref that has one."""
    row = await triggers.locked(session, trigger)
    if row is None:
        return
    now = clock.now()
    ids, refs = occasions.refs(row.data)
    unresolved = [ref for ref in refs if ref not in known]
    profile_ids = sorted({*ids, *(known[ref] for ref in refs if ref in known)})
    listening = await campaigns.listening(session, "bus", {row.name})
    occasion = occasions.bus_occasion(row.name, row.trigger_id)
    for campaign in listening:
        await messages.plan(session, campaign, [Recipient(id, occasion) for id in profile_ids], trigger=row.id)
    attempts = row.attempts + 1
    values: dict[str, Any] = {"recipients": len(profile_ids), "unresolved": unresolved, "attempts": attempts}
    if not listening:
        values |= {"state": "ignored", "reason": NOBODY_LISTENS, "recipients": 0, "finished_at": now}
    elif unresolved and attempts < UNKNOWN_TRIES:
        values |= {"reason": "unknown_viewer", "due_at": now + timedelta(seconds=2 ** (attempts - 1))}
    elif not profile_ids:
        values |= {"state": "failed", "reason": "unknown_viewer", "finished_at": now}
    else:
        values |= {
            "state": "planned",
            "reason": "some_unknown_viewers" if unresolved else None,
            "finished_at": now,
        }
    await triggers.change(session, row.id, **values)
