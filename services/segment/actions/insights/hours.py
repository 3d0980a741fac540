"""Active hours: when in the week something happens."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions.insights import asking
from services.segment.actions.insights.asking import Cell
from services.segment.rules.insights import periods
from services.segment.rules.insights.cells import Unsayable
from services.segment.rules.parts import is_small
from services.segment.schemas.insights.hours import HoursCell, HoursInput, HoursOutput
from services.segment.store.insights import hours
from services.segment.store.insights.draft import Asking
from services.segment.store.insights.hours import Slots
from shared.errors import Invalid

MOST_HOURS = 24 * 366


async def answer(session: AsyncSession, asked: HoursInput) -> HoursOutput:
    """The heat map. Raises Invalid and what the warehouse raises."""
    begun = await asking.begun(session, asked)
    rows = await asking.ask(session, hours.numbers(begun, asked, _slots(asked, begun)))
    count, viewers = ([[0] * 24 for _ in range(7)] for _ in range(2))
    for row in rows:
        weekday, hour = divmod(row["place"], 24)
        count[weekday][hour], viewers[weekday][hour] = row["events"], row["viewers"]
    small = [[is_small(one) for one in line] for line in viewers]
    return HoursOutput(count=count, viewers=viewers, small=small, **asking.told(asked, begun))


async def cell(session: AsyncSession, asked: HoursInput, wanted: HoursCell) -> Cell:
    """One hour of the week. Raises Invalid."""
    begun = await asking.begun(session, asked)
    slots = _slots(asked, begun)
    return Cell(
        page=lambda after, limit: hours.viewers(begun, asked, slots, wanted, after, limit),
        rule=_unsayable,
    )


def _unsayable() -> dict[str, Any]:
    raise Unsayable("no rule asks for an hour of the week: save it as a list")


def _slots(asked: HoursInput, begun: Asking) -> Slots:
    try:
        found = periods.spans(begun.start, begun.end, "hour", asked.zone, most=MOST_HOURS)
    except periods.TooMany as error:
        raise Invalid("a heat map covers at most 366 days", field="from") from error
    places = [periods.hour_of_week(one.start, asked.zone) for one in found]
    return [one.start for one in found], [24 * (weekday - 1) + hour for weekday, hour in places]
