"""Before events are recorded: is each as its type says, and was it a human?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import keys
from services.profile.actions import plan as plans
from services.profile.rules import bots, sealing
from services.profile.rules import event_types as rules
from services.profile.rules.event_types import Plan, Violation
from services.profile.rules.events import Call
from services.profile.store import event_types, refused
from shared import clock
from shared.database import after_commit

REFUSED = Counter("marquee_refused_events", "Events that the tracking plan refused")
VIOLATIONS = Counter("marquee_event_violations", "Events that were kept although they differ from their type")
STRIPPED = Counter("marquee_stripped_events", "Events of which unknown properties were removed")
BOTS = Counter("marquee_bot_events", "Recorded events of programs", ["by"])

CALL = "call"
"""What a sealed refused event is called inside its seal."""

_encode = msgspec.json.Encoder().encode


async def admit(session: AsyncSession, batch: Sequence[Call]) -> tuple[list[Call], list[tuple[Call, Violation]]]:
    """The calls to record, as they are to be recorded; the others stand in the list of refused events.

    Besides, violations of those that are kept, to be counted. Calls that are no events (identify, group, alias) always
    pass.
    """
    plan = await plans.current(session)
    kept: list[Call] = []
    kicked: list[tuple[Call, Violation]] = []
    flawed: list[tuple[Call, Violation]] = []
    stripped = 0
    types, refuses_unknown = plan.types, plan.refuses_unknown
    for call in batch:
        if call.event is None:
            kept.append(call)
            continue
        its = types.get(call.event)
        if its is None:
            if refuses_unknown:
                kicked.append((call, rules.UNKNOWN))
            else:
                kept.append(call)
            continue
        if its.mode == "strip":
            clean = rules.stripped(its.schema, call.properties)
            if clean is not call.properties:
                call = call._replace(properties=clean)
                stripped += 1
        if its.valid(call.properties):
            kept.append(call)
            continue
        found = rules.violation(its, call.properties)
        if its.mode == "refuse":
            kicked.append((call, found))
        else:
            flawed.append((call, found))
            kept.append(call)
    if kicked:
        await refused.keep(session, await lines(session, kicked))
    if kicked or flawed or stripped:
        after_commit(session, lambda: _measure(len(kicked), len(flawed), stripped))
    return _judged(session, kept), flawed


async def count(session: AsyncSession, flawed: Sequence[tuple[Call, Violation]]) -> None:
    """Count these violations by day."""
    if flawed:
        await event_types.count(session, _days(flawed))


def judge(plan: Plan, call: Call) -> Violation | None:
    """Why this event would be refused; None when it would not."""
    if call.event is None:
        return None
    its = plan.types.get(call.event)
    if its is None:
        return rules.UNKNOWN if plan.refuses_unknown else None
    if its.mode != "refuse" or its.valid(call.properties):
        return None
    return rules.violation(its, call.properties)


async def lines(session: AsyncSession, kicked: Iterable[tuple[Call, Violation]]) -> list[refused.Line]:
    """Refused events as they are kept: each sealed with the key of its origin, so that erasing it erases them."""
    kicked = list(kicked)
    held = await keys.of(session, {call.claim.origin for call, _ in kicked}, make=True)
    return [
        refused.Line(
            message_id=call.message_id,
            refused_at=clock.now(),
            event=call.event or "",
            source=call.item.source,
            origin=call.claim.origin,
            time=call.time,
            reason=found.reason,
            path=found.path,
            excerpt=found.excerpt,
            call=_encode(
                sealing.seal(held[call.claim.origin], call.claim.origin, CALL, msgspec.to_builtins(call.item))
            ).decode(),
        )
        for call, found in kicked
    ]


def _days(flawed: Iterable[tuple[Call, Violation]]) -> list[event_types.Found]:
    found: dict[tuple[Any, ...], event_types.Found] = {}
    for call, one in flawed:
        item = call.item
        key = (call.event, item.received_at.date(), item.source, one.rule)
        known = found.get(key)
        found[key] = event_types.Found(
            event=call.event or "",
            day=item.received_at.date(),
            source=item.source,
            rule=one.rule,
            number=1 if known is None else known.number + 1,
            path=one.path,
            reason=one.reason,
            excerpt=one.excerpt,
            last_at=item.received_at,
        )
    return list(found.values())


def _judged(session: AsyncSession, batch: list[Call]) -> list[Call]:
    """The calls, with those of programs marked in their context."""
    paces = plans.paces(session)
    seen = [(call.claim.origin, call.time) for call in batch if call.event is not None]
    hasty = paces.hasty(seen)
    marked = {bots.AGENT: 0, bots.PACE: 0}
    for n, call in enumerate(batch):
        context = call.item.context
        agent = context.get("userAgent")
        if isinstance(agent, str) and bots.is_listed(agent):
            by = bots.AGENT
        elif hasty and (call.claim.origin, bots.minute(call.time)) in hasty:
            by = bots.PACE
        elif bots.MARK in context:
            # The mark is ours: what a client calls so is left out.
            said = {name: value for name, value in context.items() if name != bots.MARK}
            batch[n] = call._replace(item=msgspec.structs.replace(call.item, context=said))
            continue
        else:
            continue
        marked[by] += 1
        batch[n] = call._replace(item=msgspec.structs.replace(call.item, context={**context, bots.MARK: by}))

    def note() -> None:
        paces.note(seen)
        for by, count in marked.items():
            if count:
                BOTS.labels(by).inc(count)

    if seen:
        after_commit(session, note)
    return batch


def _measure(kicked: int, flawed: int, stripped: int) -> None:
    REFUSED.inc(kicked)
    VIOLATIONS.inc(flawed)
    STRIPPED.inc(stripped)
