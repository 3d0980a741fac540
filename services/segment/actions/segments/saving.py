"""A segment's beginning, its changes and its end. Another rule begins a fill."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.actions.filling import FILL
from services.segment.actions.knowing import UnknownSegment, to_change
from services.segment.actions.segments import checks, facts
from services.segment.actions.segments.editors import NOBODY, Editor, admit
from services.segment.actions.segments.shown import output
from services.segment.actions.uses import Found
from services.segment.rules import graph
from services.segment.schemas.rule import plain
from services.segment.schemas.segments import SegmentChange, SegmentInput, SegmentOutput
from services.segment.store import definitions, viewers
from services.segment.store.definitions import Wording
from services.segment.store.rows import AnyRow
from shared import clock, jobs
from shared.errors import Conflict, Invalid, Unavailable
from shared.outbox import tell


class KeyTaken(Conflict):
    """There is a segment of this key already"""


class Needed(Conflict):
    """Something depends on this segment"""


class Unasked(Unavailable):
    """It is not known what uses the segment"""


class NotArchived(Conflict):
    """The segment is not archived"""


class Emptying(Conflict):
    """Its members are still leaving"""


class IsAList(Invalid):
    """A static list has no rule"""


async def create(session: AsyncSession, wanted: SegmentInput, *, by: str | None = None) -> SegmentOutput:
    """Make a segment; one with a rule begins to be filled. Raises KeyTaken, Invalid where it asks unknown segments."""
    rule = wanted.rule
    if rule is not None:
        await definitions.lock_graph(session)
        await checks.check(session, wanted.key, rule)
    row = await definitions.add(
        session, wanted.key, Wording(wanted.name, None if rule is None else plain(rule)), clock.now(), by=by
    )
    if row is None:
        raise KeyTaken(f"{wanted.key!r} is taken; archived segments keep their keys", field="key")
    await _told(session, row, fill=rule is not None)
    return await output(session, row)


async def change(session: AsyncSession, key: str, wanted: SegmentChange, by: Editor = NOBODY) -> SegmentOutput:
    """Give a segment another name or rule; another rule begins a fill.

    Raises UnknownSegment, Archived, Circle, ChangedMeanwhile.
    """
    if wanted.rule is not None:
        await definitions.lock_graph(session)
    row = await to_change(session, key)
    admit(row, by)
    if wanted.rule is not None:
        if row.kind == "static":
            raise IsAList(f"{key!r} is a list: put viewers on it, or make another segment", field="rule")
        await checks.check(session, key, wanted.rule)
    elif row.rule is not None:
        # another version of a rule nobody reads would stop whoever meets it
        checks.readable(row.rule)
    rule = None if wanted.rule is None else plain(wanted.rule)
    return await output(session, await reword(session, row, wanted.name, rule, by=by.id))


async def reword(
    session: AsyncSession, row: AnyRow, name: str | None, rule: dict[str, Any] | None, *, by: str | None = None
) -> AnyRow:
    """The next version of a locked segment, unless it says what the present one does."""
    at = clock.now()
    values: dict[str, Any] = {}
    if name is not None and name != row.name:
        values["name"] = name
    if rule is not None and rule != row.rule:
        values["rule"] = rule
        # until the first fill is through, its members have not been told: it is still the first fill
        values["filling"] = "fill" if row.filling == "fill" else "definition"
        if row.filling is None:
            values["true_as_of"] = at
    if values:
        row = await definitions.change(session, row.id, at, values, by=by)
        await _told(session, row, fill="rule" in values)
    if "rule" in values:
        # Whoever asks this segment is judged by its rule: his answer may be another for everybody, too.
        for asker in await definitions.fill_again(
            session, graph.dependents([row.key], await checks.edges(session)), at
        ):
            await _begin_fill(session, asker)
    elif rule is not None:
        await _retry(session, row)
    return row


async def archive(session: AsyncSession, key: str, found: Found, by: Editor = NOBODY) -> SegmentOutput:
    """End a segment: nobody is in it any more; its key stays taken, and it can be restored.

    `found` is what the other services said. Raises UnknownSegment, Needed, Unasked, ChangedMeanwhile.
    """
    await definitions.lock_graph(session)
    row = await definitions.to_change(session, key)
    if row is None:
        raise UnknownSegment(key)
    if not row.archived:
        admit(row, by)
        askers = [f"segment {other!r}" for other, asked in (await checks.edges(session)).items() if key in asked]
        needed = sorted(askers) + [f"{use.kind} {use.key!r}" for use in found.uses if use.segment == key]
        if needed:
            raise Needed(f"{key!r} is used by {', '.join(needed)}: change or end those first")
        if found.silent:
            told = f"{' and '.join(found.silent)} may use {key!r} and could not be asked: try again in a moment"
            raise Unasked(told, headers={"Retry-After": "5"})
        values = {"archived": True, "filling": None, "true_as_of": None}
        row = await definitions.change(session, row.id, clock.now(), values, by=by.id)
        await _told(session, row, fill=True)
    return await output(session, row)


async def reopen(session: AsyncSession, key: str, by: Editor = NOBODY) -> AnyRow:
    """The next version of an archived segment, alive again with its last wording; one with a rule begins to be filled.

    Raises UnknownSegment, NotArchived, Emptying, Invalid where it asks segments that are gone, Circle.
    """
    await definitions.lock_graph(session)
    row = await definitions.to_change(session, key)
    if row is None:
        raise UnknownSegment(key)
    if not row.archived:
        raise NotArchived(f"{key!r} lives: there is nothing to restore")
    admit(row, by)
    clearing = (await jobs.latest(session, FILL, [key])).get(key)
    if clearing is not None and clearing.state == "running":
        raise Emptying(f"{key!r} was archived a moment ago: try again when all have left", headers={"Retry-After": "2"})
    if row.rule is not None:
        await checks.check(session, key, checks.readable(row.rule))
    at = clock.now()
    values: dict[str, Any] = {"archived": False, "filling": None if row.rule is None else "fill"}
    values["true_as_of"] = at if row.rule is None else None
    row = await definitions.change(session, row.id, at, values, by=by.id)
    await _told(session, row, fill=row.rule is not None)
    return row


async def _told(session: AsyncSession, row: AnyRow, *, fill: bool) -> None:
    if fill:
        await _begin_fill(session, row)
    tell(session, facts.fact(row))


async def _retry(session: AsyncSession, row: AnyRow) -> None:
    """Begin anew what was given up after errors: who says the same again wants it done."""
    job = (await jobs.latest(session, FILL, [row.key])).get(row.key)
    if job is not None and job.state == "failed":
        await _begin_fill(session, row)


async def resume(session: AsyncSession) -> None:
    """What a process does first: segments whose rule it cannot read stand still from now on, and say so; those that
    stood still and can be read again are filled anew."""
    found = (await judging.book(session)).definitions.values()
    await definitions.fill_again(session, [one.key for one in found if one.problem and not one.filling], clock.now())
    waiting = [one.key for one in found if one.filling and not one.problem]
    filled = await jobs.latest(session, FILL, waiting)
    for row in await definitions.named(session, [one.id for one in found if one.key in waiting]):
        if row.key not in filled or filled[row.key].state == "finished":
            await _begin_fill(session, row)


async def _begin_fill(session: AsyncSession, row: AnyRow) -> None:
    await jobs.begin(session, FILL, row.key, {"segment_id": row.id}, total=await viewers.number(session))
