"""Who is in, was in, and why: members of segments, segments of viewers, and how both came to be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging, lists, truth
from services.segment.actions.knowing import Archived, UnknownViewer, known, place
from services.segment.rules.blocks import block_of, place_of
from services.segment.schemas.life import ExplainedPart, Explanation
from services.segment.schemas.memberships import Day, History, MemberOutput
from services.segment.settings import time_zone
from services.segment.store import definitions, latest, log, members, moves, past, viewers
from services.segment.store.latest import Move
from services.segment.store.rows import AnyRow
from shared import clock, pages
from shared.contracts import (
    AmongAnswered,
    AmongAsked,
    MembersAnswered,
    MembersAsked,
    Membership,
    MembershipsAnswered,
    MembershipsAsked,
)
from shared.errors import Invalid
from shared.pages import Page, PageAsked

MOST_MEMBERS = 5000
"""Of one answer to another service."""


class BeforeTheLog(Invalid):
    """Nobody knows any more who was in at that time"""


class Ahead(Invalid):
    """That instant lies ahead"""


async def page(session: AsyncSession, key: str, asked: PageAsked, as_of: datetime | None) -> Page[MemberOutput]:
    """Members by profile_id, now or as told at an instant. Raises UnknownSegment, BeforeTheLog, Ahead."""
    row = await known(session, key)
    after = place(asked, "profile_id")
    if as_of is None:
        ids = await members.after(session, row.id, after, asked.limit + 1)
    else:
        ids = await past.after(session, row.id, told_at(row, as_of), after, asked.limit + 1)
    shown = ids[: asked.limit]
    following = pages.encode({"profile_id": shown[-1]}) if len(ids) > len(shown) else None
    moves_ = await latest.of(session, [(row.id, one) for one in shown], as_of)
    items = [_member(one, moves_.get((row.id, one))) for one in shown]
    return Page(items=items, next=following)


def _member(profile_id: int, move: Move | None) -> MemberOutput:
    if move is None or not move.entered:
        return MemberOutput(profile_id=profile_id, since=None, cause=None)
    return MemberOutput(profile_id=profile_id, since=move.at, cause=move.cause)


def told_at(row: AnyRow, as_of: datetime) -> datetime:
    """An instant of which the log tells who was in. Raises BeforeTheLog, Ahead."""
    if as_of > clock.now():
        raise Ahead("members are known up to now: leave as_of out for those of this moment", field="as_of")
    if as_of < row.log_from:
        since = row.log_from.astimezone(UTC).isoformat()
        raise BeforeTheLog(f"{row.key!r} is recorded since {since}: ask for a later instant", field="as_of")
    return as_of


async def export(session: AsyncSession, key: str, as_of: datetime | None) -> AsyncIterator[str]:
    """All members as CSV, a header first, in pieces of lines. Raises UnknownSegment, BeforeTheLog, Ahead."""
    row = await known(session, key)
    held = await past.members(session, row.id, told_at(row, as_of) if as_of else clock.now())

    async def pieces() -> AsyncIterator[str]:
        yield "profile_id\r\n"
        for piece in past.groups(held):
            yield "".join(f"{one}\r\n" for one in past.numbers(piece))

    return pieces()


async def history(session: AsyncSession, key: str, days: int) -> History:
    """Size, entries and exits of each of the last days, also of those without any. Raises UnknownSegment."""
    row = await known(session, key)
    today = log.day_of(clock.now())
    first = max(log.day_of(row.created_at), today - timedelta(days=days - 1))
    moved = {day.day: (int(day.entered), int(day.left)) for day in await log.by_day(session, row.id)}
    size = sum(entered - left for day, (entered, left) in moved.items() if day < first)
    found: list[Day] = []
    for number in range((today - first).days + 1):
        day = first + timedelta(days=number)
        entered, left = moved.get(day, (0, 0))
        size += entered - left
        found.append(Day(day=day, size=size, entered=entered, left=left))
    return History(key=row.key, zone=time_zone()[0], days=found, log_from=row.log_from)


async def of_viewer(session: AsyncSession, asked: MembershipsAsked) -> MembershipsAnswered:
    """The segments a viewer is in, by key, and his scores as they are told."""
    known = (await viewers.known(session, [asked.profile_id])).get(asked.profile_id)
    held = await members.of(session, [asked.profile_id])
    inside = [of for (_, of), places in held.items() if place_of(asked.profile_id) in places]
    found: list[Membership] = []
    rows = await definitions.named(session, inside)
    entries = await latest.of(session, [(row.id, asked.profile_id) for row in rows])
    for row in rows:
        move = entries.get((row.id, asked.profile_id), Move(row.log_from, "fill", entered=True))
        found.append(Membership(key=row.key, name=row.name, since=move.at, cause=move.cause))
    return MembershipsAnswered(segments=found, scores={} if known is None else known.scored())


async def after(session: AsyncSession, asked: MembersAsked) -> MembersAnswered:
    """The next members of a segment, for services that follow it; and whether these can be relied on."""
    row = await definitions.by_key(session, asked.key)
    if row is None or row.archived:
        return MembersAnswered(profile_ids=[], state="unknown" if row is None else "archived", complete=False)
    limit = max(1, min(asked.limit, MOST_MEMBERS))
    return MembersAnswered(
        profile_ids=await members.after(session, row.id, asked.after, limit),
        complete=row.filling is None and not await lists.is_loading(session, row.key),
        as_of=await truth.true_as_of(session, row),
    )


async def among(session: AsyncSession, asked: AmongAsked) -> AmongAnswered:
    """Which of these viewers are in which of these segments. Raises Invalid for more than 5000 viewers."""
    if len(asked.profile_ids) > MOST_MEMBERS:
        raise Invalid(f"at most {MOST_MEMBERS} viewers at a time", field="profile_ids")
    rows = [row for key in set(asked.keys) if (row := await definitions.by_key(session, key)) and not row.archived]
    ids = sorted(set(asked.profile_ids))
    blocks = {block_of(one) for one in ids}
    held = await members.read(session, [(block, row.id) for block in blocks for row in rows])
    return AmongAnswered(
        members={
            row.key: [one for one in ids if place_of(one) in held.get((block_of(one), row.id), ())] for row in rows
        }
    )


async def explain(session: AsyncSession, key: str, profile_id: int) -> Explanation:
    """Why a viewer is in a segment, or not, part by part. Raises UnknownSegment, Archived, UnknownViewer."""
    row = await known(session, key)
    if row.archived:
        raise Archived(f"{key!r} was archived: nobody is in it any more")
    homes = await moves.ended(session, [profile_id])
    viewer_id = homes.get(profile_id, profile_id)
    block = block_of(viewer_id)
    held = await members.read(session, [(block, row.id)])
    inside = place_of(viewer_id) in held.get((block, row.id), ())
    move = (await latest.of(session, [(row.id, viewer_id)])).get((row.id, viewer_id))
    if move is not None and move.entered is not inside:
        move = None
    at = clock.now()
    now = await judging.book(session)
    part: ExplainedPart | None = None
    if row.id in now.ruled:
        found = await judging.people(session, now, [viewer_id], [row.id], at, whole=True)
        if viewer_id not in found:
            raise UnknownViewer("segment has not heard of this viewer yet", field="ref")
        part = ExplainedPart.model_validate(now.judge.explain(key, found[viewer_id], at))
    return Explanation(
        key=key,
        profile_id=viewer_id,
        inside=inside,
        since=move.at if move else None,
        cause=move.cause if move else None,
        rule=part,
    )
