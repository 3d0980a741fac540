"""Statements of active hours: events placed in the hours of the week."""

# ruff: noqa: S608 - every value is a parameter, every name is ours

from __future__ import annotations

from datetime import datetime

from services.segment.schemas.insights.hours import HoursCell, HoursInput
from services.segment.store.insights.draft import Asking, Draft, Meant, Statement

Slots = tuple[list[datetime], list[int]]
"""Beginnings of hours and their places in the week: weekday (0 is Monday) times 24 and hour."""


def _drafted(asking: Asking, asked: HoursInput, slots: Slots) -> Draft:
    draft = Draft(asking)
    draft.instants("slots", *slots)
    draft.happened("happened", Meant(asked.event, asked.where), since=asking.start, until=asking.end)
    draft.part("placed", "SELECT h.profile_id, s.place FROM happened h ASOF JOIN slots s ON h.time >= s.start")
    return draft


def numbers(asking: Asking, asked: HoursInput, slots: Slots) -> Statement:
    """Columns place, events, viewers."""
    return _drafted(asking, asked, slots).done(
        "SELECT place, count(*) AS events, count(DISTINCT profile_id) AS viewers FROM placed GROUP BY place"
    )


def viewers(asking: Asking, asked: HoursInput, slots: Slots, cell: HoursCell, after: int, limit: int) -> Statement:
    """The viewers of one hour of the week."""
    draft = _drafted(asking, asked, slots)
    place = draft.value(24 * (cell.weekday - 1) + cell.hour)
    return draft.viewers(f"SELECT DISTINCT profile_id FROM placed WHERE place = {place}", after, limit)
