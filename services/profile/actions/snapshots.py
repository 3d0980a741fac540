"""The present state as facts, page by page, for services that come later."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import telling
from services.profile.rules import bots, contacts, namespaces
from services.profile.rules import identities as identity_rules
from services.profile.rules.events import is_history
from services.profile.store import events, identities
from shared.contracts import EventRecorded, IdentityLinked, ProfileUpdated


class Place(msgspec.Struct, array_like=True):
    """Where the next page of events begins: after this event of this month."""

    month: tuple[int, int]
    profile_id: int
    time: datetime
    id: int


async def profiles(session: AsyncSession, after: str | None, limit: int) -> tuple[list[ProfileUpdated], str | None]:
    """Profiles by id; the cursor is the last id."""
    versions = await identities.oldest(session, after=int(after or 0), limit=limit)
    return await telling.present(session, versions), str(max(versions)) if len(versions) == limit else None


async def links(session: AsyncSession, after: str | None, limit: int) -> tuple[list[IdentityLinked], str | None]:
    """Identities by origin; the cursor is the last origin."""
    rows = await identities.page(session, after=after or "", limit=limit)
    facts = []
    for origin, profile_id, move in rows:
        if not namespaces.is_contact(origin):
            namespace, value = identity_rules.parts(origin)
            facts.append(IdentityLinked(profile_id=profile_id, namespace=namespace, value=value, move=move))
    return facts, rows[-1][0] if len(rows) == limit else None


async def recorded(session: AsyncSession, after: str | None, limit: int) -> tuple[list[EventRecorded], str | None]:
    """Events month by month, in each month viewer by viewer in order of time."""
    place = msgspec.json.decode(after, type=Place) if after else None
    facts: list[EventRecorded] = []
    for month in await events.months(session):
        if place is not None and month < place.month:
            continue
        key = (place.profile_id, place.time, place.id) if place is not None and month == place.month else None
        rows = await events.page(session, month, after=key, limit=limit - len(facts))
        facts += [_recorded(row) for row in rows]
        if len(facts) == limit:
            last = Place(month, rows[-1].profile_id, rows[-1].time, rows[-1].id)
            return facts, msgspec.json.encode(last).decode()
    return facts, None


def _recorded(row: Any) -> EventRecorded:
    return EventRecorded(
        event_id=row.message_id,
        origin=row.origin,
        profile_id=row.profile_id,
        event=row.event,
        time=row.time,
        received_at=row.received_at,
        history=is_history(row.time, row.received_at),
        properties=contacts.scrubbed(row.properties),
        bot=bots.mark(row.context) or msgspec.UNSET,
    )
