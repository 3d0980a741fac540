"""What operators say of segments: their rules, their names, their end; and how true each of them is."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment import memory
from services.segment.actions import judging
from services.segment.actions.filling import FILL
from services.segment.actions.knowing import Archived, UnknownSegment, known, place, to_change
from services.segment.actions.uses import Found
from services.segment.rules import graph
from services.segment.schemas.rule import PURPOSES, Consent, HasBeen, InSegment, Rule, parse, plain, walk
from services.segment.schemas.segments import Filling, SegmentChange, SegmentInput, SegmentOutput
from services.segment.settings import Settings
from services.segment.store import deadlines, definitions, log, viewers
from services.segment.store.definitions import Wording
from services.segment.store.rows import AnyRow
from shared import clock, jobs, pages
from shared.contracts import Fact, SegmentDefined
from shared.database import settings_of
from shared.errors import Conflict, Invalid, Problem, Unavailable
from shared.outbox import tell
from shared.pages import Page, PageAsked

__all__ = ["Archived", "UnknownSegment"]


@dataclass(frozen=True)
class Editor:
    """Who changes a segment (the id of a caller), and the version he has seen, as the header If-Match says it."""

    id: str | None = None
    match: str | None = None


NOBODY = Editor()

BEHIND_SECONDS = 3.0
"""Being so late is nothing to speak of: the clock turns every second, and how late facts are is measured each half."""
MOST_PARTS = 1000
"""Parts of a rule together with the rules of all segments it asks: they are judged as one."""


class KeyTaken(Conflict):
    """There is a segment of this key already"""


class Circle(Conflict):
    """The segment would depend on itself"""


class Needed(Conflict):
    """Something depends on this segment"""


class Unasked(Unavailable):
    """It is not known what uses the segment"""


class NotArchived(Conflict):
    """The segment is not archived"""


class Emptying(Conflict):
    """Its members are still leaving"""


class ChangedMeanwhile(Problem):
    """Somebody else has changed the segment"""

    status = 412


class IsAList(Invalid):
    """A static list has no rule"""


async def create(session: AsyncSession, wanted: SegmentInput, *, by: str | None = None) -> SegmentOutput:
    """Make a segment; one with a rule begins to be filled. Raises KeyTaken, Invalid where it asks unknown segments."""
    rule = wanted.rule
    if rule is not None:
        await definitions.lock_graph(session)
        await check(session, wanted.key, rule)
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
        await check(session, key, wanted.rule)
    rule = None if wanted.rule is None else plain(wanted.rule)
    return await output(session, await reword(session, row, wanted.name, rule, by=by.id))


def admit(row: AnyRow, by: Editor) -> None:
    """Whether the version that is there is the one that the editor has seen. Raises ChangedMeanwhile."""
    if by.match is not None and not {"*", edition(row.version)} & {one.strip() for one in by.match.split(",")}:
        told = f"{row.key!r} has version {row.version} by now: read it again, then repeat your change"
        raise ChangedMeanwhile(told, field="If-Match")


def edition(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


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
        for asker in await definitions.fill_again(session, graph.dependents([row.key], await edges(session)), at):
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
        askers = [f"segment {other!r}" for other, asked in (await edges(session)).items() if key in asked]
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
        await check(session, key, parse(row.rule))
    at = clock.now()
    values: dict[str, Any] = {"archived": False, "filling": None if row.rule is None else "fill"}
    values["true_as_of"] = at if row.rule is None else None
    row = await definitions.change(session, row.id, at, values, by=by.id)
    await _told(session, row, fill=row.rule is not None)
    return row


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
    await possible(session, rule, key=key)


async def possible(
    session: AsyncSession, rule: Rule, *, key: str = "", field: str = "rule", at: datetime | None = None
) -> None:
    """Whether a rule can be judged, saved by this key or only tried, now or then. Raises Invalid with the field.

    It may have MOST_PARTS together with the rules it asks, and so may whoever asks it.
    """
    rows = {row.key: row for row in await definitions.active(session)}
    _look_back(session, rows, rule, at or clock.now(), field)
    rules = {one.key: one.rule for one in (await judging.book(session)).definitions.values() if one.rule is not None}
    rules[key] = rule
    asked = {one: graph.asked(rule_).keys for one, rule_ in rules.items()}
    sizes = {one: sum(1 for _ in walk(rule_)) for one, rule_ in rules.items()}
    for one in (key, *sorted(graph.dependents([key], asked))):
        parts = graph.size(one, asked, sizes)
        if parts > MOST_PARTS:
            who = "it has" if one == key else f"{one!r}, which asks it, would have"
            told = f"with the segments that are asked {who} {parts} parts, at most {MOST_PARTS} are judged"
            raise Invalid(told, field=field)
    for path, node in walk(rule):
        if isinstance(node, Consent) and (near := await _slip(session, node.consent)):
            where = ".".join(map(str, (field, *path, "consent")))
            raise Invalid(f"nobody was ever asked for {node.consent!r}; did you mean {near!r}?", field=where)


def _look_back(session: AsyncSession, alive: Mapping[str, AnyRow], rule: Rule, at: datetime, field: str) -> None:
    """Whether the log tells of segments as far back as a rule asks about them (`has_been`). Raises Invalid.

    `alive` are the segments that live, by key. The log is kept as long as saved rules ask (`timed.tidy`).
    """
    for path, node in walk(rule):
        where = ".".join(map(str, (field, *path, "for")))
        for key, span in (graph.asked(node).since if isinstance(node, HasBeen) else {}).items():
            settings = settings_of(session)
            assert isinstance(settings, Settings)
            if span > timedelta(days=settings.log_days):
                told = f"who was in a segment is kept {settings.log_days} days (MARQUEE_LOG_DAYS): ask for no longer"
                raise Invalid(told, field=where)
            row = alive.get(key)
            # a log that begins with its segment tells all there is
            if row is not None and row.log_from > row.created_at and at - span < row.log_from:
                since = row.log_from.astimezone(UTC).isoformat()
                raise Invalid(f"who was in {key!r} is known since {since}: ask for less, or later", field=where)


async def _slip(session: AsyncSession, purpose: str) -> str | None:
    """The purpose that is meant by a name so close to it that nobody was asked for."""
    near = difflib.get_close_matches(purpose, PURPOSES, n=1, cutoff=0.75)
    known = purpose in PURPOSES or not near or await viewers.answered(session, purpose)
    return None if known else near[0]


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


async def _retry(session: AsyncSession, row: AnyRow) -> None:
    """Begin anew what was given up after errors: who says the same again wants it done."""
    job = (await jobs.latest(session, FILL, [row.key])).get(row.key)
    if job is not None and job.state == "failed":
        await _begin_fill(session, row)


async def _begin_fill(session: AsyncSession, row: AnyRow) -> None:
    await jobs.begin(session, FILL, row.key, {"segment_id": row.id}, total=await viewers.number(session))


def _fact(row: AnyRow) -> SegmentDefined:
    return SegmentDefined(key=row.key, name=row.name, version=row.version, rule=row.rule, archived=row.archived)


async def output(session: AsyncSession, row: AnyRow) -> SegmentOutput:
    """A segment as it is shown."""
    return (await _outputs(session, [row]))[0]


async def _outputs(session: AsyncSession, rows: Sequence[AnyRow]) -> list[SegmentOutput]:
    now = clock.now()
    sizes = await log.sizes(session, [row.id for row in rows], log.day_of(now))
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
    """Seconds by which segments are not true yet: what waits here or with profile, answers whose time has come.

    None: they are true.
    """
    due = await deadlines.first(session)
    late = max(memory.behind(session), (clock.now() - due).total_seconds() if due else 0.0)
    return round(late, 1) if late > BEHIND_SECONDS else None


def _filling(row: AnyRow, job: Any) -> Filling | None:
    if job is None:
        return None
    return Filling(job_id=job.id, state=job.state, cause=row.filling, done=job.done, total=job.total)
