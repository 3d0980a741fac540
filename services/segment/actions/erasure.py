"""Forgetting a viewer: he leaves every segment, and nothing of him stays, in the log of transitions neither."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.rules.blocks import block_of, place_of, unpack
from services.segment.rules.book import Change
from services.segment.store import definitions, latest, log, members
from services.segment.tables import events, homes, metadata, redirects
from shared import clock
from shared.erasure import ORIGIN, PROFILE, Hidden, Keeps


async def _leave(session: AsyncSession, ids: Sequence[int], _: Sequence[str]) -> dict[str, int]:
    """Take him out of all bitmaps, and tell the others that he left, so that sizes and copies are right."""
    await members.lock(session, ids)
    now = await judging.book(session)
    held = await members.of(session, ids)
    changes = [
        Change(segment_id, profile_id, "erase", entered=False)
        for (block, segment_id), places in sorted(held.items())
        for profile_id in ids
        if block_of(profile_id) == block and place_of(profile_id) in places
    ]
    await judging.write(session, now, held, changes, clock.now())
    await latest.erase(session, ids)
    # That he left is told, and not kept.
    return {"blocks": len(changes), "transitions": await log.erase(session, ids) - len(changes)}


async def _memberships(session: AsyncSession, ids: Sequence[int], _: Sequence[str]) -> list[dict[str, Any]]:
    """Where he is."""
    held = await members.of(session, ids)
    keys = await definitions.keys(session)
    return [
        {"profile_id": one, "segment": keys.get(segment_id, str(segment_id))}
        for one in ids
        for (block, segment_id), places in sorted(held.items())
        if block_of(one) == block and place_of(one) in places
    ]


async def _transitions(session: AsyncSession, ids: Sequence[int], _: Sequence[str]) -> list[dict[str, Any]]:
    """When he entered and left."""
    keys = await definitions.keys(session)
    found: list[dict[str, Any]] = []
    for one in ids:
        for row in await log.naming(session, one):
            key = keys.get(row.segment_id, str(row.segment_id))
            entered = row.entered is not None and place_of(one) in unpack(row.entered)
            found.append({"profile_id": one, "segment": key, "at": row.at, "cause": row.cause, "entered": entered})
    return found


async def _latest(session: AsyncSession, ids: Sequence[int], _: Sequence[str]) -> list[dict[str, Any]]:
    """His last entry or exit, where it is noted besides."""
    keys = await definitions.keys(session)
    return [
        {
            "profile_id": one,
            "segment": keys.get(segment_id, str(segment_id)),
            "at": move.at,
            "cause": move.cause,
            "entered": move.entered,
        }
        for one in ids
        for segment_id, move in sorted((await latest.naming(session, one)).items())
    ]


KEEPS = Keeps(
    tables=metadata,
    also={PROFILE: (redirects.c.into_id,), ORIGIN: (homes.c.origin,)},
    hidden=(Hidden("blocks", _memberships), Hidden("transitions", _transitions), Hidden("latest_moves", _latest)),
    before=_leave,
    order={"events": (events.c.profile_id, events.c.event, events.c.time, events.c.event_id)},
)
