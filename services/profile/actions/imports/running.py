"""A file is checked or taken in, as a job, and forgotten."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import giving, import_lines
from services.profile.actions.imports import listing, taking
from services.profile.rules import imports as rules
from services.profile.schemas.imports import Import, ImportOrder
from services.profile.store import imports as store
from shared import clock, jobs
from shared.errors import Conflict, Invalid
from shared.jobs import JobRow, Progress

KEPT = timedelta(days=90)
LINES_KEPT = timedelta(days=7)


class Underway(Conflict):
    """The import is under way"""


class NoLines(Conflict):
    """The lines of this file are gone"""


async def run(session: AsyncSession, import_id: int, order: ImportOrder, *, unmasked: bool) -> Import:
    """Check a file, or take it in, as a job. Raises UnknownImport, Invalid, Underway, NoLines."""
    row = await listing.known(session, import_id, lock=True)
    state = (await listing.outputs(session, [row]))[0].state
    if state in ("checking", "running"):
        raise Underway("wait until it is finished: GET the import shows how far it is")
    if state == "finished":
        raise NoLines("it was taken in already; upload the file again to take it in again")
    if await store.lines(session, import_id, after=0) is None and row.lines:
        raise NoLines("they are kept for seven days; upload the file again")
    wrong = rules.mapping_problem(order.mapping, row.columns)
    if wrong is not None:
        raise Invalid(wrong.message, field=f"mapping.{wrong.column}" if wrong.column else "mapping")
    known = await giving.words(session)
    for column, one in order.mapping.items():
        if one.tag is not None and known.get(one.tag) != one.tag:
            detail = f"there is no tag {one.tag!r} of kind manual or imported: make it with PUT /v1/tags/{one.tag}"
            raise Invalid(detail, field=f"mapping.{column}.tag")
    mapping = {column: one.model_dump(exclude_none=True) for column, one in order.mapping.items()}
    await store.drop_errors(session, import_id)
    job_id = await jobs.begin(session, import_lines.KIND, str(import_id), {"dry_run": order.dry_run}, total=row.lines)
    state = "checking" if order.dry_run else "running"
    await store.change(session, import_id, mapping=mapping, state=state, counts={}, job_id=job_id)
    return await listing.shown(session, import_id, unmasked=unmasked)


async def step(session: AsyncSession, job: JobRow) -> Progress:
    """Check or take in the next lines. What was committed is never done twice: the cursor goes with it."""
    import_id, dry_run = int(job.subject), bool(job.params["dry_run"])
    row = await store.by_id(session, import_id, lock=True)
    if row is None:
        return Progress(done=job.done, finished=True)
    found = await import_lines.after(session, import_id, int(job.cursor or 0))
    if found is None:
        state = "checked" if dry_run else "finished"
        await store.change(session, import_id, state=state)
        if not dry_run:
            await store.drop_lines(session, import_id)
        return Progress(done=job.done, total=row.lines, cursor=job.cursor, finished=True)
    first, lines = found
    counts = await taking.take(session, row, first, lines, dry_run=dry_run)
    total = {name: row.counts.get(name, 0) + count for name, count in counts.items()}
    await store.change(session, import_id, counts=total)
    return Progress(done=job.done + len(lines), total=row.lines, cursor=str(first))


async def remove(session: AsyncSession, import_id: int) -> None:
    """Forget a file and what was said about it; what was taken in stays. Raises UnknownImport, Underway."""
    row = await listing.known(session, import_id, lock=True)
    if (await listing.outputs(session, [row]))[0].state in ("checking", "running"):
        raise Underway("wait until it is finished: GET the import shows how far it is")
    await store.remove(session, import_id)


async def forget(session: AsyncSession) -> None:
    """Forget lines and errors after seven days, imports after ninety."""
    now = clock.now()
    await store.forget(session, lines_before=now - LINES_KEPT, before=now - KEPT)
