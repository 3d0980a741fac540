"""The live work: facts about viewers arrive, and segments are true again in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging, places
from services.segment.actions.judging import Wanted
from services.segment.rules.judge import Viewer
from services.segment.store import members, moves, viewers
from services.segment.store.viewers import Known
from shared import clock
from shared.contracts import EventRecorded, ProfileUpdated
from shared.reader import catching_up


async def absorb_events(session: AsyncSession, items: list[EventRecorded]) -> None:
    """Keep events of viewers, and judge whom they touch. An event that is here already changes nothing.

    Those of programs are not kept: no rule, insight or file asks what a crawler did in somebody's name.
    """
    items = [item for item in items if not item.bot]
    ids = sorted({item.profile_id for item in items})
    catching = catching_up(session)
    await members.lock(session, ids)
    appeared = await viewers.appear(session, ids)
    fresh = await viewers.record(session, items, correct=catching)
    now = await judging.book(session)
    news: Wanted = {}
    for item in sorted(items, key=lambda item: item.history):
        if item.event_id in fresh:
            touched = now.ruled if item.profile_id in appeared else now.by_event(item.event, item.properties)
            cause = "fill" if catching else "history" if item.history else "rule"
            of_viewer = news.setdefault(item.profile_id, {})
            for segment_id in touched:
                of_viewer.setdefault(segment_id, cause)

    def former(viewer: Viewer) -> Viewer | None:
        if viewer.profile_id in appeared:
            return None
        known = {name: [one for one in events if one.event_id not in fresh] for name, events in viewer.events.items()}
        return replace(viewer, events=known)

    await judging.settle(session, now, news, clock.now(), former=None if catching else former)


async def absorb_profiles(session: AsyncSession, items: list[ProfileUpdated]) -> None:
    """Take over what profile tells about viewers, and judge those of whom something became other.

    What a merge or a split made different is no news of the viewer's, so it is judged by itself, with that cause.
    """
    for cause, run in groupby(items, key=lambda item: item.cause):
        await _absorb_profiles(session, list(run), "fill" if catching_up(session) else cause)


async def _absorb_profiles(session: AsyncSession, items: list[ProfileUpdated], cause: str) -> None:
    latest = {item.profile_id: item for item in sorted(items, key=lambda item: item.version)}
    ids = sorted(latest)
    await members.lock(session, ids)
    appeared = await viewers.appear(session, ids)
    homes = await moves.ended(session, appeared) if appeared else {}
    if homes:
        await moves.return_(session, homes)
    before = await viewers.known(session, ids)
    later = [item for item in latest.values() if before[item.profile_id].version < item.version]
    if not later:
        return
    after = await viewers.update(session, later)
    now = await judging.book(session)
    wanted: Wanted = {}
    for profile_id, row in after.items():
        touched = now.ruled if profile_id in appeared else now.by_news(before[profile_id].news(row))
        wanted[profile_id] = dict.fromkeys(touched, cause)
    for profile_id, those in (await places.give_back(session, now, homes) if homes else {}).items():
        wanted[profile_id] = those | wanted.get(profile_id, {})

    def former(viewer: Viewer) -> Viewer | None:
        known = viewer.profile_id in before and viewer.profile_id not in appeared
        return _as_was(viewer, before) if known else None

    await judging.settle(session, now, wanted, clock.now(), former=None if cause == "fill" else former)


def _as_was(viewer: Viewer, before: Mapping[int, Known]) -> Viewer:
    """A viewer with what profile had told of him before."""
    return before[viewer.profile_id].viewer(viewer.events, viewer.lists, viewer.entered)
