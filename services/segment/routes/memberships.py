"""Doors of members: who is in, who was, and how a segment grew."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from services.segment.actions import knowing, memberships
from services.segment.routes.common import READ, KeyPath, RefPath
from services.segment.schemas.life import Explanation
from services.segment.schemas.memberships import History, MemberOutput
from shared import audit
from shared.app import HouseDep
from shared.database import Session
from shared.pages import Page, PageDep
from shared.schemas import Instant

router = APIRouter(prefix="/v1/segments", tags=["segments"])

AsOf = Annotated[Instant | None, Query(description="As told at this instant; now if absent")]


@router.get("/{key}/members", dependencies=READ)
async def list_members(session: Session, key: KeyPath, asked: PageDep, as_of: AsOf = None) -> Page[MemberOutput]:
    """Members by profile_id, with the instant and the cause of their entry; `as_of` goes back as far as the log."""
    return await memberships.page(session, key, asked, as_of)


@router.get("/{key}/members.csv", dependencies=READ, response_class=StreamingResponse)
async def export_members(session: Session, key: KeyPath, as_of: AsOf = None) -> StreamingResponse:
    """All members as CSV: one column, profile_id.

    Other ids, traits and tags: `POST /v1/exports` with `{"columns": ["id:user_id", …], "filter": {"segment": …}}`.
    """
    lines = await memberships.export(session, key, as_of)
    named = {"content-disposition": f'attachment; filename="{key}.csv"'}
    answer = StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=named)
    audit.note(answer, "segments.export", [f"segment:{key}"])
    return answer


@router.get("/{key}/explain/{ref}", dependencies=READ)
async def explain(session: Session, house: HouseDep, key: KeyPath, ref: RefPath) -> Explanation:
    """Why a viewer is in, or not: every part of the rule with what is known of him, and when time will change it."""
    return await memberships.explain(session, key, await knowing.resolve(house.bus, ref))


@router.get("/{key}/history", dependencies=READ)
async def segment_history(
    session: Session, key: KeyPath, days: Annotated[int, Query(ge=1, le=1000, description="Up to today")] = 30
) -> History:
    """Size, entries and exits by day, in the zone of the installation (MARQUEE_TIME_ZONE)."""
    return await memberships.history(session, key, days)
