"""Long work in steps: each step is one transaction, progress is visible, and a restart goes on at the cursor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock, telemetry
from shared.database import Database, is_outage, words
from shared.tables import jobs

log = telemetry.logger(__name__)

ATTEMPTS = 5


@dataclass(frozen=True)
class JobRow:
    """A job as its step sees it."""

    id: int
    kind: str
    subject: str
    params: dict[str, Any]
    cursor: str | None
    done: int
    total: int | None
    begun_at: datetime


@dataclass(frozen=True)
class Progress:
    """What a step reports: units done so far, units in all when known, where to go on, whether this was the end."""

    done: int
    total: int | None = None
    cursor: str | None = None
    finished: bool = False


@dataclass(frozen=True)
class Job:
    """A kind of job. `step(session, job)` does a bounded piece in one transaction."""

    kind: str
    step: Callable[[AsyncSession, JobRow], Awaitable[Progress]]


async def begin(
    session: AsyncSession, kind: str, subject: str, params: dict[str, Any], *, total: int | None = None
) -> int:
    """Begin a job; an older one of the same kind and subject that still runs is superseded."""
    now = clock.now()
    # Two beginners of the same thing must see each other, or both would run.
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{kind} {subject}", 3))))
    await session.execute(
        update(jobs)
        .where(jobs.c.kind == kind, jobs.c.subject == subject, jobs.c.state == "running")
        .values(state="superseded", updated_at=now)
    )
    row = await session.execute(
        insert(jobs)
        .values(
            kind=kind,
            subject=subject,
            params=params,
            state="running",
            done=0,
            total=total,
            attempts=0,
            begun_at=now,
            updated_at=now,
        )
        .returning(jobs.c.id)
    )
    return int(row.scalar_one())


async def by_id(session: AsyncSession, job_id: int) -> Row[Any] | None:
    """One job."""
    return (await session.execute(select(jobs).where(jobs.c.id == job_id))).one_or_none()


async def latest(session: AsyncSession, kind: str, subjects: Sequence[str]) -> dict[str, Row[Any]]:
    """The newest job of this kind for each subject."""
    query = select(jobs).where(jobs.c.kind == kind, jobs.c.subject.in_(subjects)).order_by(jobs.c.id)
    return {row.subject: row for row in (await session.execute(query)).all()}


async def step(database: Database, kinds: dict[str, Job]) -> bool:
    """Do one piece of one running job, the one that has waited longest; True when there may be more."""
    job_id: int | None = None
    try:
        async with database.transaction() as session:
            query = select(jobs).where(jobs.c.state == "running", jobs.c.kind.in_(kinds)).order_by(jobs.c.updated_at)
            row = (await session.execute(query.limit(1).with_for_update(skip_locked=True))).one_or_none()
            if row is None:
                return False
            job_id = row.id
            job = JobRow(row.id, row.kind, row.subject, row.params, row.cursor, row.done, row.total, row.begun_at)
            progress = await kinds[row.kind].step(session, job)
            await session.execute(
                update(jobs)
                .where(jobs.c.id == row.id)
                .values(
                    done=progress.done,
                    total=progress.total if progress.total is not None else jobs.c.total,
                    cursor=progress.cursor,
                    state="finished" if progress.finished else "running",
                    attempts=0,
                    error=None,
                    updated_at=clock.now(),
                )
            )
    except Exception as error:
        if job_id is None or is_outage(error):
            raise
        log.exception("a job's step failed", job=job_id)
        this = update(jobs).where(jobs.c.id == job_id, jobs.c.state == "running")
        async with database.transaction() as session:
            await session.execute(this.values(attempts=jobs.c.attempts + 1, error=words(error), updated_at=clock.now()))
            await session.execute(this.where(jobs.c.attempts >= ATTEMPTS).values(state="failed"))
    return True
