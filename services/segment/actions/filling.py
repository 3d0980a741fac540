"""Fills: every viewer is judged by a new rule, piece by piece, while the live work goes on.

A small audience is judged as the live work judges. A large one is asked of the warehouse, some ten thousand viewers by
one statement, before anybody is locked, and the segment neither: whoever saves it meanwhile does not wait, and what was
asked is dropped. Of whom something was written since, or told, the live work's judgement counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyroaring import BitMap
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment import memory
from services.segment.actions import crowds, judging
from services.segment.rules.blocks import GROUP, block_of, ids, place_of
from services.segment.rules.book import Book, Change, Definition
from services.segment.store import deadlines, definitions, log, members, viewers
from services.segment.store.rows import AnyRow
from shared import clock, telemetry
from shared.contracts import PARTITIONS
from shared.database import Database
from shared.errors import Invalid, Unavailable
from shared.jobs import JobRow, Progress

telling = telemetry.logger(__name__)

FILL = "fill"
CHUNK = 4_000
LARGE = 50_000
"""Viewers from which on the warehouse is asked: judging fewer takes a few seconds, as a question to it may, too."""
GROUPS = 16
"""Groups of blocks (16,384 profile ids each) that one question is about."""
SECONDS = 600.0
"""Time of one question."""
MARGIN = timedelta(minutes=2)
"""No transaction that judges lasts so long: what was told earlier than this before a question is in its answer."""
CLEAR = 20
"""Blocks of an archived segment that are emptied at once; deadlines a thousand times as many."""


class Place(msgspec.Struct, frozen=True):
    """How far a fill is: all below `after` are judged; of the group that begins there, all blocks but `left`."""

    after: int = 0
    left: list[int] = []


@dataclass
class Piece:
    """An answer of the warehouse: who of some groups is in as of an instant and a stamp, and when time changes that."""

    job: int
    first: int
    end: int
    version: int
    at: datetime
    watermark: int
    inside: dict[int, BitMap] = field(default_factory=dict)
    next: dict[int, tuple[list[int], list[int]]] = field(default_factory=dict)
    """Whom time changes and when, in microseconds since 1970, by block."""


_PIECES: WeakKeyDictionary[Any, dict[int, Piece | None]] = WeakKeyDictionary()
"""The present piece of each fill, by segment; None where the warehouse could not answer."""


async def step(session: AsyncSession, job: JobRow) -> Progress:
    """One piece of a fill; for an archived segment, of forgetting its members.

    A fill waits for no viewer: it goes round those whom somebody else is judging, and comes again. Its first step waits
    instead for everybody who began before the definition was known, because they would not judge by it.
    """
    segment = await definitions.to_fill(session, job.params["segment_id"])
    here = Progress(done=job.done, total=job.total, cursor=job.cursor)
    if segment is None:
        return here
    if job.cursor is None:
        await members.close_gate(session)
        return Progress(done=0, total=job.total, cursor=_written(Place()))
    if segment.archived:
        return await _clear(session, segment, job)
    now = await judging.book(session)
    unread = segment.id in now.definitions and now.definitions[segment.id].rule is None
    if segment.filling is None or unread:
        return Progress(done=job.done, cursor=job.cursor, finished=True)
    place = _read(job.cursor)
    following = await viewers.after(session, place.after - 1, 1)
    if not following:
        await definitions.filled(session, segment.id, clock.now())
        _PIECES.get(session.bind, {}).pop(segment.id, None)
        return Progress(done=job.done, total=job.done, cursor=job.cursor, finished=True)
    if (job.total or 0) < LARGE:
        return await _judge(session, now, job, segment, place)
    place = _begin(place, following[0])
    pieces = _PIECES.get(session.bind, {})
    piece = pieces.get(segment.id)
    if piece is not None and _fits(piece, job, segment, place):
        return await _take(session, now, job, segment, piece, place)
    if segment.id in pieces and piece is None:
        del pieces[segment.id]
        return await _judge(session, now, job, segment, place)
    # The segment was changed while the warehouse was asked: it is asked again.
    return here


def _begin(place: Place, following: int) -> Place:
    """Where a large fill goes on: at the group of the next viewer there is."""
    return place if place.left else Place(max(place.after, following // GROUP * GROUP))


def _fits(piece: Piece, job: JobRow, segment: AnyRow, place: Place) -> bool:
    return (piece.job, piece.version) == (job.id, segment.version) and piece.first <= place.after < piece.end


def _read(cursor: str) -> Place:
    # A plain number is the last viewer who was judged: cursors were that before there were blocks.
    return Place(int(cursor) + 1) if cursor.isdigit() else msgspec.json.decode(cursor, type=Place)


def _written(place: Place) -> str:
    return msgspec.json.encode(place).decode()


async def _judge(session: AsyncSession, now: Book, job: JobRow, segment: AnyRow, place: Place) -> Progress:
    """Judge some viewers as the live work does, up to the first whom somebody else is judging."""
    those = await viewers.after(session, place.after - 1, CHUNK)
    free = await members.lock_free(session, those)
    mine = those[: next((number for number, one in enumerate(those) if one not in free), len(those))]
    if not mine:
        return Progress(done=job.done, total=job.total, cursor=job.cursor)
    wanted = {one: {segment.id: segment.filling} for one in mine}
    await judging.settle(session, now, wanted, clock.now())
    return Progress(done=job.done + len(mine), total=job.total, cursor=_written(Place(mine[-1] + 1)))


async def ask(database: Database, job: JobRow) -> None:
    """Ask the warehouse for the next piece of a large fill, while nothing is locked and no transaction is open.

    Where it cannot answer, the next step goes on without it.
    """
    pieces = _PIECES.setdefault(database.engine, {})
    try:
        async with database.transaction() as session:
            wanted = await _wanted(session, job)
            warehouse = memory.of(session).warehouse
        if wanted is None:
            return
        piece, crowd = wanted
        answer = await warehouse.ask(crowd.sql, inputs=crowd.inputs, seconds=SECONDS)
    except (Unavailable, Invalid, ValueError) as error:
        telling.warning("a fill goes on without the warehouse", segment=job.subject, error=str(error)[:500])
        pieces[job.params["segment_id"]] = None
        return
    piece.watermark = answer.watermark
    # Beside the live work: of many viewers it takes a tenth of a second.
    await asyncio.to_thread(_sorted_in, piece, answer.table)
    pieces[job.params["segment_id"]] = piece


async def _wanted(session: AsyncSession, job: JobRow) -> tuple[Piece, crowds.Crowd] | None:
    """The piece of a large fill that comes next, and the question for it; None where there is nothing to ask."""
    if job.cursor is None or (job.total or 0) < LARGE:
        return None
    segment = await definitions.by_id(session, job.params["segment_id"])
    place = _read(job.cursor)
    following = await viewers.after(session, place.after - 1, 1)
    now = await judging.book(session)
    of = now.definitions.get(job.params["segment_id"])
    if segment is None or of is None or of.rule is None or segment.filling is None or not following:
        return None
    place = _begin(place, following[0])
    held = _PIECES.get(session.bind, {}).get(segment.id)
    if of.version != segment.version or (held is not None and _fits(held, job, segment, place)):
        return None
    first = place.after // GROUP * GROUP
    piece = Piece(job.id, first, first + GROUPS * GROUP, segment.version, clock.now(), 0)
    return piece, await crowds.to_fill(session, now, of.rule, piece.at, (piece.first, piece.end))


def _sorted_in(piece: Piece, table: pa.Table) -> None:
    """Read an answer (profile_id, inside, next) into the blocks it is about."""
    ids_ = table.column("profile_id").to_numpy()
    ordered = table.take(np.argsort(block_of(ids_), kind="stable"))
    inside = ordered.filter(ordered.column("inside"))
    for block, mine in _by_block(inside):
        piece.inside[block] = BitMap(place_of(mine.column("profile_id").to_numpy()).astype(np.uint32))
    waiting = ordered.filter(pc.is_valid(ordered.column("next")))
    for block, mine in _by_block(waiting):
        instants = mine.column("next").cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        piece.next[block] = (mine.column("profile_id").to_numpy().tolist(), instants.to_numpy().tolist())


def _by_block(ordered: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """The rows of each block of a table that is ordered by them."""
    numbers, begins = np.unique(block_of(ordered.column("profile_id").to_numpy()), return_index=True)
    for block, (begin, end) in zip(numbers.tolist(), pairwise([*begins.tolist(), len(ordered)]), strict=True):
        yield block, ordered.slice(begin, end - begin)


async def _take(session: AsyncSession, now: Book, job: JobRow, segment: AnyRow, piece: Piece, place: Place) -> Progress:
    """Write down what the warehouse says of one group, as far as its blocks are free."""
    first = place.after // GROUP * PARTITIONS
    wanted = place.left or list(range(first, first + PARTITIONS))
    anybody = {block: ids(block, [block // PARTITIONS * (GROUP // PARTITIONS)])[0] for block in wanted}
    free = await members.lock_free(session, anybody.values())
    mine = [block for block in wanted if anybody[block] in free]
    left = [block for block in wanted if anybody[block] not in free]
    if mine:
        late = await _late(session, now, segment, piece, mine)
        await _write(session, now, segment, piece, mine, late)
        await judging.settle(session, now, {one: {segment.id: segment.filling} for one in late}, clock.now())
    if left:
        return Progress(done=job.done, total=job.total, cursor=_written(Place(place.after, left)))
    end = place.after // GROUP * GROUP + GROUP
    done = await viewers.between(session, place.after, end)
    return Progress(done=job.done + done, total=job.total, cursor=_written(Place(end)), again=end < piece.end)


async def _late(session: AsyncSession, now: Book, segment: AnyRow, piece: Piece, blocks: Sequence[int]) -> set[int]:
    """Viewers of these blocks of whom the answer may not know all: something of them was written since, or told."""
    low = min(blocks) // PARTITIONS * GROUP
    written = await viewers.written_since(session, piece.watermark, low, low + GROUP)
    asked = now.asked(segment.id)
    told = await log.moved_since(session, [segment.id, *asked], blocks, piece.at - MARGIN)
    mine = set(blocks)
    return {one for one in written if block_of(one) in mine} | told


async def _write(
    session: AsyncSession, now: Book, segment: AnyRow, piece: Piece, blocks: Sequence[int], late: Collection[int]
) -> None:
    at = clock.now()
    of = now.definitions[segment.id]
    held = await members.read(session, [(block, segment.id) for block in blocks])
    spared: dict[int, BitMap] = {block: BitMap() for block in blocks}
    for one in late:
        spared[block_of(one)].add(place_of(one))
    moved: dict[int, tuple[BitMap, BitMap]] = {}
    for block in blocks:
        was = held.get((block, segment.id), BitMap())
        told = piece.inside.get(block, BitMap())
        moved[block] = told - was - spared[block], was - told - spared[block]
    moved = {block: (entered, gone) for block, (entered, gone) in moved.items() if entered or gone}
    if moved:
        changed = {
            (block, segment.id): held.get((block, segment.id), BitMap()) - gone | entered
            for block, (entered, gone) in moved.items()
        }
        await members.write(session, changed)
        await log.record(session, {(segment.id, block, segment.filling): moved[block] for block in moved}, at)
        entries, exits = (sum(len(pair[side]) for pair in moved.values()) for side in (0, 1))
        await log.count(session, {segment.id: (entries, exits)}, at)
        judging.tell_blocks(session, of, segment.filling, at, moved)
    ahead = [
        (one, instant)
        for block in blocks
        for one, instant in zip(*piece.next.get(block, ([], [])), strict=True)
        if one not in late
    ]
    await deadlines.keep_all(session, segment.id, [one for one, _ in ahead], [instant for _, instant in ahead])
    followers = now.following([segment.id])
    if followers:
        those = {one for block, (entered, gone) in moved.items() for one in ids(block, entered | gone)}
        await judging.settle(session, now, {one: dict.fromkeys(followers, segment.filling) for one in those}, at)


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
