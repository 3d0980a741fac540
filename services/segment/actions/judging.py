"""Judging viewers: shared by the live work, the clock and the fills.

Whoever judges has locked the viewers first and read the definitions after that. A fill that has passed a viewer was
then committed before, so its segment is in what is read; a fill that comes later waits for the lock, or goes round it.
The viewers' row locks make two judgements of one viewer follow each other; only readers ever wait for them.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.rules import book as books
from services.segment.rules.book import Book, Definition
from services.segment.rules.program import Parts, Program
from services.segment.store import definitions, members
from services.segment.store.definitions import Stamp
from services.segment.store.members import Change, Pairs
from shared.contracts import SegmentChanged, partition_of
from shared.contracts.segments import Cause
from shared.outbox import tell

PAIRS = 20_000
"""Viewers times segments of one statement: a tick of the live work has fewer, an import gets statements that end."""

_PARTS = Parts()
_LATEST: WeakKeyDictionary[Any, tuple[Stamp, Book]] = WeakKeyDictionary()
"""The book of each database this process works on (tests open many): compiled again only when its stamp moved."""


async def book(session: AsyncSession) -> Book:
    """The definitions as they are now."""
    engine = session.get_bind().engine
    stamp = await definitions.stamp(session)
    held = _LATEST.get(engine)
    if held is not None and held[0] == stamp:
        return held[1]
    known = held[1].definitions if held else {}
    rows = await definitions.active(session)
    fresh = Book((_definition(row, known.get(row.id)) for row in rows), _PARTS)
    _LATEST[engine] = (stamp, fresh)
    return fresh


async def warm(session: AsyncSession) -> None:
    """Read and compile the definitions, so that the first tick need not."""
    _ = (await book(session)).programs


def _definition(row: Any, known: Definition | None) -> Definition:
    same = known is not None and (known.key, known.version) == (row.key, row.version)
    rule = known.rule if known is not None and same else books.parse(row.rule)
    return Definition(row.id, row.key, row.version, rule, row.filling)


async def settle(
    session: AsyncSession, now: Book, pairs: Pairs, as_of: datetime, program: Program | None = None
) -> None:
    """Judge these pairs, with one statement for all of them (with `program`: that one), and tell what changed."""
    changes: list[Change] = []
    for one in [program] if program else now.programs:
        for piece in pairs.of(one.segments).pieces(PAIRS):
            changes += await members.settle(session, one.text, piece, as_of)
    await tell_changes(session, now, changes, as_of)


async def tell_changes(session: AsyncSession, now: Book, changes: list[Change], as_of: datetime) -> None:
    """Tell who entered and left, and count."""
    groups: dict[tuple[int, int, str], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    sizes: dict[int, int] = defaultdict(int)
    for change in changes:
        entered, left = groups[change.segment_id, partition_of(change.profile_id), change.cause]
        (entered if change.entered else left).append(change.profile_id)
        sizes[change.segment_id] += 1 if change.entered else -1
    for (segment_id, part, cause), (entered, left) in sorted(groups.items()):
        definition = now.definitions[segment_id]
        tell(
            session,
            SegmentChanged(
                key=definition.key,
                version=definition.version,
                part=part,
                cause=cast(Cause, cause),
                at=as_of,
                entered=sorted(entered),
                left=sorted(left),
            ),
        )
    await definitions.count(session, sizes)
