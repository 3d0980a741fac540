"""Judging viewers: shared by the live work, the clock and the fills.

Whoever judges has locked the viewers' blocks first and read the definitions after that. A fill that has passed a viewer
was then committed before, so its segment is in what is read; a fill that comes later goes round the lock. So two
judgements of one viewer follow each other; only readers ever wait for these locks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, cast
from weakref import WeakKeyDictionary

from pydantic import ValidationError
from pyroaring import BitMap
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.rules import blocks
from services.segment.rules.blocks import block_of, place_of
from services.segment.rules.book import Book, Change, Definition, Verdict
from services.segment.rules.judge import Viewer
from services.segment.schemas.rule import fault, parse
from services.segment.store import deadlines, definitions, log, members, viewers
from services.segment.store.definitions import Stamp
from services.segment.store.members import Blocks
from shared import telemetry
from shared.contracts import PARTITIONS, SegmentChanged, partition_of
from shared.contracts.segments import Cause
from shared.outbox import tell
from shared.roaring import pack

telling = telemetry.logger(__name__)

PAIRS = 40_000
"""Viewers times segments judged at once: a tick of the live work has fewer, an import goes in pieces."""

MANY = 250
"""Ids from which on a fact carries a bitmap; below that a list is as short, and easier to read."""

Wanted = dict[int, dict[int, str]]
"""Whom to judge by which segment, and the cause if that changes something."""

_LATEST: WeakKeyDictionary[Any, tuple[Stamp, Book]] = WeakKeyDictionary()
"""The book of each database this process works on (tests open many): made again only when its stamp moved."""


async def book(session: AsyncSession) -> Book:
    """The definitions as they are now."""
    engine = session.get_bind().engine
    stamp = await definitions.stamp(session)
    held = _LATEST.get(engine)
    if held is not None and held[0] == stamp:
        return held[1]
    active = await definitions.active(session)
    known = held[1].definitions if held else _understood(active)
    fresh = Book(_definition(row, known.get(row.id)) for row in active)
    _LATEST[engine] = (stamp, fresh)
    return fresh


def _definition(row: Any, known: Definition | None) -> Definition:
    if known is not None and (known.key, known.version) == (row.key, row.version):
        return replace(known, filling=row.filling)
    return Definition(row.id, row.key, row.version, None if row.rule is None else parse(row.rule), row.filling)


def _understood(rows: Collection[Any]) -> dict[int, Definition]:
    """The definitions a process begins with; one whose rule an older version wrote and nobody reads stops alone.

    Only then: what a newer version beside this one writes is no nonsense, so this one fails until it goes.
    """
    found: dict[int, Definition] = {}
    for row in rows:
        try:
            found[row.id] = _definition(row, None)
        except ValidationError as error:
            where, wrong = fault(error)
            problem = f"nobody comes or leaves: this version cannot read {where}: {wrong}; save the rule anew"
            telling.error("a segment stands still", segment=row.key, problem=problem)
            found[row.id] = Definition(row.id, row.key, row.version, None, row.filling, problem)
    return found


async def people(
    session: AsyncSession,
    now: Book,
    profile_ids: Sequence[int],
    segment_ids: Collection[int],
    at: datetime,
    *,
    whole: bool = False,
) -> dict[int, Viewer]:
    """These viewers with all that these segments ask about them. Whom nobody knows is left out.

    With `whole` also events that are too old to count: they say what is there instead.
    """
    needs = now.judge.needs(now.keys(segment_ids))
    known = await viewers.known(session, profile_ids)
    since = {event: None if span is None or whole else at - span for event, span in needs.events.items()}
    deeds = await viewers.deeds(session, profile_ids, since)
    static = {key: now.ids[key] for key in needs.lists if key in now.ids}
    spans = {now.ids[key]: now.since[key] for key in needs.entered if key in now.ids}
    told = {*static.values(), *spans}
    held = await members.read(session, {(block_of(one), of) for one in known for of in told})
    moved = await log.since(session, list(known), spans, at) if spans else {}
    found: dict[int, Viewer] = {}
    for profile_id, row in known.items():
        inside = _inside(held, profile_id, told)
        # Of whom nothing was told for so long it does not matter any more when exactly it was.
        entered = {
            now.definitions[of].key: moved.get((profile_id, of), (of in inside, at - span))
            for of, span in spans.items()
        }
        on = {key: of in inside for key, of in static.items()}
        found[profile_id] = row.viewer(deeds.get(profile_id, {}), on, entered)
    return found


async def settle(
    session: AsyncSession,
    now: Book,
    wanted: Wanted,
    at: datetime,
    *,
    former: Callable[[Viewer], Viewer | None] | None = None,
    due: Collection[tuple[int, int]] = (),
) -> None:
    """Judge, make members and deadlines what the answers say, and tell what changed. The viewers must be locked.

    While a segment is being filled, `former` gives a viewer as he was before the news: by that he is judged first, with
    the cause of the fill, because an old member must not look like a new one. `due` are the deadlines that were kept.
    """
    for piece in _pieces(wanted):
        await _settle(session, now, piece, at, former, frozenset(due))


async def _settle(
    session: AsyncSession,
    now: Book,
    wanted: Wanted,
    at: datetime,
    former: Callable[[Viewer], Viewer | None] | None,
    due: frozenset[tuple[int, int]],
) -> None:
    touched = {profile_id: those.keys() | now.following(those) for profile_id, those in wanted.items()}
    segment_ids = frozenset().union(*touched.values())
    found = await people(session, now, list(wanted), segment_ids, at)
    held = await members.read(session, {(block_of(one), of) for one, those in touched.items() for of in those})
    before, after = Verdict(), Verdict()
    for profile_id, viewer in found.items():
        inside = _inside(held, profile_id, touched[profile_id])
        filling = now.filling.keys() & wanted[profile_id].keys() if former else ()
        if former and filling and (was := former(viewer)) is not None:
            now.settle(was, {one: now.filling[one] for one in filling}, inside, at, before)
        now.settle(viewer, wanted[profile_id], inside, at, after)
    await write(session, now, held, before.changes + after.changes, at)
    await deadlines.keep(session, {pair: next_ for pair, next_ in after.next.items() if pair not in due})
    if due:
        await deadlines.move(session, {pair: next_ for pair, next_ in after.next.items() if pair in due})


def _inside(held: Blocks, profile_id: int, segment_ids: Collection[int]) -> set[int]:
    block, place = block_of(profile_id), place_of(profile_id)
    return {one for one in segment_ids if (bitmap := held.get((block, one))) is not None and place in bitmap}


def _pieces(wanted: Wanted) -> Iterator[Wanted]:
    """The same by viewers, with as many as are judged at once."""
    pairs = sum(map(len, wanted.values()))
    size = max(1, len(wanted) * PAIRS // max(pairs, PAIRS))
    rest = iter(wanted.items())
    while piece := dict(islice(rest, size)):
        yield piece


async def write(session: AsyncSession, now: Book, held: Blocks, changes: Sequence[Change], at: datetime) -> None:
    """Write down who came and went, in this order, and tell it. `held` are the bitmaps as they were."""
    if not changes:
        return
    await members.apply(session, held, changes, at)
    groups: dict[tuple[int, int, str], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for change in changes:
        entered, left = groups[change.segment_id, partition_of(change.profile_id), change.cause]
        (entered if change.entered else left).append(change.profile_id)
    for (segment_id, part, cause), (entered, left) in groups.items():
        if segment_id in now.definitions:
            tell_moved(session, now.definitions[segment_id], part, cause, at, entered, left)


FACT_BLOCKS = 64
"""Blocks of one partition in one fact: full ones take a few kilobytes."""


def tell_blocks(
    session: AsyncSession, of: Definition, cause: str, at: datetime, moved: Mapping[int, tuple[BitMap, BitMap]]
) -> None:
    """Tell who entered and left whole blocks, as bitmaps."""
    parts: dict[int, list[int]] = {}
    for block in sorted(moved):
        parts.setdefault(block % PARTITIONS, []).append(block)
    for part, those in sorted(parts.items()):
        for start in range(0, len(those), FACT_BLOCKS):
            piece = [moved[block] for block in those[start : start + FACT_BLOCKS]]
            entered = BitMap.union(*(one for one, _ in piece))
            left = BitMap.union(*(one for _, one in piece))
            tell(
                session,
                SegmentChanged(
                    key=of.key,
                    version=of.version,
                    part=part,
                    cause=cast(Cause, cause),
                    at=at,
                    entered_roaring=blocks.pack(entered) if entered else b"",
                    left_roaring=blocks.pack(left) if left else b"",
                ),
            )


def tell_moved(
    session: AsyncSession,
    of: Definition,
    part: int,
    cause: str,
    at: datetime,
    entered: Sequence[int],
    left: Sequence[int],
) -> None:
    """Tell who entered and left; many of them as a bitmap."""
    many = len(entered) + len(left) > MANY
    tell(
        session,
        SegmentChanged(
            key=of.key,
            version=of.version,
            part=part,
            cause=cast(Cause, cause),
            at=at,
            entered=[] if many else sorted(entered),
            left=[] if many else sorted(left),
            entered_roaring=pack(entered) if many else b"",
            left_roaring=pack(left) if many else b"",
        ),
    )
