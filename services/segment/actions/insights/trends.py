"""Trends: how often, by whom and how much, period by period."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions.insights import asking
from services.segment.actions.insights.asking import Cell
from services.segment.rules.insights import cells, periods
from services.segment.rules.insights.periods import Span
from services.segment.rules.parts import is_small
from services.segment.schemas.insights.common import PartOutput
from services.segment.schemas.insights.trends import Line, Periods, TrendCell, TrendInput, TrendOutput
from services.segment.store.insights import trends
from services.segment.store.insights.draft import Asking
from services.segment.store.insights.trends import Frame
from shared.errors import Invalid

_COLUMN = {"count": "events", "viewers": "viewers", "sum": "total", "avg": "mean"}


async def answer(session: AsyncSession, asked: TrendInput) -> TrendOutput:
    """The lines of a trend. Raises Invalid and what the warehouse raises."""
    begun, frame = await _framed(session, asked)
    rows = await asking.ask(session, trends.numbers(begun, asked, frame))
    now = [row for row in rows if row["now"]]
    parts = _parts(now)
    previous = None
    if frame.before:
        earlier = [{**row, "place": _moved(row["place"], len(frame.before))} for row in rows if not row["now"]]
        cut = frame.end < frame.now[-1].end
        previous = Periods(
            starts=[one.start for one in frame.before], partial=cut, lines=_lines(asked, earlier, frame.before, parts)
        )
    return TrendOutput(
        starts=[one.start for one in frame.now],
        partial=frame.end < frame.now[-1].end,
        lines=_lines(asked, now, frame.now, parts),
        previous=previous,
        **asking.told(asked, begun),
    )


async def cell(session: AsyncSession, asked: TrendInput, wanted: TrendCell) -> Cell:
    """One number of a trend. Raises Invalid."""
    begun, frame = await _framed(session, asked)
    where, period = _of(frame, wanted)
    if (wanted.split is None) != (asked.split is None) and wanted.split is not None:
        raise Invalid("the trend is not split", field="cell.split")
    whole = Span(period.start, min(period.end, begun.end))
    return Cell(
        page=lambda after, limit: trends.viewers(begun, asked, frame, where, wanted.split, after, limit),
        rule=lambda: cells.trend(asked, whole, wanted.split),
    )


def _of(frame: Frame, wanted: TrendCell) -> tuple[range, Span]:
    """The places of a cell, and the time they are. Raises Invalid."""
    if wanted.start is None:
        spans = frame.before if wanted.previous else frame.now
        if not spans:
            raise Invalid("the trend is not compared with the time before", field="cell.previous")
        first = -len(spans) if wanted.previous else 0
        return range(first, first + len(spans)), Span(spans[0].start, spans[-1].end)
    start = wanted.start.astimezone(UTC)
    places = {one.start: place for place, one in enumerate(frame.now)}
    places |= {one.start: place - len(frame.before) for place, one in enumerate(frame.before)}
    if start not in places:
        raise Invalid("is not the beginning of a period of this trend", field="cell.start")
    place = places[start]
    return range(place, place + 1), frame.now[place] if place >= 0 else frame.before[place]


async def _framed(session: AsyncSession, asked: TrendInput) -> tuple[Asking, Frame]:
    begun = await asking.begun(session, asked, asked.split, asked.by)
    most = periods.MOST if asked.split is None else periods.MOST_SPLIT
    now = asking.spans(asked, begun.start, begun.end, asked.by, most=most)
    before = periods.before(now, begun.end, asked.by, asked.zone) if asked.compare else []
    return begun, Frame(now=now, end=begun.end, before=before)


def _moved(place: int | None, by: int) -> int | None:
    return None if place is None else place + by


def _parts(rows: list[dict[str, Any]]) -> list[tuple[int, PartOutput]]:
    """The parts of a split in their order: the most frequent first, then all others, then those without a value."""
    found = {row["part"]: asking.part_of(row) for row in rows if not row["of_all_parts"] and row["of_all_places"]}
    return sorted(found.items(), key=lambda one: (one[0] < 0, abs(one[0])))


def _lines(
    asked: TrendInput, rows: list[dict[str, Any]], spans: list[Span], parts: list[tuple[int, PartOutput]]
) -> list[Line]:
    """The line of everything, then those of the parts."""
    by_part: dict[int | None, dict[int | None, dict[str, Any]]] = {}
    for row in rows:
        part = None if row["of_all_parts"] else row["part"]
        place = None if row["of_all_places"] else row["place"]
        by_part.setdefault(part, {})[place] = row
    wanted: list[tuple[int | None, PartOutput | None]] = [(None, None), *parts]
    return [_line(asked, split, by_part.get(part, {}), len(spans)) for part, split in wanted]


def _line(asked: TrendInput, split: PartOutput | None, rows: dict[int | None, dict[str, Any]], number: int) -> Line:
    nothing = None if asked.measure.kind == "avg" else 0.0

    def value(place: int | None) -> float | None:
        found = rows.get(place)
        return nothing if found is None else found[_COLUMN[asked.measure.kind]]

    counts = [rows[place]["viewers"] if place in rows else 0 for place in range(number)]
    return Line(
        split=split,
        values=[value(place) for place in range(number)],
        viewers=counts,
        small=[is_small(one) for one in counts],
        total=value(None),
        total_viewers=rows[None]["viewers"] if None in rows else 0,
    )
