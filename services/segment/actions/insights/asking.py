"""What all insights do: find out whose events of which time are meant, ask the warehouse, and save the viewers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment import memory
from services.segment.actions import crowds, judging, knowing, lists, segments
from services.segment.rules.insights import periods
from services.segment.rules.insights.cells import Unsayable
from services.segment.rules.insights.periods import Span, Unit
from services.segment.rules.parts import MISSING, OTHER, value_of
from services.segment.schemas.insights.common import Asked, PartOutput, Saved, Split, ViewersOutput
from services.segment.schemas.rule import InSegment, leaves, parse, span
from services.segment.schemas.segments import SegmentInput, SegmentOutput
from services.segment.store import lists as list_store
from services.segment.store.insights.draft import Asking, Statement
from shared import clock, jobs, pages
from shared.database import release
from shared.errors import Conflict, Invalid
from shared.pages import PageAsked

DEFAULT = "30d"
PIECE = 20_000
LIST = 1_000_000
"""Viewers that a cell saved as a list holds at most."""


class NotARule(Conflict):
    """No rule says this"""


class TooManyViewers(Conflict):
    """There are too many viewers for a list"""


@dataclass(frozen=True)
class Cell:
    """A cell of a chart: the statement of a page of its viewers, and how it is said as a rule."""

    page: Callable[[int, int], Statement]
    rule: Callable[[], dict[str, Any]]


async def begun(session: AsyncSession, asked: Asked, split: Split | None = None, unit: Unit | None = None) -> Asking:
    """Time and viewers of a request; with a unit, the time begins where one of these begins. Raises Invalid."""
    as_of = asked.as_of.astimezone(UTC) if asked.as_of else clock.now()
    end = min(asked.end or as_of, as_of)
    start = asked.start or as_of - span(asked.within or DEFAULT)
    if unit is not None:
        start = periods.begin(start, unit, asked.zone)
    if start >= end:
        raise Invalid("lies after as_of: nothing can have happened since", field="from")
    asking = Asking(start=start, end=end, as_of=as_of)
    rules = []
    if asked.segment is not None:
        await _active(session, asked.segment, "segment")
        rules.append(parse({"in_segment": asked.segment}))
    if asked.rule is not None:
        for leaf in leaves(asked.rule):
            if isinstance(leaf, InSegment):
                await _active(session, leaf.in_segment, "rule")
        await segments.possible(session, asked.rule, at=as_of)
        rules.append(asked.rule)
    if rules:
        who = await crowds.of_rules(session, rules, as_of)
        asking = replace(asking, whose=who.sql, inputs=who.inputs)
    if split is not None and split.segment is not None:
        await _active(session, split.segment, "split.segment")
        inside = await crowds.of_rules(session, [parse({"in_segment": split.segment})], as_of)
        asking = replace(asking, inside=inside.sql, inputs={**asking.inputs, **inside.inputs})
    return asking


async def _active(session: AsyncSession, key: str, field: str) -> None:
    if key not in (await judging.book(session)).ids:
        raise Invalid(f"there is no segment {key!r}, or it is archived", field=field)


def spans(asked: Asked, start: datetime, end: datetime, unit: Unit, *, most: int = periods.MOST) -> list[Span]:
    """The local periods between two instants. Raises Invalid when they are too many."""
    try:
        return periods.spans(start, end, unit, asked.zone, most=most)
    except periods.TooMany as error:
        raise Invalid(str(error), field="by") from error


async def ask(session: AsyncSession, statement: Statement) -> list[dict[str, Any]]:
    """The rows that the warehouse answers. Raises what it raises."""
    warehouse = memory.of(session).warehouse
    await release(session)
    table = await warehouse.query(statement.sql, statement.params, inputs=statement.inputs)
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def told(asked: Asked, asking: Asking) -> dict[str, Any]:
    """What every answer says about itself."""
    return {"as_of": asking.as_of, "from_": asking.start, "to": asking.end, "zone": asked.zone}


def part_of(row: dict[str, Any]) -> PartOutput:
    """The part of a split that a row is of."""
    if row["part"] == OTHER:
        return PartOutput(other=True)
    return PartOutput(missing=True) if row["part"] == MISSING else PartOutput(value=value_of(row["label"]))


async def viewers(session: AsyncSession, cell: Cell, asked: PageAsked) -> ViewersOutput:
    """A page of the viewers behind a cell."""
    after = asked.number("profile_id") or 0
    (row,) = await ask(session, cell.page(after, asked.limit + 1))
    found = row["ids"]
    shown = found[: asked.limit]
    following = pages.encode({"profile_id": shown[-1]}) if len(found) > len(shown) else None
    return ViewersOutput(count=row["count"], profile_ids=shown, next=following)


async def save(session: AsyncSession, cell: Cell, wanted: Saved, *, by: str | None = None) -> SegmentOutput:
    """Make a segment of a cell; a list is filled in the background. Raises NotARule, TooManyViewers, KeyTaken."""
    if wanted.as_ == "rule":
        try:
            rule = parse(cell.rule())
        except Unsayable as error:
            raise NotARule(str(error), field="as") from error
        except ValidationError as error:
            told_ = "; ".join(str(one["msg"]) for one in error.errors(include_url=False, include_input=False)[:3])
            raise NotARule(f"{told_}: save it as a list", field="as") from error
        return await segments.create(session, SegmentInput(key=wanted.key, name=wanted.name, rule=rule), by=by)
    (row,) = await ask(session, cell.page(0, LIST + 1))
    if row["count"] > LIST:
        raise TooManyViewers(f"a list holds at most {LIST:,} viewers, these are {row['count']:,}")
    made = await segments.create(session, SegmentInput(key=wanted.key, name=wanted.name, kind="static"), by=by)
    segment = await knowing.known(session, wanted.key)
    subject = f"{wanted.key} {clock.now().isoformat()}"
    params = {"segment_id": segment.id, "on": True}
    job = await jobs.begin(session, lists.LIST, subject, params, total=row["count"])
    refs = [(place, str(profile_id)) for place, profile_id in enumerate(row["ids"], 1)]
    for start in range(0, len(refs), PIECE):
        await list_store.add(session, job, refs[start : start + PIECE])
    return made
