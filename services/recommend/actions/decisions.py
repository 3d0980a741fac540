"""Decide which creative a visitor sees, without leaving the process, and write the decisions down afterwards."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from prometheus_client import Counter, Histogram
from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend import memory, rules, store
from services.recommend.actions import viewers
from services.recommend.memory.log import Answered, DecisionLog, Slot
from services.recommend.rules.creatives import Choice
from shared import clock, tokens
from shared.contracts import BannerNoted, BannersAnswered, BannersAsked, DecideAnswered, DecideAsked, Decision
from shared.database import Database
from shared.house import House

TAKEN = Counter("marquee_decisions_total", "Decisions by what came of them", ["outcome"])
SECONDS = Histogram(
    "marquee_decide_seconds",
    "Time to answer one decide request",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25),
)
WRITTEN_AT_ONCE = 1000

_shown = TAKEN.labels("shown")
_no_match = TAKEN.labels("no_match")
_unknown = TAKEN.labels("unknown_placement")


async def decide(house: House, asked: DecideAsked) -> DecideAnswered:
    """Decisions in the order of the placements; a placement of several slots gives several, best first."""
    with SECONDS.time():
        held = memory.held(house)
        user_id = rules.visitors.claimed(asked.user_id)
        anonymous_id = rules.visitors.claimed(asked.anonymous_id)
        viewer = await viewers.find(house, user_id=user_id, anonymous_id=anonymous_id)
        unit = rules.visitors.unit(viewer.profile_id, user_id=user_id, anonymous_id=anonymous_id)
        at = clock.now()
        decision_id = _new_id(at)
        told = {"d": decision_id.hex, **rules.tokens.visitor(user_id=user_id, anonymous_id=anonymous_id)}
        links = f"{held.settings.public_url.rstrip('/')}/t"
        decisions: list[Decision] = []
        slots: list[Slot] = []
        for key in asked.placements:
            placement = held.catalogue.get(key)
            if placement is None:
                decisions.append(Decision(placement=key, creative=None, reason="unknown_placement"))
                continue
            choices = rules.creatives.choose(placement, viewer.segments, unit)
            for choice in choices:
                token = tokens.sign(held.track_key, told | rules.tokens.shown(key, choice))
                decisions.append(_decision(key, choice, token, links))
                slots.append(Slot(p=key, r=choice.creative.reason, c=choice.creative.shown.key, pr=choice.probability))
            if not choices:
                decisions.append(Decision(placement=key, creative=None, reason="no_match"))
                slots.append(Slot(p=key, r="no_match"))
        _count(decisions, slots)
        if slots:
            held.log.add(Answered(decision_id, at, viewer.profile_id, user_id, anonymous_id, slots))
        return DecideAnswered(decisions=decisions)


def _decision(placement: str, choice: Choice, token: str, links: str) -> Decision:
    """What the front-end gets for one slot; a creative that leads nowhere has no link to click."""
    creative = choice.creative
    return Decision(
        placement=placement,
        creative=creative.shown,
        reason=creative.reason,
        token=token,
        click_url=None if creative.link_url is None else f"{links}/c/{token}",
        impression_url=f"{links}/i/{token}",
    )


def _count(decisions: list[Decision], slots: list[Slot]) -> None:
    """Once per request: ten single counts would cost as much as the choosing."""
    shown = sum(1 for slot in slots if slot.c is not None)
    _shown.inc(shown)
    _no_match.inc(len(slots) - shown)
    _unknown.inc(len(decisions) - len(slots))


async def of_viewer(session: AsyncSession, asked: BannersAsked) -> BannersAnswered:
    """What a viewer was shown lately, as far as it is written down (a second behind)."""
    rows = await store.decisions.of_viewer(session, asked.profile_id, max(1, min(asked.limit, 200)))
    return BannersAnswered(
        banners=[
            BannerNoted(
                decision_id=row.id.hex, at=row.at, placement=slot["p"], creative=slot.get("c"), reason=slot["r"]
            )
            for row in rows
            for slot in row.shown
        ]
    )


async def write(house: House) -> bool:
    """Write waiting decisions down. A loop's step; True when there are more."""
    return await _write_some(house.db, memory.held(house).log)


async def write_rest(database: Database, held: memory.Memory) -> None:
    """Write all that waits: the last thing before the process ends."""
    while await _write_some(database, held.log):
        pass


async def _write_some(database: Database, log: DecisionLog) -> bool:
    """One batch, which leaves the buffer only when it is committed; True when there are more."""
    lines = log.first(WRITTEN_AT_ONCE)
    if lines:
        async with database.transaction() as session:
            await _write(session, lines)
        log.written(len(lines))
    return len(log) > 0


async def expire(session: AsyncSession) -> None:
    """Delete the oldest lines of the log beyond the days it is kept, as many as one transaction should."""
    days = memory.of(session).settings.decisions_days
    await store.decisions.expire(session, clock.now() - timedelta(days=days), limit=50_000)


async def _write(session: AsyncSession, lines: list[Answered]) -> None:
    """One batch. A line that is there already came through in a commit whose answer got lost."""
    await store.decisions.write(
        session,
        [
            (
                line.id,
                line.at,
                line.profile_id,
                line.user_id,
                line.anonymous_id,
                msgspec.json.encode(line.slots).decode(),
            )
            for line in lines
        ],
    )


def _new_id(at: datetime) -> UUID:
    """A UUID of version 7 (RFC 9562): milliseconds first, so that the log's index grows at its end."""
    milliseconds = int(at.timestamp() * 1000)
    value = milliseconds << 80 | secrets.randbits(80)
    return UUID(int=value & ~(0xF000 << 64) & ~(0xC000 << 48) | 0x7000 << 64 | 0x8000 << 48)
