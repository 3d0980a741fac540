"""Segments as operators see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging, truth
from services.segment.actions.filling import FILL
from services.segment.actions.knowing import known, place
from services.segment.schemas.segments import Filling, SegmentOutput
from services.segment.store import definitions, log
from services.segment.store.rows import AnyRow
from shared import clock, jobs, pages
from shared.pages import Page, PageAsked


async def get(session: AsyncSession, key: str) -> SegmentOutput:
    """One segment. Raises UnknownSegment."""
    return await output(session, await known(session, key))


async def page(session: AsyncSession, asked: PageAsked, *, archived: bool | None) -> Page[SegmentOutput]:
    """Segments in the order of their creation."""
    rows = await definitions.page(session, place(asked, "id"), asked.limit + 1, archived=archived)
    shown = rows[: asked.limit]
    following = pages.encode({"id": shown[-1].id}) if len(rows) > len(shown) else None
    return Page(items=await _outputs(session, shown), next=following)


async def output(session: AsyncSession, row: AnyRow) -> SegmentOutput:
    """A segment as it is shown."""
    return (await _outputs(session, [row]))[0]


async def _outputs(session: AsyncSession, rows: Sequence[AnyRow]) -> list[SegmentOutput]:
    now = clock.now()
    sizes = await log.sizes(session, [row.id for row in rows], log.day_of(now))
    running = await jobs.latest(session, FILL, [row.key for row in rows if row.filling])
    late = await truth.behind(session)
    defined = (await judging.book(session)).definitions
    shown: list[SegmentOutput] = []
    for row in rows:
        size, entered, left = sizes.get(row.id, (0, 0, 0))
        problem = defined[row.id].problem if row.id in defined else None
        live = row.filling is None and not row.archived and row.kind == "rule"
        shown.append(
            SegmentOutput(
                key=row.key,
                name=row.name,
                kind=row.kind,
                version=row.version,
                rule=row.rule,
                archived=row.archived,
                size=size,
                entered_today=entered,
                left_today=left,
                true_as_of=now - timedelta(seconds=late or 0) if live else row.true_as_of,
                behind=late if live else None,
                filling=None if problem else _filling(row, running.get(row.key)),
                problem=problem,
                created_at=row.created_at,
                updated_at=row.updated_at,
            )
        )
    return shown


def _filling(row: AnyRow, job: Any) -> Filling | None:
    if job is None:
        return None
    return Filling(job_id=job.id, state=job.state, cause=row.filling, done=job.done, total=job.total)
