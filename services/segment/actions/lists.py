"""Static lists: viewers put on them and taken off them, one by one or by a file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment import memory
from services.segment.actions import judging, places
from services.segment.actions.judging import Wanted
from services.segment.actions.knowing import known, to_change
from services.segment.rules.blocks import block_of, place_of
from services.segment.rules.book import Change
from services.segment.schemas.life import ListJob, Unmatched
from services.segment.store import lists, members, moves
from services.segment.store.rows import AnyRow
from shared import clock, jobs
from shared.bus import Bus
from shared.contracts import ResolveAnswered, ResolveAsked
from shared.errors import Conflict, Invalid, NotFound
from shared.jobs import JobRow, Progress

LIST = "list"
CAUSE = "definition"
"""An operator decided it: it is no news of the viewer's."""
AT_ONCE = 2000
ASKED = 500
MOST_BYTES = 50 * 1024 * 1024
MOST_REF = 500
SHOWN = 100
KEPT = timedelta(days=30)
CONTACTS = ("email", "phone")
"""Namespaces whose values are contact data: they are not kept longer than it takes to ask whose they are."""


class NotAList(Conflict):
    """The segment has a rule: who is in it is not put there by hand"""


class UnknownList(NotFound):
    """There is no such upload of this list"""


async def put(session: AsyncSession, key: str, profile_id: int, *, on: bool) -> None:
    """Put a viewer on a list, or take him off it; doing it again changes nothing. Raises NotAList."""
    row = await _list(session, key)
    await members.lock(session, [profile_id])
    await _move(session, row.id, [profile_id], on=on)


async def upload(
    session: AsyncSession, key: str, body: AsyncIterator[bytes], column: str | None, *, on: bool
) -> ListJob:
    """Take a CSV whose first line names its columns, and begin to move its viewers. Raises NotAList, Invalid.

    `column` names the one that says who; its name is the namespace (`userId` and `anonymousId` too). Without it the
    first column does.
    """
    row = await _list(session, key)
    # lines may end as on any system, also as on old Macs
    lines = _lines(io.StringIO(await _text(body), newline=None))
    header = [name.strip() for name in next(lines, [])]
    if not header or not any(header):
        raise Invalid("the file is empty: its first line names the columns", field="body")
    if any(len(name) > MOST_REF for name in header):
        raise Invalid(f"the first line names the columns, at most {MOST_REF} characters each", field="body")
    if column is not None and column not in header:
        raise Invalid(f"the file has no column {column!r}, but {', '.join(header)}", field="column")
    place = header.index(column) if column is not None else 0
    namespace = NAMESPACES.get(header[place], header[place])
    job_id = await jobs.begin(session, LIST, f"{key} {clock.now().isoformat()}", {"segment_id": row.id, "on": on})
    total = 0
    for piece in _pieces(lines, place, namespace):
        await lists.add(session, job_id, piece)
        total += len(piece)
    await lists.size(session, job_id, total)
    return await shown(session, key, job_id)


async def is_loading(session: AsyncSession, key: str) -> bool:
    """Whether the viewers of a file are still being put on this list, or taken off it."""
    return await jobs.is_busy(session, LIST, f"{key} ")


NAMESPACES = {"userId": "user_id", "anonymousId": "anonymous_id", "id": "profile_id"}


async def _text(body: AsyncIterator[bytes]) -> str:
    read = bytearray()
    async for piece in body:
        read += piece
        if len(read) > MOST_BYTES:
            raise Invalid(f"the file has more than {MOST_BYTES // 1024**2} MB: send it in parts", field="body")
    try:
        return bytes(read).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"the file is not UTF-8: {error.reason} at byte {error.start}", field="body") from None


def _lines(text: io.StringIO) -> Iterator[list[str]]:
    """The lines of a CSV. Raises Invalid."""
    try:
        yield from csv.reader(text)
    except csv.Error as error:
        raise Invalid(f"the file is no CSV: {error}", field="body") from None


