"""Long work in steps: visible, resumable, and not for ever when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import MetaData, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared import jobs
from shared.database import Database
from shared.house import Service
from shared.jobs import ATTEMPTS, Job, JobRow, Progress
from shared.tables import jobs as table
from tests.harness.eventually import eventually
from tests.harness.houses import Opening
from tests.shared import toy


async def count(session: AsyncSession, job: JobRow) -> Progress:
    """Note one number; there are `upto` of them."""
    number = int(job.cursor or 0)
    await session.execute(insert(toy.noted).values(what=f"{job.subject} {number}", who=number))
    finished = number + 1 == job.params["upto"]
    return Progress(done=number + 1, total=job.params["upto"], cursor=str(number + 1), finished=finished)


KINDS = {"count": Job("count", count)}


async def begin(db: Database, subject: str, upto: int = 4, kind: str = "count") -> int:
    async with db.transaction() as session:
        return await jobs.begin(session, kind, subject, {"upto": upto}, total=upto)


async def row(db: Database, job_id: int) -> Any:
    async with db.transaction() as session:
        return await jobs.by_id(session, job_id)


async def noted(db: Database) -> list[str]:
    async with db.transaction() as session:
        return list((await session.scalars(select(toy.noted.c.what).order_by(toy.noted.c.id))).all())


async def test_progress_is_visible_and_a_restart_goes_on_at_the_cursor(db: Database) -> None:
    job_id = await begin(db, "a")
    assert await jobs.step(db, KINDS)
    assert await jobs.step(db, KINDS)
    found = await row(db, job_id)
    assert (found.state, found.done, found.total, found.cursor) == ("running", 2, 4, "2")
    reopened = Database("profile", toy.settings(db.url.replace("+asyncpg", "")))
    while await jobs.step(reopened, KINDS):
        pass
    await reopened.close()
    found = await row(db, job_id)
    assert (found.state, found.done, found.error) == ("finished", 4, None)
    assert await noted(db) == ["a 0", "a 1", "a 2", "a 3"]


async def test_a_failing_step_is_tried_five_times_then_its_error_stands(db: Database) -> None:
    tried: list[int] = []

    async def fails(session: AsyncSession, job: JobRow) -> Progress:
        tried.append(1)
        await session.execute(insert(toy.noted).values(what="must not stay", who=1))
        raise ValueError("no \x00 good")

    job_id = await begin(db, "a", kind="fails")
    kinds = {"fails": Job("fails", fails)}
    while await jobs.step(db, kinds):
        assert len(tried) <= ATTEMPTS
        found = await row(db, job_id)
        assert (found.error, found.attempts) == ("ValueError: no \ufffd good", len(tried))
        assert found.state == ("failed" if len(tried) == ATTEMPTS else "running")
    assert len(tried) == ATTEMPTS == 5
    assert await noted(db) == []


async def test_a_step_that_succeeds_forgets_its_failures(db: Database) -> None:
    tried: list[int] = []

    async def moody(session: AsyncSession, job: JobRow) -> Progress:
        tried.append(1)
        if len(tried) % 2:
            raise ValueError("not yet")
        return Progress(done=len(tried) // 2, cursor="x", finished=len(tried) == 16)

    job_id = await begin(db, "a", kind="moody")
    while await jobs.step(db, {"moody": Job("moody", moody)}):
        pass
    found = await row(db, job_id)
    assert (found.state, found.attempts, found.error, found.done) == ("finished", 0, None, 8)


async def test_an_outage_is_not_counted_as_the_jobs_fault(db: Database) -> None:
    async def away(session: AsyncSession, job: JobRow) -> Progress:
        raise ConnectionResetError

    job_id = await begin(db, "a", kind="away")
    for _ in range(ATTEMPTS + 2):
        with pytest.raises(ConnectionResetError):
            await jobs.step(db, {"away": Job("away", away)})
    found = await row(db, job_id)
    assert (found.state, found.attempts) == ("running", 0)


async def test_a_newer_job_of_the_same_subject_supersedes_the_older(db: Database) -> None:
    old = await begin(db, "a")
    other = await begin(db, "b")
    await jobs.step(db, KINDS)
    new = await begin(db, "a", upto=2)
    while await jobs.step(db, KINDS):
        pass
    states = [(await row(db, job_id)).state for job_id in (old, other, new)]
    assert states == ["superseded", "finished", "finished"]
    async with db.transaction() as session:
        newest = await jobs.latest(session, "count", ["a", "b", "c"])
    assert {subject: one.id for subject, one in newest.items()} == {"a": new, "b": other}


async def test_ten_beginners_at_once_leave_one_running(db: Database) -> None:
    await asyncio.gather(*(begin(db, "a") for _ in range(10)))
    async with db.transaction() as session:
        states = (await session.scalars(select(table.c.state))).all()
    assert sorted(states) == ["running", *["superseded"] * 9]


async def test_two_workers_share_the_jobs_and_do_no_piece_twice(db: Database) -> None:
    for subject in "abc":
        await begin(db, subject, upto=10)

    async def work() -> None:
        while await jobs.step(db, KINDS):
            pass

    await asyncio.gather(work(), work(), work())
    found = await noted(db)
    assert len(found) == len(set(found)) == 30


async def test_what_a_step_needs_is_fetched_while_nobody_waits_for_the_job(db: Database) -> None:
    """A newer job of the same subject begins while the older one's answer is fetched."""
    fetched: list[str | None] = []

    async def fetch(database: Database, job: JobRow) -> None:
        fetched.append(job.cursor)
        if len(fetched) == 2:
            async with asyncio.timeout(10):
                await begin(database, "a", upto=1, kind="fetching")

    kinds = {"fetching": Job("fetching", count, ahead=fetch)}
    old = await begin(db, "a", kind="fetching")
    while await jobs.step(db, kinds):
        pass
    assert fetched == [None, "1", None]
    assert (await row(db, old)).state == "superseded"
    assert await noted(db) == ["a 0", "a 0"]


