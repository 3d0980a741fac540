"""Keeping up what events add up to, and what is known of the items they are about."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.rules import aggregates as rules
from services.profile.rules import interests
from services.profile.rules.aggregates import Happened, Month, Terms
from services.profile.rules.interests import Thing
from services.profile.settings import Portrait
from services.profile.store import aggregates, items
from shared import clock, days
from shared.contracts import ItemUpdated

if TYPE_CHECKING:
    from services.profile.actions.stages import Recorded


class UnknownZone(ValueError):
    """MARQUEE_TIME_ZONE is no time zone: it must be one like Asia/Shanghai, or an offset like +08:00."""


@cache
def terms() -> Terms:
    """The options of this process; the app asks for them at its start. Raises UnknownZone."""
    options = Portrait()
    if days.zone(options.time_zone) is None:
        raise UnknownZone(options.time_zone)
    return Terms(options.time_zone, options.interest_half_life_days * 86_400)


async def count(session: AsyncSession, fresh: Sequence[Recorded]) -> None:
    """Stage: add these events to the sums of their origins. Calls that are no events are no behaviour.

    Sums are read, added to and written: safe, since every origin's identity is locked from before the reading until
    the commit (test_two_processes_add_up).
    """
    happened = [
        (call, call.event, (call.claim.origin, rules.number(call.time)), rules.concerns(call.event, call.properties))
        for call, _ in fresh
        if call.event is not None
    ]
    if not happened:
        return
    concerned = {item for _, _, _, item in happened if item is not None}
    stored, rows = await aggregates.read(session, {key for _, _, key, _ in happened}, concerned)
    known = {item: Thing(kind, tuple(tags)) for item, (kind, tags) in rows.items()}
    sums: dict[aggregates.Key, Month] = {key: rules.read(data) for key, data in stored.items()}
    options = terms()
    for call, event, key, item in happened:
        mine = sums.get(key)
        if mine is None:
            mine = sums[key] = Month()
        thing = None if item is None else known.get(item)
        it = Happened(event, call.time, call.item.source, call.properties, call.item.context, thing)
        rules.add(mine, key[1], it, options)
    await aggregates.write(session, {key: rules.write(month) for key, month in sums.items()})


async def hear(session: AsyncSession, facts: list[ItemUpdated]) -> None:
    """Keep kinds and tags of items. They count for events that are recorded from then on."""
    told = {
        fact.item_id: (fact.item_kind, sorted(interests.clean([fact.properties.get("category"), *fact.tags])))
        for fact in facts
    }
    if told:
        await items.keep(session, told, clock.now())
