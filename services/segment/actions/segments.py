"""What operators do with segments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions.filling import FILL
from services.segment.rules import compile as compiled
from services.segment.schemas.rule import Rule, plain
from services.segment.schemas.segments import (
    Filling,
    MemberOutput,
    PreviewOutput,
    SegmentChange,
    SegmentInput,
    SegmentOutput,
)
from services.segment.store import definitions, members, viewers
from services.segment.store.definitions import Wording
from services.segment.store.rows import AnyRow
from shared import clock, jobs, pages
from shared.contracts import (
    Fact,
    MembersAnswered,
    MembersAsked,
    Membership,
    MembershipsAnswered,
    MembershipsAsked,
    SegmentDefined,
)
from shared.errors import Conflict, Invalid, NotFound, Unavailable
from shared.outbox import tell
from shared.pages import Page, PageAsked

PREVIEW_SECONDS = 30
MOST_MEMBERS = 5000
"""Of one answer to another service."""


class UnknownSegment(NotFound):
    """There is no such segment"""


class KeyTaken(Conflict):
    """There is a segment of this key already"""


class Archived(Conflict):
    """The segment is archived"""


class PreviewTooLong(Unavailable):
    """The preview took too long"""


async def create(session: AsyncSession, wanted: SegmentInput) -> SegmentOutput:
    """Make a segment and begin to fill it. Raises KeyTaken."""
    row = await definitions.add(session, wanted.key, Wording(wanted.name, plain(wanted.rule)), clock.now())
    if row is None:
        raise KeyTaken(f"{wanted.key!r} is taken; archived segments keep their keys", field="key")
    await _begin_fill(session, row)
    tell(session, _fact(row))
    return await _output(session, row)


async def change(session: AsyncSession, key: str, wanted: SegmentChange) -> SegmentOutput:
    """Give a segment another name or rule; another rule begins a fill. Raises UnknownSegment, Archived."""
    row = await _to_change(session, key)
    values: dict[str, Any] = {}
    if wanted.name is not None and wanted.name != row.name:
        values["name"] = wanted.name
    if wanted.rule is not None and plain(wanted.rule) != row.rule:
        values["rule"] = plain(wanted.rule)
        # until the first fill is through, its members have not been told: it is still the first fill
        values["filling"] = "fill" if row.filling == "fill" else "definition"
        values["true_as_of"] = None
    if values:
        row = await definitions.change(session, row.id, clock.now(), values)
        if "rule" in values:
            await _begin_fill(session, row)
        tell(session, _fact(row))
    return await _output(session, row)


async def archive(session: AsyncSession, key: str) -> SegmentOutput:
    """End a segment: it is no longer judged and its members are forgotten; its key stays taken."""
    row = await definitions.to_change(session, key)
    if row is None:
        raise UnknownSegment(key)
    if not row.archived:
        values = {"archived": True, "filling": None, "true_as_of": None}
        row = await definitions.change(session, row.id, clock.now(), values)
        await _begin_fill(session, row)
        tell(session, _fact(row))
    return await _output(session, row)


async def get(session: AsyncSession, key: str) -> SegmentOutput:
    """One segment. Raises UnknownSegment."""
    return await _output(session, await _known(session, key))


async def page(session: AsyncSession, asked: PageAsked, *, archived: bool | None) -> Page[SegmentOutput]:
    """Segments in the order of their creation."""
    rows = await definitions.page(session, _place(asked, "id"), asked.limit + 1, archived=archived)
    shown = rows[: asked.limit]
    following = pages.encode({"id": shown[-1].id}) if len(rows) > len(shown) else None
    return Page(items=await _outputs(session, shown), next=following)


async def member_page(session: AsyncSession, key: str, asked: PageAsked) -> Page[MemberOutput]:
    """Members of a segment by profile_id. Raises UnknownSegment."""
    row = await _known(session, key)
    rows = await members.page(session, row.id, _place(asked, "profile_id"), asked.limit + 1)
    shown = rows[: asked.limit]
    following = pages.encode({"profile_id": shown[-1].profile_id}) if len(rows) > len(shown) else None
    return Page(items=[MemberOutput.model_validate(one) for one in shown], next=following)


async def of_viewer(session: AsyncSession, asked: MembershipsAsked) -> MembershipsAnswered:
    """The segments a viewer is in."""
    rows = await members.of_viewer(session, asked.profile_id)
    return MembershipsAnswered(
        segments=[Membership(key=row.key, name=row.name, since=row.since, cause=row.cause) for row in rows]
    )


async def members_after(session: AsyncSession, asked: MembersAsked) -> MembersAnswered:
    """The next members of a segment, for services that follow it."""
    row = await definitions.by_key(session, asked.key)
    if row is None or row.archived:
        return MembersAnswered(profile_ids=[])
    rows = await members.page(session, row.id, asked.after, max(1, min(asked.limit, MOST_MEMBERS)))
    return MembersAnswered(profile_ids=[one.profile_id for one in rows])


async def preview(session: AsyncSession, rule: Rule, as_of: datetime | None) -> PreviewOutput:
    """Count whom a rule holds for, with all that is known now and events up to `as_of`. Raises PreviewTooLong."""
    instant = as_of.astimezone(UTC) if as_of else clock.now()
    await members.limit_time(session, PREVIEW_SECONDS)
    try:
        count, sample = await members.preview(session, compiled.sql([rule], following=False), instant)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != members.CANCELLED:
            raise
        raise PreviewTooLong(f"it was stopped after {PREVIEW_SECONDS} s") from error
    return PreviewOutput(count=count, sample=sample, as_of=instant)


async def defined(session: AsyncSession, after: str | None, limit: int) -> tuple[Sequence[Fact], str | None]:
    """A page of all definitions, for newcomers."""
    rows = await definitions.page(session, int(after or 0), limit)
    return [_fact(row) for row in rows], str(rows[-1].id) if len(rows) == limit else None


def _place(asked: PageAsked, name: str) -> int:
    after = asked.after.get(name) if asked.after else 0
    if type(after) is not int or not 0 <= after < 2**63:
        raise Invalid("the cursor is not one of this list: begin again without it", field="cursor")
    return after


async def _known(session: AsyncSession, key: str) -> AnyRow:
    row = await definitions.by_key(session, key)
    if row is None:
        raise UnknownSegment(key)
    return row


async def _to_change(session: AsyncSession, key: str) -> AnyRow:
    row = await definitions.to_change(session, key)
    if row is None:
        raise UnknownSegment(key)
    if row.archived:
        raise Archived(f"{key!r} was archived and cannot change")
    return row


async def _begin_fill(session: AsyncSession, row: AnyRow) -> None:
    await jobs.begin(session, FILL, row.key, {"segment_id": row.id}, total=await viewers.number(session))


def _fact(row: AnyRow) -> SegmentDefined:
    return SegmentDefined(key=row.key, name=row.name, version=row.version, rule=row.rule, archived=row.archived)


async def _output(session: AsyncSession, row: AnyRow) -> SegmentOutput:
    return (await _outputs(session, [row]))[0]


async def _outputs(session: AsyncSession, rows: Sequence[AnyRow]) -> list[SegmentOutput]:
    sizes = await definitions.sizes(session, [row.id for row in rows])
    running = await jobs.latest(session, FILL, [row.key for row in rows if row.filling])
    return [
        SegmentOutput(
            key=row.key,
            name=row.name,
            version=row.version,
            rule=row.rule,
            archived=row.archived,
            size=sizes.get(row.id, 0),
            true_as_of=row.true_as_of,
            filling=_filling(row, running.get(row.key)),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


def _filling(row: AnyRow, job: Any) -> Filling | None:
    if job is None:
        return None
    return Filling(job_id=job.id, state=job.state, cause=row.filling, done=job.done, total=job.total)
