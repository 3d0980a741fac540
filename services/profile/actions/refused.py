"""Refused events: to be looked at, and taken in again after the schema was mended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import events, intake, keys, links, plan
from services.profile.rules import contacts
from services.profile.rules import events as event_rules
from services.profile.rules.event_types import Violation
from services.profile.schemas.collection import RefusedEvent, Replay, ReplayBegun
from services.profile.store import refused as store
from services.profile.store import turned
from services.profile.store.refused import Filter
from shared import clock, jobs, pages
from shared.contracts import EventReceived
from shared.errors import NotFound
from shared.jobs import Job, JobRow, Progress
from shared.pages import Page, PageAsked

KEPT = timedelta(days=7)

CHUNK = 500
"""Events one step takes in: a fraction of a second."""


class NothingRefused(NotFound):
    """There is nothing to replay"""


async def page(
    session: AsyncSession,
    asked: PageAsked,
    *,
    event: str | None = None,
    source: str | None = None,
    after: datetime | None = None,
    before: datetime | None = None,
    unmasked: bool,
) -> Page[RefusedEvent]:
    """Refused events, the newest first; of those refused at `after` ≤ time < `before`."""
    wanted = Filter(event, source, after, before)
    rows = await store.page(session, wanted, before=asked.number("id"), limit=asked.limit + 1)
    shown = rows[: asked.limit]
    items = await _opened(session, shown)
    return Page(
        items=[_shown(row, items.get(row.id), unmasked=unmasked) for row in shown],
        next=pages.encode({"id": shown[-1].id}) if len(rows) > len(shown) else None,
    )


def exposed(shown: Sequence[RefusedEvent]) -> list[str]:
    """Those of these events, shown unmasked, that hold contact data or what viewers wrote."""
    return [f"refused:{one.id}" for one in shown if contacts.masked(one.properties) != one.properties]


async def replay(session: AsyncSession, wanted: Replay) -> ReplayBegun:
    """Begin to take these in again; an older replay of the same that still runs gives way. Raises NothingRefused."""
    count, last = await store.extent(session, Filter(event=wanted.event, source=wanted.source))
    if not count:
        of = f" from {wanted.source!r}" if wanted.source is not None else ""
        raise NothingRefused(f"no refused event is named {wanted.event!r}{of}; they are kept for {KEPT.days} days")
    params = {"event": wanted.event, "source": wanted.source, "upto": last}
    subject = wanted.event if wanted.source is None else f"{wanted.event} of {wanted.source}"
    return ReplayBegun(job_id=await jobs.begin(session, REPLAY.kind, subject, params, total=count), total=count)


async def step(session: AsyncSession, job: JobRow) -> Progress:
    """Take in the next of them, as if they came now with their own times; those that still violate stay, with why."""
    after = int(job.cursor or 0)
    wanted = Filter(event=job.params["event"], source=job.params["source"])
    rows = await store.take(session, wanted, after=after, upto=job.params["upto"], limit=CHUNK)
    if not rows:
        return Progress(job.done, cursor=job.cursor, finished=True)
    present = await plan.current(session)
    blind, blocked = await links.blinder(session), await plan.blocked(session)
    items = await _opened(session, rows)
    # What nobody can open any more belongs to somebody who was erased: it goes.
    gone = [row.id for row in rows if row.id not in items]
    mended: list[EventReceived] = []
    still: list[tuple[event_rules.Call, Violation]] = []
    for row_id, item in items.items():
        call = event_rules.read(item, blind, blocked)
        found = intake.judge(present, call)
        if found is None:
            mended.append(item)
            gone.append(row_id)
        else:
            still.append((call, found))
    if still:
        await store.keep(session, await intake.lines(session, still))
    if gone:
        await store.drop(session, gone)
    if mended:
        await events.absorb(session, mended, late=clock.now())
    return Progress(job.done + len(rows), cursor=str(rows[-1].id), finished=len(rows) < CHUNK)


REPLAY = Job("refused.replay", step)


async def forget(session: AsyncSession) -> None:
    """Drop what was refused, or turned away, more than seven days ago."""
    before = clock.now() - KEPT
    await store.forget(session, before)
    await turned.forget(session, before.date())


async def _opened(session: AsyncSession, rows: Sequence[Row[Any]]) -> dict[int, EventReceived]:
    """The calls of these rows by id, where they can be opened."""
    opening = await keys.opener(session, {row.origin for row in rows})
    opened = {row.id: opening(row.origin)(row.call) for row in rows}
    return {row_id: msgspec.convert(one, EventReceived) for row_id, one in opened.items() if one != keys.LOST}


def _shown(row: Row[Any], item: EventReceived | None, *, unmasked: bool) -> RefusedEvent:
    properties = item.properties if item is not None else {}
    return RefusedEvent(
        id=row.id,
        refused_at=row.refused_at,
        event=row.event,
        source=row.source,
        origin=row.origin,
        message_id=row.message_id,
        time=row.time,
        reason=row.reason,
        path=row.path,
        excerpt=row.excerpt,
        properties=properties if unmasked else contacts.masked(properties),
    )
