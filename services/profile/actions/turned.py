"""Calls that the gateway did not take in: counted as it tells, and shown with the reasons."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import quality
from services.profile.schemas.collection import TurnedAway
from services.profile.store import turned as store
from shared.contracts import EventsRejected

MOST = 2000
"""Kinds of one day; of more only source and reason are told apart, so that nobody fills the table with names."""

SHOWN = 500
OTHERS = "*"


async def hear(session: AsyncSession, facts: list[EventsRejected]) -> None:
    """Add what the gateway counted; it is part of what came, and of what was refused, in the data's quality too."""
    days = {fact.last_at.date() for fact in facts}
    full = {day for day in days if await store.kinds(session, day) >= MOST}
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for fact in facts:
        day = fact.last_at.date()
        event, field = (OTHERS, "") if day in full else (fact.event, fact.field)
        key = (day, fact.source, event, fact.code, field)
        known = rows.get(key)
        rows[key] = {
            "day": day,
            "source": fact.source,
            "event": event,
            "code": fact.code,
            "field": field,
            "number": fact.number + (known["number"] if known else 0),
            "reason": fact.reason,
            "message_id": fact.message_id,
            "last_at": max(fact.last_at, known["last_at"]) if known else fact.last_at,
        }
    ordered = [rows[key] for key in sorted(rows)]
    await store.add(session, ordered)
    await quality.note_turned_away(session, ordered)


async def shown(session: AsyncSession, *, event: str | None, source: str | None) -> list[TurnedAway]:
    """What was turned away within seven days, the most frequent first."""
    rows = await store.most(session, event=event, source=source, limit=SHOWN)
    return [TurnedAway.model_validate(row) for row in rows]
