"""Doors of a segment's life: versions, dependencies, snapshots."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.segment.actions import life, uses
from services.segment.routes.common import READ, WRITE, EditorDep, KeyPath, noted
from services.segment.schemas.life import Dependencies, Diff, Graph, SnapshotInput, Version
from services.segment.schemas.segments import SegmentOutput
from shared.app import HouseDep
from shared.database import Session

router = APIRouter(prefix="/v1/segments", tags=["segments"])

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="A version")]
Asked = Annotated[int, Query(ge=1, le=2**31 - 1, description="A version")]


@router.get("/graph", dependencies=READ)
async def whole_graph(session: Session, house: HouseDep) -> Graph:
    """All segments that live, which asks which by `in_segment`, and the campaigns, creatives and tags that use them."""
    return await life.whole_graph(session, await uses.found(house.bus))


@router.get("/{key}/dependencies", dependencies=READ)
async def dependencies(session: Session, house: HouseDep, key: KeyPath) -> Dependencies:
    """What a segment asks, who asks it, and the campaigns, creatives and tags that use it or one of those."""
    return await life.dependencies(session, key, await uses.found(house.bus))


@router.get("/{key}/versions", dependencies=READ)
async def versions(session: Session, key: KeyPath) -> list[Version]:
    """What the segment was since when, the newest first."""
    return await life.versions(session, key)


@router.get("/{key}/diff", dependencies=READ)
async def diff(session: Session, key: KeyPath, before: Asked, after: Asked) -> Diff:
    """What one version says otherwise than another, place by place of the rule."""
    return await life.diff(session, key, before, after)


@router.post("/{key}/versions/{number}/rollback", dependencies=WRITE)
async def roll_back(session: Session, key: KeyPath, number: Number, by: EditorDep, response: Response) -> SegmentOutput:
    """Say again what an earlier version said: a new version with the old rule, filled like any other."""
    return noted(response, "rollback", await life.roll_back(session, key, number, by))


@router.post("/{key}/restore", dependencies=WRITE)
async def restore(session: Session, key: KeyPath, by: EditorDep, response: Response) -> SegmentOutput:
    """Take back that a segment was archived: its rule is filled like a new one, a list has those who were on it."""
    return noted(response, "restore", await life.restore(session, key, by))


@router.post("/{key}/snapshot", status_code=201, dependencies=WRITE)
async def snapshot(
    session: Session, key: KeyPath, body: SnapshotInput, by: EditorDep, response: Response
) -> SegmentOutput:
    """Freeze the members in a static list of its own, as they are now or as told at an instant."""
    return noted(response, "snapshot", await life.snapshot(session, key, body, by=by.id))
