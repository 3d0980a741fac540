"""Statements of trends: events placed in periods and parts, and the numbers of each."""

# ruff: noqa: S608 - every value is a parameter, every name is ours

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.segment.rules.insights.periods import Span
from services.segment.schemas.insights.common import Part
from services.segment.schemas.insights.trends import TrendInput
from services.segment.store.insights.draft import Asking, Draft, Meant, Statement


@dataclass(frozen=True)
class Frame:
    """The periods of a trend, and those just before it when they are compared; both end at their own instants."""

    now: list[Span]
    end: datetime
    before: list[Span]

    @property
    def starts(self) -> tuple[list[datetime], list[int]]:
        """Beginning and place of every period: 0 and on are now, -1 and back are before, their gap is far below."""
        found = [(one.start, place) for place, one in enumerate(self.now)]
        if self.before:
            found += [(one.start, place - len(self.before)) for place, one in enumerate(self.before)]
            if self.before[-1].end < self.now[0].start:
                found.append((self.before[-1].end, GAP))
        found.sort()
        return [start for start, _ in found], [place for _, place in found]

    @property
    def start(self) -> datetime:
        """The first instant that is looked at."""
        return (self.before or self.now)[0].start


GAP = -1_000_000
"""The place of what lies between the end of the time before and the beginning of now."""


def _ranked(asking: Asking, asked: TrendInput, frame: Frame) -> Draft:
    draft = Draft(asking)
    starts, places = frame.starts
    draft.instants("periods", starts, places)
    meant = Meant(asked.event, asked.where, asked.split, asked.measure.of)
    draft.happened("happened", meant, since=frame.start, until=frame.end)
    draft.labelled("labels", "happened", asked.split)
    amount = "1.0::DOUBLE" if asked.measure.of is None else "h.amount"
    draft.part(
        "placed",
        f"SELECT h.profile_id, h.label, p.place, {amount} AS amount"
        f" FROM labels h ASOF JOIN periods p ON h.time >= p.start WHERE p.place > {GAP}",
    )
    draft.part("told", "SELECT * FROM placed WHERE amount IS NOT NULL")
    draft.ranked("told", asked.split, "place >= 0")
    return draft


def numbers(asking: Asking, asked: TrendInput, frame: Frame) -> Statement:
    """Columns now, place, of_all_places, part, label, of_all_parts, events, viewers, total, mean."""
    draft = _ranked(asking, asked, frame)
    sets = "(now, place), (now)" if asked.split is None else "(now, place), (now), (now, place, part), (now, part)"
    return draft.done(
        f"SELECT now, place, GROUPING(place) AS of_all_places, {draft.parted(asked.split)},"
        " count(*) AS events, count(DISTINCT profile_id) AS viewers, sum(amount) AS total, avg(amount) AS mean"
        f" FROM (SELECT *, place >= 0 AS now FROM ranked) GROUP BY GROUPING SETS ({sets})"
    )


def viewers(
    asking: Asking, asked: TrendInput, frame: Frame, places: range, part: Part | None, after: int, limit: int
) -> Statement:
    """The viewers of one cell: of one period, or of several together."""
    draft = _ranked(asking, asked, frame)
    within = f"place BETWEEN {draft.value(places[0])} AND {draft.value(places[-1])}"
    where = f"{within} AND {draft.of_part(part)}"
    return draft.viewers(f"SELECT DISTINCT profile_id FROM ranked WHERE {where}", after, limit)