def _pieces(lines: Iterator[list[str]], place: int, namespace: str) -> Iterator[list[tuple[int, str]]]:
    """Line numbers and refs, some thousand at a time; empty lines are none. Raises Invalid."""
    piece: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=2):
        value = line[place].strip() if place < len(line) else ""
        if len(value) > MOST_REF or "\x00" in value:
            raise Invalid(f"line {number} holds no id: it has {len(value)} characters", field="body")
        if value:
            piece.append((number, value if namespace == "profile_id" else f"{namespace}:{value}"))
        if len(piece) == AT_ONCE:
            yield piece
            piece = []
    if piece:
        yield piece


async def step(session: AsyncSession, job: JobRow) -> Progress:
    """Put some viewers of a file on its list. Whoever is being judged right now waits for the next step."""
    rows = await lists.waiting(session, job.id, AT_ONCE)
    row = await lists.of(session, job.params["segment_id"])
    if not rows or row is None:
        return Progress(done=job.total or job.done, finished=True)
    found = await _resolved(memory.of(session).bus, [one.origin for one in rows])
    free = await members.lock_free(session, found.values())
    if any(one.origin not in found for one in rows):
        await lists.miss(session, job.id, [one.place for one in rows if one.origin not in found])
        await lists.mask(session, job.id, CONTACTS)
    await _move(session, row.id, free, on=job.params["on"])
    done = [one.place for one in rows if found.get(one.origin) in free]
    await lists.drop(session, job.id, done)
    left = await lists.left(session, job.id)
    return Progress(done=(job.total or 0) - left, finished=not left)


async def _resolved(bus: Bus, refs: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(refs), ASKED):
        answer = await bus.ask(ResolveAsked(refs=refs[start : start + ASKED]), ResolveAnswered)
        found |= answer.profile_ids
    return found


async def _move(session: AsyncSession, segment_id: int, profile_ids: Collection[int], *, on: bool) -> None:
    """Put locked viewers on a list or take them off, and judge by whatever asks about the list."""
    homes = await moves.ended(session, profile_ids)
    alive = {homes.get(one, one) for one in profile_ids}
    await members.lock(session, alive)
    await places.decide(session, segment_id, alive, on=on)
    held = await members.read(session, {(block_of(one), segment_id) for one in alive})
    at = clock.now()
    changes = [
        Change(segment_id, one, CAUSE, on)
        for one in sorted(alive)
        if (place_of(one) in held.get((block_of(one), segment_id), ())) is not on
    ]
    now = await judging.book(session)
    await judging.write(session, now, held, changes, at)
    followers = now.following([segment_id])
    wanted: Wanted = {change.profile_id: dict.fromkeys(followers, CAUSE) for change in changes if followers}
    await judging.settle(session, now, wanted, at)


async def shown(session: AsyncSession, key: str, job_id: int) -> ListJob:
    """How far an upload is. Raises UnknownSegment, UnknownList."""
    job = await _job(session, key, job_id)
    unmatched = await lists.unmatched(session, job_id, 0, SHOWN)
    return ListJob(
        job_id=job.id,
        state=job.state,
        error=job.error,
        done=job.done,
        total=job.total,
        unmatched=await lists.missed(session, job_id),
        first_unmatched=[Unmatched(line=one.place, ref=one.origin) for one in unmatched],
    )


async def export_unmatched(session: AsyncSession, key: str, job_id: int) -> str:
    """The lines of which nobody is known, as CSV. Raises UnknownSegment, UnknownList."""
    await _job(session, key, job_id)
    told = io.StringIO()
    lines = csv.writer(told)
    lines.writerow(["line", "ref"])
    for one in await lists.unmatched(session, job_id, 0, None):
        lines.writerow([one.place, one.origin])
    return told.getvalue()


async def forget(session: AsyncSession) -> None:
    """Drop reports of uploads that are long over."""
    await lists.forget(session, clock.now() - KEPT)


async def _job(session: AsyncSession, key: str, job_id: int) -> Any:
    row = await known(session, key)
    job = await jobs.by_id(session, job_id)
    params: Mapping[str, Any] = job.params if job is not None and job.kind == LIST else {}
    if job is None or params.get("segment_id") != row.id:
        raise UnknownList(f"{key!r} has no upload {job_id}")
    return job


async def _list(session: AsyncSession, key: str) -> AnyRow:
    row = await to_change(session, key)
    if row.kind != "static":
        raise NotAList(f"{key!r} has a rule; POST /v1/segments/{key}/snapshot freezes its members in a list")
    return row
