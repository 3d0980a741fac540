"""Segments: what operators say and see of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.segment.actions import segments
from services.segment.routes.common import READ, WRITE, KeyPath
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
async def create_segment(session: Session, body: SegmentInput) -> SegmentOutput:
    """Make a segment. It is filled in the background, and true for whoever acts meanwhile."""
    return await segments.create(session, body)


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
async def put_segment(session: Session, key: KeyPath, body: SegmentWording) -> SegmentOutput:
    """Say a segment anew: name and rule."""
    return await segments.change(session, key, SegmentChange(name=body.name, rule=body.rule))


@router.patch("/{key}", dependencies=WRITE)
async def change_segment(session: Session, key: KeyPath, body: SegmentChange) -> SegmentOutput:
    """Change the name or the rule of a segment."""
    return await segments.change(session, key, body)


@router.delete("/{key}", dependencies=WRITE)
async def archive_segment(session: Session, key: KeyPath) -> SegmentOutput:
    """Archive a segment: nobody is in it any more, and its key stays taken.

    Refused (409, naming them) while other segments ask for it. Campaigns and creatives that use it are not looked for.
    """
    return await segments.archive(session, key)