async def test_what_was_fetched_is_used_up_before_another_job_has_its_turn(db: Database) -> None:
    """Two at a time: they would grow old while all others have theirs."""
    fetched: list[str] = []

    async def fetch(database: Database, job: JobRow) -> None:
        fetched.append(f"{job.subject} {job.cursor}")

    async def two(session: AsyncSession, job: JobRow) -> Progress:
        return replace(await count(session, job), again=int(job.cursor or 0) % 2 == 0)

    for subject in ("a", "b"):
        await begin(db, subject, kind="fetching")
    while await jobs.step(db, {"fetching": Job("fetching", two, ahead=fetch)}):
        pass
    assert fetched == ["a None", "b None", "a 2", "b 2"]
    assert await noted(db) == ["a 0", "a 1", "b 0", "b 1", "a 2", "a 3", "b 2", "b 3"]


async def test_a_fetch_that_fails_counts_as_a_failing_step(db: Database) -> None:
    async def fetch(database: Database, job: JobRow) -> None:
        raise ValueError("nothing there")

    job_id = await begin(db, "a", kind="fetching")
    while await jobs.step(db, {"fetching": Job("fetching", count, ahead=fetch)}):
        pass
    found = await row(db, job_id)
    assert (found.state, found.error, found.attempts) == ("failed", "ValueError: nothing there", ATTEMPTS)
    assert await noted(db) == []


async def test_a_lane_does_not_wait_for_another(open_house: Callable[..., Opening]) -> None:
    done = asyncio.Event()

    async def waits(database: Database, job: JobRow) -> None:
        await done.wait()

    async def long(session: AsyncSession, job: JobRow) -> Progress:
        return Progress(done=1, finished=True)

    async def short(session: AsyncSession, job: JobRow) -> Progress:
        return Progress(done=1, finished=True)

    made = (Job("long", long, ahead=waits), Job("short", short, lane="short"))
    running = await open_house(Service(name="profile", title="Toy", tables=MetaData(), jobs=made))
    first = await begin(running.db, "a", kind="long")
    second = await begin(running.db, "b", kind="short")

    async def states() -> tuple[str, str]:
        return (await row(running.db, first)).state, (await row(running.db, second)).state

    async def over(expected: tuple[str, str]) -> None:
        assert await states() == expected

    await eventually(lambda: over(("running", "finished")))
    done.set()
    await eventually(lambda: over(("finished", "finished")))


async def test_a_house_does_its_jobs_and_shows_them(open_house: Callable[..., Opening]) -> None:
    async def quick(session: AsyncSession, job: JobRow) -> Progress:
        return Progress(done=3, total=3, finished=True)

    service = Service(name="profile", title="Toy", tables=MetaData(), jobs=(Job("quick", quick),))
    running = await open_house(service)
    async with running.db.transaction() as session:
        job_id = await jobs.begin(session, "quick", "thing", {})

    async def shown() -> dict[str, Any]:
        answer = await running.client.get(f"/v1/services/profile/jobs/{job_id}", headers=running.headers("viewer"))
        body: dict[str, Any] = answer.json()
        assert body["state"] == "finished"
        return body

    found = await eventually(shown)
    assert (found["kind"], found["subject"], found["done"], found["total"], found["error"]) == (
        "quick", "thing", 3, 3, None,
    )  # fmt: skip
    missing = await running.client.get("/v1/services/profile/jobs/999")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/no-such-job")
