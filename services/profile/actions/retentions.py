"""Events are kept as long as operators want."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.schemas.retentions import NewRetention, Retention, Retentions
from services.profile.store import events
from services.profile.store import retentions as store
from shared import clock
from shared.contracts import RetentionDefined
from shared.errors import Invalid, NotFound
from shared.outbox import tell

REST = "*"
"""Stands for every event without a line of its own."""

LONGEST = 512
"""Characters of a name, as at the gateway."""

AT_ONCE = 5000
"""Calls that go in one turn; the next begins at once while there are so many."""


class UnknownRetention(NotFound):
    """There is no retention of its own for this event"""


async def every(session: AsyncSession) -> Retentions:
    """All that is not kept for ever, by event."""
    return Retentions(items=[Retention.model_validate(row) for row in await store.every(session)])


async def put(session: AsyncSession, event: str, wanted: NewRetention) -> Retention:
    """Keep events of this name so many days, here and in every copy. Raises Invalid."""
    if not event or len(event) > LONGEST or "\0" in event:
        raise Invalid(f"an event's name has 1 to {LONGEST} characters and no NUL", field="event")
    at = clock.now()
    await store.put(session, event, wanted.days, at)
    tell(session, RetentionDefined(event=event, days=wanted.days))
    return Retention(event=event, days=wanted.days, updated_at=at)


async def delete(session: AsyncSession, event: str) -> None:
    """Keep them as all others again. Raises UnknownRetention."""
    if not await store.drop(session, event):
        raise UnknownRetention(f"no retention is set for {event!r}; GET /v1/privacy/retentions lists those that are")
    tell(session, RetentionDefined(event=event))


async def snapshot(session: AsyncSession, after: str | None, limit: int) -> tuple[list[RetentionDefined], str | None]:
    """All lines by event, for newcomers; the cursor is the last event."""
    rows = [row for row in await store.every(session) if after is None or row.event > after][:limit]
    facts = [RetentionDefined(event=row.event, days=row.days) for row in rows]
    return facts, rows[-1].event if len(rows) == limit else None


async def expire(session: AsyncSession) -> bool:
    """Delete calls whose time is over, those of the oldest months first, `AT_ONCE` at most; whether there may be more.

    Sums, counts, traits and first and last touch stay: they are totals and not events, and nothing is subtracted. Calls
    that are no events (identify, group, alias) go with all that has no line of its own. One sent again after it went
    counts again.
    """
    now = clock.now()
    ends = {row.event: now - timedelta(days=row.days) for row in await store.every(session)}
    if not ends:
        return False
    rest = ends.pop(REST, None)
    latest = max([*ends.values(), *([] if rest is None else [rest])])
    gone = 0
    for its in await events.months(session):
        if gone >= AT_ONCE or not events.begins_before(its, latest):
            break
        gone += await events.expire(session, its, ends, rest, limit=AT_ONCE - gone)
    return gone >= AT_ONCE
