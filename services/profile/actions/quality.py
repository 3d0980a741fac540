"""Data quality: counted with every batch, scored every hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import plan
from services.profile.rules import quality as rules
from services.profile.rules.events import Call
from services.profile.rules.quality import Count
from services.profile.schemas.quality import Measured, Offender, Quality, Snapshot
from services.profile.store import quality as store
from shared import clock, pages
from shared.contracts import EventReceived
from shared.errors import Invalid
from shared.pages import Page, PageAsked

VIEWERS = "(viewers)"
SHOWN = 500
WORST = 10
ALL = "(all)"
"""Instead of the event, of a source that is silent."""
SILENT = 100
LISTENED = timedelta(days=90)
"""A source that has said nothing for so long was taken away, and is no longer missed."""
DAYS = 7
"""Days a snapshot looks back."""

COUNTS_KEPT, SNAPSHOTS_KEPT = timedelta(days=400), timedelta(days=90)


def admitted(items: Sequence[EventReceived], before: Sequence[Call], after: Sequence[Call]) -> Sequence[EventReceived]:
    """What came, without the calls of those who were erased: dropping them is no fault of the data."""
    if len(before) == len(after):
        return items
    dropped = {call.message_id for call in missing(before, after)}
    return [item for item in items if item.message_id not in dropped]


def missing(before: Sequence[Call], after: Sequence[Call]) -> list[Call]:
    """Calls that were left out on the way."""
    if len(before) == len(after):
        return []
    there = {call.message_id for call in after}
    return [call for call in before if call.message_id not in there]


async def note(
    session: AsyncSession, received: Sequence[EventReceived], refused: Sequence[Call], recorded: Iterable[Call]
) -> None:
    """Count a batch: what came, what was refused, what was new; the rest had come before."""
    counted = rules.count(received, refused, recorded, (await plan.current(session)).types)
    await store.note(
        session,
        [
            {"day": day, "source": source, "event": event, **count._asdict(), "last": last}
            for (day, source, event), (count, last) in counted.items()
        ],
    )


async def note_turned_away(session: AsyncSession, kinds: Iterable[Mapping[str, Any]]) -> None:
    """Count what the gateway did not take in, as what came and was refused: day, source, event, number, last_at."""
    await store.note(
        session,
        [
            {
                "day": one["day"],
                "source": one["source"],
                "event": one["event"],
                **Count(received=one["number"], refused=one["number"])._asdict(),
                "last": one["last_at"],
            }
            for one in kinds
        ],
    )


async def fold(session: AsyncSession) -> None:
    """Add what was noted to the counters."""
    await store.fold(session)


async def shown(session: AsyncSession, days: int) -> Quality:
    """How good the data of these last days is, with what costs most."""
    now = clock.now()
    rows = await store.since(session, (now - timedelta(days=days - 1)).date())
    measured = [_measured(row, now) for row in rows]
    speaking = {row.source for row in rows}
    for row in await store.last_heard(session, (now - LISTENED).date(), among=speaking, limit=SILENT):
        measured.append(_silent(row))
    measured.sort(key=lambda one: (one.score, -one.received))
    shares = _together(rows, now)
    viewers = await store.history(session, source="", event=VIEWERS, before=None, limit=1)
    return Quality(
        score=rules.score(shares),
        shares=shares,
        since=now - timedelta(days=days),
        events=measured[:SHOWN],
        worst=_worst(measured),
        viewers=viewers[0].shares if viewers else {},
    )


def _count(row: Any) -> Count:
    return Count(**{name: rules.whole(getattr(row, name)) for name in store.COUNTERS})


def _together(rows: Sequence[Any], now: datetime) -> dict[str, float]:
    last = max((row.last for row in rows), default=None)
    return _rounded(rules.shares(rules.together([_count(row) for row in rows]), last, now))


def _rounded(shares: dict[str, float]) -> dict[str, float]:
    return {name: round(share, 4) for name, share in shares.items()}


def _measured(row: Any, now: datetime) -> Measured:
    count = _count(row)
    shares = _rounded(rules.shares(count, row.last, now))
    return Measured(
        source=row.source,
        event=row.event,
        score=rules.score(shares),
        shares=shares,
        received=count.received,
        refused=count.refused,
        recorded=count.recorded,
        duplicates=max(0, count.received - count.refused - count.recorded),
        late=count.late,
        bots=count.bots,
        last=row.last,
    )


def _silent(row: Any) -> Measured:
    """A source of which nothing came within the days asked for."""
    shares = {"freshness": 0.0}
    nothing = dict.fromkeys(("received", "refused", "recorded", "duplicates", "late", "bots"), 0)
    return Measured(source=row.source, event=ALL, score=rules.score(shares), shares=shares, last=row.last, **nothing)


def _worst(measured: Sequence[Measured]) -> list[Offender]:
    found = []
    for one in measured:
        weakest = rules.weakest(one.shares)
        if (one.received >= rules.ENOUGH or not one.received) and weakest is not None:
            share, value = weakest
            found.append(
                Offender(
                    source=one.source,
                    event=one.event,
                    score=one.score,
                    share=share,
                    value=value,
                    why=rules.WORDS[share],
                )
            )
    return found[:WORST]


async def snapshot(session: AsyncSession) -> None:
    """Keep the scores of this hour, once."""
    now = clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    if await store.has_snapshot(session, hour):
        return
    rows = await store.since(session, (now - timedelta(days=DAYS - 1)).date())
    if not rows:
        return
    shares = _together(rows, now)
    kept = [{"at": hour, "source": "", "event": "", "score": rules.score(shares), "shares": shares}]
    for one in sorted((_measured(row, now) for row in rows), key=lambda one: -one.received)[:SHOWN]:
        kept.append({"at": hour, "source": one.source, "event": one.event, "score": one.score, "shares": one.shares})
    everybody, known = await store.known(session, rules.KEY_TRAITS)
    if everybody:
        viewers = {name: round(min(1.0, known.get(name, 0) / everybody), 4) for name in rules.KEY_TRAITS}
        mean = round(100 * sum(viewers.values()) / len(viewers), 1)
        kept.append({"at": hour, "source": "", "event": VIEWERS, "score": mean, "shares": viewers})
    await store.keep_snapshot(session, kept)
    await store.forget(session, day=(now - COUNTS_KEPT).date(), at=now - SNAPSHOTS_KEPT)


async def history(session: AsyncSession, asked: PageAsked, *, source: str, event: str) -> Page[Snapshot]:
    """Scores hour by hour, the newest first."""
    place = asked.text("at")
    try:
        before = None if place is None else datetime.fromisoformat(place)
    except ValueError as error:
        raise Invalid("the cursor is not one of ours: begin again without it", field="cursor") from error
    if before is not None and before.tzinfo is None:
        raise Invalid("the cursor is not one of ours: begin again without it", field="cursor")
    rows = await store.history(session, source=source, event=event, before=before, limit=asked.limit + 1)
    items = [Snapshot.model_validate(row) for row in rows[: asked.limit]]
    following = pages.encode({"at": items[-1].at.isoformat()}) if len(rows) > asked.limit else None
    return Page(items=items, next=following)
