"""Routes every house has: dead letters to look at and play again, jobs to watch."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy import func, select, update

from shared import clock, jobs
from shared.caller import allow
from shared.database import Session
from shared.errors import Conflict, NotFound
from shared.house import House
from shared.pages import Page, PageDep, encode
from shared.reader import UNREADABLE, Apply
from shared.schemas import Output
from shared.tables import dead_letters, outbox


class NoSuchDeadLetter(NotFound):
    """There is no such dead letter"""


class NoSuchJob(NotFound):
    """There is no such job"""


class StillFails(Conflict):
    """Played again, it failed again"""


class DeadLetter(Output):
    """A fact that could not be taken in, and why."""

    id: int
    stream: str
    part: int
    sequence: int
    kind: str
    payload: Any
    error: str
    trace: str
    at: datetime
    replayed_at: datetime | None


class JobShown(Output):
    """A long piece of work: `done` of `total` units, `state` running, finished, failed or superseded."""

    id: int
    kind: str
    subject: str
    state: str
    done: int
    total: int | None
    error: str | None
    begun_at: datetime
    updated_at: datetime


class ReaderShown(Output):
    """A stream as this process reads it: sequences of the last message `taken` in and of the `last` there is.

    Both are absent while it does not read.
    """

    stream: str
    caught_up: bool
    taken: int | None
    last: int | None


class OutboxShown(Output):
    """Messages that wait for their stream, and the ids of the first and the last of them."""

    waiting: int
    first: int | None
    last: int | None


class Readers(Output):
    """How far a service has taken in what was there, and what it still has to tell."""

    outbox: OutboxShown
    readers: list[ReaderShown]


def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


HouseDep = Annotated[House, Depends(_house)]
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


def routes(name: str) -> APIRouter:
    """The operations of one service, below `/v1/services/<name>`."""
    router = APIRouter(prefix=f"/v1/services/{name}", tags=["operations"])

    @router.get("/readers", dependencies=[allow("operations:read")])
    async def list_readers(session: Session, house: HouseDep) -> Readers:
        """How far this process has taken in what was sent and told: nothing is silently stale."""
        query = select(func.count(), func.min(outbox.c.id), func.max(outbox.c.id))
        waiting, first, last = (await session.execute(query)).one()
        shown = []
        for reader in house.readers:
            taken, latest = await reader.progress() or (None, None)
            caught_up = house.caught_up[reader.stream]
            shown.append(ReaderShown(stream=reader.stream, caught_up=caught_up, taken=taken, last=latest))
        return Readers(outbox=OutboxShown(waiting=waiting, first=first, last=last), readers=shown)

    @router.get("/dead-letters", dependencies=[allow("operations:read")])
    async def list_dead_letters(session: Session, page: PageDep) -> Page[DeadLetter]:
        """Dead letters, newest first."""
        query = select(dead_letters).order_by(dead_letters.c.id.desc()).limit(page.limit + 1)
        if (before := page.number("id")) is not None:
            query = query.where(dead_letters.c.id < before)
        rows = (await session.execute(query)).all()
        shown = [_shown(row) for row in rows[: page.limit]]
        return Page(items=shown, next=encode({"id": shown[-1].id}) if len(rows) > page.limit else None)

    @router.post("/dead-letters/{letter_id}/replay", dependencies=[allow("operations:write")])
    async def replay_dead_letter(session: Session, letter_id: Id, house: HouseDep) -> DeadLetter:
        """Take the fact in now, after its cause was mended. Playing a letter twice does nothing new."""
        query = select(dead_letters).where(dead_letters.c.id == letter_id).with_for_update()
        row = (await session.execute(query)).one_or_none()
        if row is None:
            raise NoSuchDeadLetter(f"no dead letter has the id {letter_id}")
        if row.replayed_at is None:
            await _replay(session, house, row)
            await session.execute(
                update(dead_letters).where(dead_letters.c.id == letter_id).values(replayed_at=clock.now())
            )
            row = (await session.execute(query)).one()
        return _shown(row)

    @router.get("/jobs/{job_id}", dependencies=[allow(f"{name}:read")])
    async def show_job(session: Session, job_id: Id) -> JobShown:
        """One job with its progress."""
        row = await jobs.by_id(session, job_id)
        if row is None:
            raise NoSuchJob(f"no job has the id {job_id}")
        return JobShown.model_validate(row)

    return router


async def _replay(session: Session, house: House, row: Any) -> None:
    apply = Apply(house.service.listeners)
    try:
        items = apply.decode(row.kind, row.payload)
    except UNREADABLE as error:
        raise StillFails(f"it cannot be decoded: {error}") from error
    if not items:
        raise StillFails(f"nobody here listens to {row.kind}")
    for item, why in await apply.salvage(session, row.kind, items):
        raise StillFails(f"{why} ({item})"[:2000])


def _shown(row: Any) -> DeadLetter:
    try:
        payload = msgspec.json.decode(row.payload)
    except UNREADABLE:
        payload = row.payload.decode("utf-8", "replace")
    return DeadLetter.model_validate({**row._mapping, "payload": payload})
