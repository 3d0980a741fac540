"""Fills: every viewer is judged by a new rule, some thousand at a time, while the live work goes on."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.store import definitions, members, viewers
from services.segment.store.members import Pairs
from shared import clock
from shared.contracts import SegmentChanged, partition_of
from shared.jobs import JobRow, Progress
from shared.outbox import tell

FILL = "fill"
CHUNK = 2_000
CLEAR = 20_000


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
        await definitions.close_gate(session)
        return Progress(done=0, total=job.total, cursor="0")
    if segment.archived:
        gone, left = await members.clear(session, segment.id, CLEAR)
        await definitions.count(session, {segment.id: -len(gone)})
        _tell_left(session, segment.key, segment.version, gone)
        return Progress(done=job.done + len(gone), cursor=job.cursor, finished=not left)
    if segment.filling is None:
        return Progress(done=job.done, cursor=job.cursor, finished=True)
    ids = await viewers.after(session, int(job.cursor), CHUNK)
    if not ids:
        await definitions.filled(session, segment.id, clock.now())
        return Progress(done=job.done, total=job.done, cursor=job.cursor, finished=True)
    free = await viewers.lock_free(session, ids)
    mine = ids[: next((place for place, one in enumerate(ids) if one not in free), len(ids))]
    if not mine:
        return here
    now = await judging.book(session)
    pairs = Pairs(mine, [segment.id] * len(mine), [segment.filling] * len(mine))
    await judging.settle(session, now, pairs, clock.now(), now.program(segment.id))
    return Progress(done=job.done + len(mine), total=job.total, cursor=str(mine[-1]))


def _tell_left(session: AsyncSession, key: str, version: int, gone: Iterable[int]) -> None:
    """Everyone leaves a segment that is archived: whoever shows or sends by it must hear so."""
    parts: dict[int, list[int]] = {}
    for profile_id in gone:
        parts.setdefault(partition_of(profile_id), []).append(profile_id)
    at = clock.now()
    for part, ids in sorted(parts.items()):
        tell(session, SegmentChanged(key=key, version=version, part=part, cause="definition", at=at, left=sorted(ids)))
