"""Segments: what operators say and see of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.segment.actions import segments, uses
from services.segment.routes.common import READ, WRITE, EditorDep, KeyPath, noted
from services.segment.schemas.segments import (
    SegmentChange,
    SegmentInput,
    SegmentOutput,
    SegmentWording,
)
from shared.app import HouseDep
from shared.database import Session
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/segments", tags=["segments"])


@router.post("", status_code=201, dependencies=WRITE)
async def create_segment(session: Session, body: SegmentInput, by: EditorDep, response: Response) -> SegmentOutput:
    """Make a segment. It is filled in the background, and true for whoever acts meanwhile."""
    return noted(response, "create", await segments.create(session, body, by=by.id))


@router.get("", dependencies=READ)
async def list_segments(
    session: Session,
    asked: PageDep,
    archived: Annotated[bool | None, Query(description="Only archived ones, or only the others")] = None,
) -> Page[SegmentOutput]:
    """Segments in the order of their creation."""
    return await segments.page(session, asked, archived=archived)


@router.get("/{key}", dependencies=READ)
async def get_segment(session: Session, key: KeyPath, response: Response) -> SegmentOutput:
    """One segment. Its ETag is for If-Match of a change: then nobody undoes what another has said meanwhile."""
    found = await segments.get(session, key)
    response.headers["ETag"] = segments.edition(found.version)
    return found


@router.put("/{key}", dependencies=WRITE)
async def put_segment(
    session: Session, key: KeyPath, body: SegmentWording, by: EditorDep, response: Response
) -> SegmentOutput:
    """Say a segment anew: name and rule."""
    wanted = SegmentChange(name=body.name, rule=body.rule)
    return noted(response, "change", await segments.change(session, key, wanted, by))


@router.patch("/{key}", dependencies=WRITE)
async def change_segment(
    session: Session, key: KeyPath, body: SegmentChange, by: EditorDep, response: Response
) -> SegmentOutput:
    """Change the name or the rule of a segment."""
    return noted(response, "change", await segments.change(session, key, body, by))


@router.delete("/{key}", dependencies=WRITE)
async def archive_segment(
    session: Session, house: HouseDep, key: KeyPath, by: EditorDep, response: Response
) -> SegmentOutput:
    """Archive a segment: nobody is in it any more, and its key stays taken. POST …/restore takes it back.

    Refused (409, naming them) while other segments ask for it, or campaigns, creatives or tags use it; and (503) while
    a service that may use it cannot be asked.
    """
    return noted(response, "archive", await segments.archive(session, key, await uses.found(house.bus, [key]), by))
