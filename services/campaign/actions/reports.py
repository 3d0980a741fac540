"""What a campaign brought."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.actions import campaigns
from services.campaign.rules import statistics
from services.campaign.rules.statistics import Moments
from services.campaign.schemas import reports as shapes
from services.campaign.schemas.manners import Conversion, Manners
from services.campaign.schemas.reports import Report, TrendDay
from services.campaign.schemas.words import MessageState
from services.campaign.store import Record, proof, tracking
from shared import clock, pages
from shared.database import Database
from shared.pages import PageAsked

DAYS = 7
LINKS = 100
EXPORTED = 10_000
"""Lines of one piece of an export."""
COLUMNS = (
    "id",
    "profile_id",
    "state",
    "reason",
    "variant",
    "planned_at",
    "called_at",
    "finished_at",
    "bounced_at",
    "opened_at",
    "clicked_at",
    "converted_at",
    "value",
    "unsubscribed_at",
)


async def report(session: AsyncSession, key: str) -> Report:
    """The whole report. Raises NoCampaign."""
    row, states, reasons = await campaigns.figures(session, key)
    funnel = await proof.funnel(session, row.id)
    wanted = Manners.model_validate(row.manners).conversion
    groups = {one.held: one for one in await proof.groups(session, row.id, DAYS)}
    sent, held = groups.get(False), groups.get(True)
    return Report(
        key=row.key,
        name=row.name,
        state=row.state,
        channel=row.channel,
        started_at=row.started_at,
        finished_at=row.finished_at,
        funnel=shapes.Funnel.model_validate(funnel),
        states={state: states.get(state, 0) for state in get_args(MessageState)},
        reasons=reasons,
        groups=shapes.Groups(sent=sent.n if sent else 0, held=held.n if held else 0),
        conversion_event=wanted.event if wanted else None,
        trend=_trend(sent, held, wanted, clock.now()),
        conversion=_whole(sent, held, wanted, clock.now()),
        revenue=_revenue(sent, held) if wanted is not None and wanted.value is not None else None,
        variants=[shapes.VariantRow.model_validate(one) for one in await proof.variants(session, row.id)],
        links=[shapes.LinkRow.model_validate(one) for one in await tracking.link_figures(session, row.id, LINKS)],
    )


async def funnel(session: AsyncSession, key: str) -> shapes.Funnel:
    """How far its messages came. Raises NoCampaign."""
    row = await campaigns.found(session, key)
    return shapes.Funnel.model_validate(await proof.funnel(session, row.id))


def _trend(sent: Record | None, held: Record | None, wanted: Conversion | None, now: datetime) -> list[TrendDay]:
    """Day by day, as far as the first message's days have begun."""
    if wanted is None or sent is None:
        return []
    begun = [day for day in range(1, DAYS + 1) if now >= sent.first + timedelta(days=day - 1)]
    return [_day(day, timedelta(days=day), sent, held, f"day{day}", now) for day in begun]


def _whole(sent: Record | None, held: Record | None, wanted: Conversion | None, now: datetime) -> TrendDay | None:
    if wanted is None or sent is None:
        return None
    days = -(-wanted.length // timedelta(days=1))
    return _day(days, wanted.length, sent, held, "all", now)


def _day(day: int, length: timedelta, sent: Record, held: Record | None, column: str, now: datetime) -> TrendDay:
    converted = getattr(sent, column)
    others = getattr(held, column) if held else 0
    last = max(sent.last, held.last) if held else sent.last
    return TrendDay(
        day=day,
        complete=now >= last + length,
        sent_converted=converted,
        sent_rate=_shown(statistics.rate(converted, sent.n)),
        held_converted=others,
        held_rate=_shown(statistics.rate(others, held.n)) if held else None,
        difference=_shown(statistics.difference(converted, sent.n, others, held.n)) if held else None,
    )


def _revenue(sent: Record | None, held: Record | None) -> shapes.Revenue | None:
    if sent is None:
        return None
    one = Moments(sent.n, sent.total, sent.squares)
    if held is None:
        return shapes.Revenue(
            sent_total=one.total, sent_mean=one.mean, held_total=0, held_mean=None, difference=None, incremental=None
        )
    two = Moments(held.n, held.total, held.squares)
    found = statistics.means(one, two)
    times = [None if bound is None else bound * one.n for bound in (found.low, found.high)]
    return shapes.Revenue(
        sent_total=one.total,
        sent_mean=one.mean,
        held_total=two.total,
        held_mean=two.mean,
        difference=_shown(found),
        incremental=shapes.Interval(value=found.value * one.n, low=times[0], high=times[1]),
    )


def _shown(found: statistics.Interval) -> shapes.Interval:
    return shapes.Interval(value=found.value, low=found.low, high=found.high)


async def recipients(session: AsyncSession, key: str, page: PageAsked, step: str) -> tuple[list[Record], str | None]:
    """Messages that came to a step, newest first, and the next page's cursor. Raises NoCampaign."""
    campaign = await campaigns.found(session, key)
    before = page.number("id")
    rows = await proof.recipients(session, campaign.id, step, before=before, limit=page.limit + 1)
    shown = list(rows[: page.limit])
    return shown, pages.encode({"id": shown[-1].id}) if len(rows) > len(shown) else None


async def export(db: Database, key: str, step: str) -> AsyncIterator[str]:
    """All of them as CSV, newest first, in pieces of lines. Raises NoCampaign."""
    async with db.transaction() as session:
        campaign_id = (await campaigns.found(session, key)).id

    async def pieces() -> AsyncIterator[str]:
        yield _lines([COLUMNS])
        before: int | None = None
        more = True
        while more:
            async with db.transaction() as session:
                rows = await proof.recipients(session, campaign_id, step, before=before, limit=EXPORTED)
            if rows:
                before = rows[-1].id
                yield _lines([_cell(getattr(row, name)) for name in COLUMNS] for row in rows)
            more = len(rows) == EXPORTED

    return pieces()


def _cell(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _lines(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
