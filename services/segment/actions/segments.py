"""What operators say of segments: their rules, their names, their end; and how true each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment import memory
from services.segment.actions.filling import FILL
from services.segment.actions.knowing import Archived, UnknownSegment, known, place, to_change
from services.segment.rules import graph
from services.segment.schemas.rule import InSegment, Rule, parse, plain, walk
from services.segment.schemas.segments import Filling, SegmentChange, SegmentInput, SegmentOutput
from services.segment.store import deadlines, definitions, log, viewers
from services.segment.store.definitions import Wording
from services.segment.store.rows import AnyRow
from shared import clock, jobs, pages
from shared.contracts import Fact, SegmentDefined
from shared.errors import Conflict, Invalid
from shared.outbox import tell
from shared.pages import Page, PageAsked

__all__ = ["Archived", "UnknownSegment"]

BEHIND_SECONDS = 2.0
"""Being so late is nothing to speak of: the clock turns every second."""
MOST_PARTS = 1000
"""Parts of a rule together with the rules of all segments it asks: they are judged as one."""


class KeyTaken(Conflict):
    """There is a segment of this key already"""


class Circle(Conflict):
    """The segment would depend on itself"""


class Needed(Conflict):
    """Other segments depend on this one"""


class IsAList(Invalid):
    """A static list has no rule"""


async def create(session: AsyncSession, wanted: SegmentInput) -> SegmentOutput:
    """Make a segment; one with a rule begins to be filled. Raises KeyTaken, Invalid where it asks unknown segments."""
    rule = wanted.rule
    if rule is not None:
        await definitions.lock_graph(session)
        await check(session, wanted.key, rule)
    row = await definitions.add(
        session, wanted.key, Wording(wanted.name, None if rule is None else plain(rule)), clock.now()
    )
    if row is None:
        raise KeyTaken(f"{wanted.key!r} is taken; archived segments keep their keys", field="key")
    await _told(session, row, fill=rule is not None)
    return await output(session, row)


async def change(session: AsyncSession, key: str, wanted: SegmentChange) -> SegmentOutput:
    """Give a segment another name or rule; another rule begins a fill. Raises UnknownSegment, Archived, Circle."""
    if wanted.rule is not None:
        await definitions.lock_graph(session)
    row = await to_change(session, key)
    if wanted.rule is not None:
        if row.kind == "static":
            raise IsAList(f"{key!r} is a list: put viewers on it, or make another segment", field="rule")
        await check(session, key, wanted.rule)
    return await output(
        session, await reword(session, row, wanted.name, None if wanted.rule is None else plain(wanted.rule))
    )


async def reword(session: AsyncSession, row: AnyRow, name: str | None, rule: dict[str, Any] | None) -> AnyRow:
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
        row = await definitions.change(session, row.id, at, values)
        await _told(session, row, fill="rule" in values)
    if "rule" in values:
        # Whoever asks this segment is judged by its rule: his answer may be another for everybody, too.
        for asker in await definitions.fill_again(session, graph.dependents([row.key], await edges(session)), at):
            await _begin_fill(session, asker)
    return row


async def archive(session: AsyncSession, key: str) -> SegmentOutput:
    """End a segment: nobody is in it any more; its key stays taken. Raises UnknownSegment, Needed."""
    await definitions.lock_graph(session)
    row = await definitions.to_change(session, key)
    if row is None:
        raise UnknownSegment(key)
    if not row.archived:
        askers = [other for other, asked in (await edges(session)).items() if key in asked]
        if askers:
            names = ", ".join(sorted(askers))
            raise Needed(f"{key!r} is asked by {names}: change or archive those first")
        values = {"archived": True, "filling": None, "true_as_of": None}
        row = await definitions.change(session, row.id, clock.now(), values)
        await _told(session, row, fill=True)
    return await output(session, row)


async def check(session: AsyncSession, key: str, rule: Rule) -> None:
    """Whether what a rule asks of other segments can be answered. Raises Invalid with the field, Circle, and Invalid.

    The graph must be locked, or two rules saved at once could close a circle.
    """
    alive = {row.key: row for row in await definitions.active(session)}
    for path, node in walk(rule):
        if isinstance(node, InSegment) and node.in_segment not in alive and node.in_segment != key:
            where = ".".join(map(str, ("rule", *path, "in_segment")))
            raise Invalid(f"there is no segment {node.in_segment!r}", field=where)
    asked = {**await edges(session), key: graph.asked(rule).keys}
    if way := graph.circle(key, asked):
        raise Circle(f"it would ask itself: {' → '.join(way)}", field="rule")
    sizes = {other: sum(1 for _ in walk(parse(row.rule))) for other, row in alive.items() if row.rule is not None}
    parts = graph.size(key, asked, {**sizes, key: sum(1 for _ in walk(rule))})
    if parts > MOST_PARTS:
        raise Invalid(f"with the segments it asks it has {parts} parts, at most {MOST_PARTS} are judged", field="rule")


async def edges(session: AsyncSession) -> Mapping[str, frozenset[str]]:
    """Which segment that lives asks which."""
    found: dict[str, frozenset[str]] = {}
    for row in await definitions.active(session):
        found[row.key] = graph.asked(None if row.rule is None else parse(row.rule)).keys
    return found


async def get(session: AsyncSession, key: str) -> SegmentOutput:
    """One segment. Raises UnknownSegment."""
    return await output(session, await known(session, key))


async def page(session: AsyncSession, asked: PageAsked, *, archived: bool | None) -> Page[SegmentOutput]:
    """Segments in the order of their creation."""
    rows = await definitions.page(session, place(asked, "id"), asked.limit + 1, archived=archived)
    shown = rows[: asked.limit]
    following = pages.encode({"id": shown[-1].id}) if len(rows) > len(shown) else None
    return Page(items=await _outputs(session, shown), next=following)


async def defined(session: AsyncSession, after: str | None, limit: int) -> tuple[Sequence[Fact], str | None]:
    """A page of all definitions, for newcomers."""
    rows = await definitions.page(session, int(after or 0), limit)
    return [_fact(row) for row in rows], str(rows[-1].id) if len(rows) == limit else None


async def _told(session: AsyncSession, row: AnyRow, *, fill: bool) -> None:
    if fill:
        await _begin_fill(session, row)
    tell(session, _fact(row))


async def _begin_fill(session: AsyncSession, row: AnyRow) -> None:
    await jobs.begin(session, FILL, row.key, {"segment_id": row.id}, total=await viewers.number(session))


def _fact(row: AnyRow) -> SegmentDefined:
    return SegmentDefined(key=row.key, name=row.name, version=row.version, rule=row.rule, archived=row.archived)


async def output(session: AsyncSession, row: AnyRow) -> SegmentOutput:
    """A segment as it is shown."""
    return (await _outputs(session, [row]))[0]


async def _outputs(session: AsyncSession, rows: Sequence[AnyRow]) -> list[SegmentOutput]:
    now = clock.now()
    sizes = await log.sizes(session, [row.id for row in rows], now.astimezone(UTC).date())
    running = await jobs.latest(session, FILL, [row.key for row in rows if row.filling])
    late = await behind(session)
    shown: list[SegmentOutput] = []
    for row in rows:
        size, entered, left = sizes.get(row.id, (0, 0, 0))
        live = row.filling is None and not row.archived and row.kind == "rule"
        shown.append(
            SegmentOutput(
                key=row.key,
                name=row.name,
                kind=row.kind,
                version=row.version,
                rule=row.rule,
                archived=row.archived,
                size=size,
                entered_today=entered,
                left_today=left,
                true_as_of=now - timedelta(seconds=late or 0) if live else row.true_as_of,
                behind=late if live else None,
                filling=_filling(row, running.get(row.key)),
                created_at=row.created_at,
                updated_at=row.updated_at,
            )
        )
    return shown


async def true_as_of(session: AsyncSession, row: AnyRow) -> datetime | None:
    """The moment of which the members of a segment that lives are true; a list is true now."""
    if row.filling is not None:
        at: datetime | None = row.true_as_of
        return at
    late = await behind(session) if row.kind == "rule" else None
    return clock.now() - timedelta(seconds=late or 0)


async def behind(session: AsyncSession) -> float | None:
    """Seconds by which segments are not true yet: facts that wait, answers whose time has come. None: they are true."""
    due = await deadlines.first(session)
    late = max(memory.behind(session), (clock.now() - due).total_seconds() if due else 0.0)
    return round(late, 1) if late > BEHIND_SECONDS else None


def _filling(row: AnyRow, job: Any) -> Filling | None:
    if job is None:
        return None
    return Filling(job_id=job.id, state=job.state, cause=row.filling, done=job.done, total=job.total)
