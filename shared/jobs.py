"""Long work in steps: each step is one transaction, progress is visible, and a restart goes on at the cursor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
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
    """What a step reports: units done so far, units in all when known, where to go on, whether this was the end.

    `again`: what comes next is at hand, fetched ahead: the next step follows at once, before those of other jobs.
    """

    done: int
    total: int | None = None
    cursor: str | None = None
    finished: bool = False
    again: bool = False


@dataclass(frozen=True)
class Job:
    """A kind of job. `step(session, job)` does a bounded piece in one transaction.

    `ahead(database, job)` fetches what the step needs and takes long, such as an answer of another process: before the
    step, without a transaction, so that nobody waits for a lock meanwhile. The job may have moved on or ended when the
    step comes, and two replicas may fetch the same. Jobs of one `lane` take turns; lanes do not wait for each other.
    """

    kind: str
    step: Callable[[AsyncSession, JobRow], Awaitable[Progress]]
    ahead: Callable[[Database, JobRow], Awaitable[None]] | None = None
    lane: str = "jobs"


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


async def is_busy(session: AsyncSession, kind: str, prefix: str) -> bool:
    """Whether a job of this kind runs whose subject begins so."""
    running = select(jobs.c.id).where(jobs.c.kind == kind, jobs.c.state == "running")
    found = running.where(jobs.c.subject.startswith(prefix, autoescape=True)).limit(1)
    return await session.scalar(found) is not None


async def step(database: Database, kinds: Mapping[str, Job]) -> bool:
    """Do one piece of one running job, the one that has waited longest; True when there may be more.

    What was fetched ahead is used up first: kept while others have their turns, it would grow old and take memory.
    """
    job_id: int | None = None
    waiting = select(jobs).where(jobs.c.state == "running", jobs.c.kind.in_(kinds)).order_by(jobs.c.updated_at).limit(1)
    waiting = waiting.with_for_update(skip_locked=True)
    try:
        if any(kind.ahead for kind in kinds.values()):
            async with database.transaction() as session:
                first = (await session.execute(waiting)).one_or_none()
                if first is None:
                    return False
                # Behind the others: who looks while the answer is fetched takes another job.
                touched = update(jobs).where(jobs.c.id == first.id).values(updated_at=clock.now())
                await session.execute(touched)
            job_id = first.id
            waiting = waiting.where(jobs.c.id == job_id)
            if ahead := kinds[first.kind].ahead:
                await ahead(database, _job(first))
        again = True
        while again:
            async with database.transaction() as session:
                row = (await session.execute(waiting)).one_or_none()
                if row is None:
                    return job_id is not None
                if job_id is None:
                    job_id = row.id
                    waiting = waiting.where(jobs.c.id == job_id)
                progress = await kinds[row.kind].step(session, _job(row))
                await _note(session, row.id, progress)
            again = progress.again
    except Exception as error:
        if job_id is None or is_outage(error):
            raise
        log.exception("a job's step failed", job=job_id)
        this = update(jobs).where(jobs.c.id == job_id, jobs.c.state == "running")
        async with database.transaction() as session:
            await session.execute(this.values(attempts=jobs.c.attempts + 1, error=words(error), updated_at=clock.now()))
            await session.execute(this.where(jobs.c.attempts >= ATTEMPTS).values(state="failed"))
    return True


async def _note(session: AsyncSession, job_id: int, progress: Progress) -> None:
    await session.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
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


def _job(row: Row[Any]) -> JobRow:
    return JobRow(row.id, row.kind, row.subject, row.params, row.cursor, row.done, row.total, row.begun_at)
