"""A segment's life: its versions, what it asks and who asks it, and frozen copies of it."""

from __future__ import annotations

from datetime import datetime

from pyroaring import BitMap
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging, segments
from services.segment.actions.knowing import known, to_change
from services.segment.actions.memberships import told_at
from services.segment.actions.segments import NOBODY, Editor
from services.segment.actions.uses import Found
from services.segment.rules import graph
from services.segment.rules.book import Definition
from services.segment.rules.diff import differences
from services.segment.schemas.life import (
    Dependencies,
    Diff,
    DifferenceOutput,
    Graph,
    GraphEdge,
    GraphNode,
    SnapshotInput,
    UseOutput,
    Version,
)
from services.segment.schemas.segments import SegmentInput, SegmentOutput
from services.segment.store import definitions, log, members, past
from services.segment.store.rows import AnyRow
from shared import clock
from shared.errors import Conflict, NotFound


class UnknownVersion(NotFound):
    """The segment has no such version"""


class NothingToGoBackTo(Conflict):
    """A list has no rule to go back to"""


async def versions(session: AsyncSession, key: str) -> list[Version]:
    """Every version, the newest first. Raises UnknownSegment."""
    row = await known(session, key)
    return [Version.model_validate(one) for one in reversed(await definitions.versions(session, row.id))]


async def diff(session: AsyncSession, key: str, before: int, after: int) -> Diff:
    """What one version says otherwise than another. Raises UnknownSegment, UnknownVersion."""
    row = await known(session, key)
    one, other = [await _version(session, row, number) for number in (before, after)]
    found = [
        DifferenceOutput(path=list(difference.path), before=difference.before, after=difference.after)
        for difference in differences(
            {"name": one.name, "archived": one.archived, "rule": one.rule},
            {"name": other.name, "archived": other.archived, "rule": other.rule},
        )
    ]
    return Diff(before=before, after=after, differences=found)


async def roll_back(session: AsyncSession, key: str, number: int, by: Editor = NOBODY) -> SegmentOutput:
    """Say again what an earlier version said: a new version, to be filled. Raises UnknownVersion, Archived, Circle."""
    await definitions.lock_graph(session)
    row = await to_change(session, key)
    segments.admit(row, by)
    then = await _version(session, row, number)
    if then.rule is None:
        raise NothingToGoBackTo(f"{key!r} is a list; its members as of an instant can be frozen in another one")
    await segments.check(session, key, segments.readable(then.rule))
    return await segments.output(session, await segments.reword(session, row, then.name, then.rule, by=by.id))


async def restore(session: AsyncSession, key: str, by: Editor = NOBODY) -> SegmentOutput:
    """Take back that a segment was archived: its rule is filled anew, a list has those who were on it then.

    Raises UnknownSegment, NotArchived, Emptying, Invalid where it asks segments that are gone.
    """
    was = await known(session, key)
    row = await segments.reopen(session, key, by)
    if row.kind == "static":
        await _put(session, row, await past.members(session, row.id, was.updated_at), row.updated_at)
    return await segments.output(session, row)


async def _version(session: AsyncSession, row: AnyRow, number: int) -> AnyRow:
    for one in await definitions.versions(session, row.id):
        if one.version == number:
            return one
    raise UnknownVersion(f"{row.key!r} has versions 1 to {row.version}")


async def dependencies(session: AsyncSession, key: str, found: Found) -> Dependencies:
    """What a segment asks, who asks it, and what uses it or who asks it. Raises UnknownSegment."""
    await known(session, key)
    edges = await segments.edges(session)
    turned: dict[str, set[str]] = {}
    for asker, asked in edges.items():
        for one in asked:
            turned.setdefault(one, set()).add(asker)
    askers = graph.dependents([key], edges)
    return Dependencies(
        key=key,
        asks=sorted(edges.get(key, ())),
        asks_in_all=sorted(graph.dependents([key], turned)),
        asked_by=sorted(turned.get(key, ())),
        asked_by_in_all=sorted(askers),
        used_by=[UseOutput.model_validate(use) for use in found.uses if use.segment in {key, *askers}],
        unasked=found.silent,
    )


async def whole_graph(session: AsyncSession, found: Found) -> Graph:
    """Every segment that lives, which asks which, and what uses them."""
    edges = await segments.edges(session)
    rows = await definitions.active(session)
    return Graph(
        segments=[GraphNode(key=row.key, name=row.name, kind=row.kind) for row in rows],
        edges=[GraphEdge(key=key, asks=one) for key, asked in sorted(edges.items()) for one in sorted(asked)],
        uses=[UseOutput.model_validate(use) for use in found.uses],
        unasked=found.silent,
    )


async def snapshot(session: AsyncSession, key: str, wanted: SnapshotInput, *, by: str | None = None) -> SegmentOutput:
    """Freeze the members in a list of its own. Raises UnknownSegment, KeyTaken, BeforeTheLog, Ahead."""
    row = await known(session, key)
    at = clock.now()
    inside = await past.members(session, row.id, told_at(row, wanted.as_of) if wanted.as_of else at)
    made = await segments.create(session, SegmentInput(key=wanted.key, name=wanted.name, kind="static"), by=by)
    list_ = await known(session, made.key)
    await _put(session, list_, inside, at)
    return await segments.output(session, list_)


async def _put(session: AsyncSession, row: AnyRow, held: past.Past, at: datetime) -> None:
    """Put these viewers on a list that is new or was emptied, and tell it."""
    if not held:
        return
    await members.write(session, {(block, row.id): places for block, places in held.items()})
    await log.record(session, {(row.id, block, "fill"): (places, BitMap()) for block, places in held.items()}, at)
    await log.count(session, {row.id: (sum(map(len, held.values())), 0)}, at)
    of = Definition(row.id, row.key, row.version, None, None)
    judging.tell_blocks(session, of, "fill", at, {block: (places, BitMap()) for block, places in held.items()})
