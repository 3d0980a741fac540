"""Statements of retention: the period of each entry, and the periods in which there was a return."""

# ruff: noqa: S608 - every value is a parameter, every name is ours

from __future__ import annotations

from datetime import timedelta

from services.segment.rules.insights.periods import Span
from services.segment.schemas.insights.retention import RetentionCell, RetentionInput
from services.segment.store.insights.draft import Asking, Draft, Meant, Statement


def _drafted(asking: Asking, asked: RetentionInput, spans: list[Span]) -> Draft:
    """`entered` (profile_id, place) and `came` (profile_id, place, period: how many periods after the entry)."""
    draft = Draft(asking)
    draft.instants("periods", [one.start for one in spans], list(range(len(spans))))
    since = None if asked.first_ever else asking.start
    draft.happened("entries", Meant(asked.entry.event, asked.entry.where), since=since, until=asking.end)
    draft.part(
        "firsts",
        "SELECT profile_id, min(time) AS time FROM entries GROUP BY profile_id"
        f" HAVING min(time) >= {draft.value(asking.start)}",
    )
    draft.part("entered", "SELECT f.profile_id, p.place FROM firsts f ASOF JOIN periods p ON f.time >= p.start")
    until = min(spans[-1].end, asking.as_of + timedelta.resolution)
    draft.happened("returns", Meant(asked.returned.event, asked.returned.where), since=asking.start, until=until)
    draft.part(
        "returned",
        "SELECT DISTINCT r.profile_id, p.place FROM returns r ASOF JOIN periods p ON r.time >= p.start",
    )
    draft.part(
        "came",
        "SELECT e.profile_id, e.place, r.place - e.place AS period FROM entered e"
        " JOIN returned r ON r.profile_id = e.profile_id AND r.place > e.place",
    )
    return draft


def numbers(asking: Asking, asked: RetentionInput, spans: list[Span]) -> Statement:
    """Columns place, period (0 is the entry), viewers. With `or_after` a viewer counts once, in his last period."""
    draft = _drafted(asking, asked, spans)
    came = "came"
    if asked.or_after:
        came = "lasts"
        draft.part("lasts", "SELECT profile_id, place, max(period) AS period FROM came GROUP BY profile_id, place")
    return draft.done(
        "SELECT place, 0 AS period, count(*) AS viewers FROM entered GROUP BY place"
        f" UNION ALL SELECT place, period, count(*) AS viewers FROM {came} GROUP BY place, period"
    )


def viewers(
    asking: Asking,
    asked: RetentionInput,
    spans: list[Span],
    cell: RetentionCell,
    places: list[int],
    after: int,
    limit: int,
) -> Statement:
    """The viewers of one cell: of one cohort, or of several together."""
    draft = _drafted(asking, asked, spans)
    here = f"list_contains({draft.value(places)}::INTEGER[], place)"
    if cell.period == 0:
        return draft.viewers(f"SELECT profile_id FROM entered WHERE {here}", after, limit)
    operator = ">=" if asked.or_after else "="
    came = f"SELECT profile_id FROM came WHERE {here} AND period {operator} {draft.value(cell.period)}"
    if cell.returned:
        return draft.viewers(f"SELECT DISTINCT profile_id FROM ({came})", after, limit)
    return draft.viewers(f"SELECT profile_id FROM entered WHERE {here} EXCEPT ({came})", after, limit)
