"""Fills: every viewer is judged by a new rule, some thousand at a time, while the live work goes on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.rules.blocks import ids
from services.segment.rules.book import Book, Change, Definition
from services.segment.store import deadlines, definitions, members, viewers
from services.segment.store.rows import AnyRow
from shared import clock
from shared.jobs import JobRow, Progress

FILL = "fill"
CHUNK = 4_000
CLEAR = 20
"""Blocks of an archived segment that are emptied at once; deadlines a thousand times as many."""


async def step(session: AsyncSession, job: JobRow) -> Progress:
    """One piece of a fill; for an archived segment, of forgetting its members.

    A fill waits for no viewer: it stops before the first whom somebody else is judging, and comes again. Its first step
    waits instead for everybody who began before the definition was known, because they would not judge by it.
    """
    segment = await definitions.to_fill(session, job.params["segment_id"])
    here = Progress(done=job.done, total=job.total, cursor=job.cursor)
    if segment is None:
        return here
    if job.cursor is None:
        await members.close_gate(session)
        return Progress(done=0, total=job.total, cursor="0")
    if segment.archived:
        return await _clear(session, segment, job)
    if segment.filling is None:
        return Progress(done=job.done, cursor=job.cursor, finished=True)
    those = await viewers.after(session, int(job.cursor), CHUNK)
    if not those:
        await definitions.filled(session, segment.id, clock.now())
        return Progress(done=job.done, total=job.done, cursor=job.cursor, finished=True)
    free = await members.lock_free(session, those)
    mine = those[: next((place for place, one in enumerate(those) if one not in free), len(those))]
    if not mine:
        return here
    now = await judging.book(session)
    wanted = {one: {segment.id: segment.filling} for one in mine}
    await judging.settle(session, now, wanted, clock.now())
    return Progress(done=job.done + len(mine), total=job.total, cursor=str(mine[-1]))


async def _clear(session: AsyncSession, segment: AnyRow, job: JobRow) -> Progress:
    """Everyone leaves a segment that is archived: whoever shows or sends by it must hear so."""
    held = await members.some(session, segment.id, CLEAR)
    gone: Sequence[int] = [one for (block, _), places in held.items() for one in ids(block, places)]
    free = await members.lock_free(session, gone)
    changes = [Change(segment.id, one, "definition", entered=False) for one in gone if one in free]
    of = Definition(segment.id, segment.key, segment.version, None, None)
    await judging.write(session, Book([of]), await members.read(session, held), changes, clock.now())
    more = await deadlines.clear(session, segment.id, CLEAR * 1000)
    return Progress(done=job.done + len(changes), cursor=job.cursor, finished=not held and not more)
