"""Segments: what operators say and see of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.segment.actions import segments
from services.segment.routes.common import READ, WRITE, KeyPath, noted
from services.segment.schemas.segments import (
    SegmentChange,
    SegmentInput,
    SegmentOutput,
    SegmentWording,
)
from shared.database import Session
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/segments", tags=["segments"])


@router.post("", status_code=201, dependencies=WRITE)
async def create_segment(session: Session, body: SegmentInput, response: Response) -> SegmentOutput:
    """Make a segment. It is filled in the background, and true for whoever acts meanwhile."""
    return noted(response, "create", await segments.create(session, body))


@router.get("", dependencies=READ)
async def list_segments(
    session: Session,
    asked: PageDep,
    archived: Annotated[bool | None, Query(description="Only archived ones, or only the others")] = None,
) -> Page[SegmentOutput]:
    """Segments in the order of their creation."""
    return await segments.page(session, asked, archived=archived)


@router.get("/{key}", dependencies=READ)
async def get_segment(session: Session, key: KeyPath) -> SegmentOutput:
    """One segment."""
    return await segments.get(session, key)


@router.put("/{key}", dependencies=WRITE)
async def put_segment(session: Session, key: KeyPath, body: SegmentWording, response: Response) -> SegmentOutput:
    """Say a segment anew: name and rule."""
    wanted = SegmentChange(name=body.name, rule=body.rule)
    return noted(response, "change", await segments.change(session, key, wanted))


@router.patch("/{key}", dependencies=WRITE)
async def change_segment(session: Session, key: KeyPath, body: SegmentChange, response: Response) -> SegmentOutput:
    """Change the name or the rule of a segment."""
    return noted(response, "change", await segments.change(session, key, body))


@router.delete("/{key}", dependencies=WRITE)
async def archive_segment(session: Session, key: KeyPath, response: Response) -> SegmentOutput:
    """Archive a segment: nobody is in it any more, and its key stays taken.

    Refused (409, naming them) while other segments ask for it. Campaigns and creatives that use it are not looked for.
    """
    return noted(response, "archive", await segments.archive(session, key))
