"""Retention: who came back, so many periods after he began."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions.insights import asking
from services.segment.actions.insights.asking import Cell
from services.segment.rules.insights import cells, periods
from services.segment.rules.insights.cells import Unsayable
from services.segment.rules.insights.periods import Span
from services.segment.rules.parts import is_small
from services.segment.schemas.insights.retention import Cohort, RetentionCell, RetentionInput, RetentionOutput
from services.segment.store.insights import retention
from services.segment.store.insights.draft import Asking
from shared.errors import Invalid


async def answer(session: AsyncSession, asked: RetentionInput) -> RetentionOutput:
    """The cohorts of a retention. Raises Invalid and what the warehouse raises."""
    begun, entries, spans = await _spanned(session, asked)
    rows = await asking.ask(session, retention.numbers(begun, asked, spans))
    sizes = {row["place"]: row["viewers"] for row in rows if row["period"] == 0}
    came: dict[int, dict[int, int]] = {}
    for row in rows:
        if row["period"]:
            came.setdefault(row["place"], {})[row["period"]] = row["viewers"]
    cohorts, open_from = [], []
    for place, entry in enumerate(entries):
        counts = _counts(asked, came.get(place, {}))
        returned: list[int | None] = []
        partial = None
        over = asked.periods + 1
        for period in range(1, asked.periods + 1):
            span = _later(asked, entry, period)
            known = span.start < begun.as_of
            returned.append(counts[period] if known else None)
            if known and span.end > begun.as_of:
                partial = period
            if span.end > begun.as_of:
                over = min(over, period)
        size = sizes.get(place, 0)
        open_from.append(over)
        cohorts.append(Cohort(start=entry.start, size=size, returned=returned, partial=partial, small=is_small(size)))
    shares, entered = _shares(asked, cohorts, open_from)
    return RetentionOutput(cohorts=cohorts, shares=shares, entered=entered, **asking.told(asked, begun))


async def cell(session: AsyncSession, asked: RetentionInput, wanted: RetentionCell) -> Cell:
    """One number of a retention. Raises Invalid."""
    begun, entries, spans = await _spanned(session, asked)
    if wanted.period > asked.periods:
        raise Invalid(f"is more than the {asked.periods} periods that were asked for", field="cell.period")
    places = _places(asked, begun, entries, wanted)

    def rule() -> dict[str, Any]:
        if wanted.start is None:
            raise Unsayable("cohorts are told apart by their own times: save it as a list")
        entry = entries[places[0]]
        entry = Span(entry.start, min(entry.end, begun.end))
        return cells.retention(asked, entry, _later(asked, entry, wanted.period), wanted, begun.start)

    return Cell(
        page=lambda after, limit: retention.viewers(begun, asked, spans, wanted, places, after, limit), rule=rule
    )


def _places(asked: RetentionInput, begun: Asking, entries: list[Span], wanted: RetentionCell) -> list[int]:
    """The cohorts of a cell: one, or all of a share, for which the period is over. Raises Invalid."""
    if wanted.start is None:
        over = wanted.period == 0
        return [
            place
            for place, entry in enumerate(entries)
            if over or _later(asked, entry, wanted.period).end <= begun.as_of
        ]
    places = {one.start: place for place, one in enumerate(entries)}
    start = wanted.start.astimezone(UTC)
    if start not in places:
        raise Invalid("is not the beginning of a period of entry", field="cell.start")
    return [places[start]]


async def _spanned(session: AsyncSession, asked: RetentionInput) -> tuple[Asking, list[Span], list[Span]]:
    """Time and viewers, the periods of entry, and all periods in which a return is looked for."""
    begun = await asking.begun(session, asked, None, asked.by)
    entries = asking.spans(asked, begun.start, begun.end, asked.by)
    until = _later(asked, entries[-1], asked.periods).end
    horizon: datetime = begun.as_of if asked.or_after else min(begun.as_of, until)
    return begun, entries, asking.spans(asked, begun.start, max(horizon, begun.end), asked.by)


def _later(asked: RetentionInput, entry: Span, period: int) -> Span:
    return Span(*(periods.after(entry.start, asked.by, asked.zone, number) for number in (period, period + 1)))


def _counts(asked: RetentionInput, came: dict[int, int]) -> dict[int, int]:
    """Who came back by period; with `or_after`, whoever came last in a period counts in all up to it."""
    if not asked.or_after:
        return {period: came.get(period, 0) for period in range(1, asked.periods + 1)}
    return {
        period: sum(number for last, number in came.items() if last >= period) for period in range(1, asked.periods + 1)
    }


def _shares(asked: RetentionInput, cohorts: list[Cohort], open_from: list[int]) -> tuple[list[float | None], list[int]]:
    shares: list[Any] = []
    entered = []
    for period in range(1, asked.periods + 1):
        closed = [one for one, over in zip(cohorts, open_from, strict=True) if period < over]
        size = sum(one.size for one in closed)
        entered.append(size)
        shares.append(sum(one.returned[period - 1] or 0 for one in closed) / size if size else None)
    return shares, entered
