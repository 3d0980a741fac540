"""HTTP door of placements and their creatives."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.recommend import schemas
from services.recommend.actions import placements
from shared.caller import allow
from shared.database import Session
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/placements", tags=["placements"])

READ = [allow("recommend:read")]
WRITE = [allow("recommend:write")]


@router.get("", dependencies=READ)
async def list_placements(session: Session, asked: PageDep) -> Page[schemas.PlacementOutput]:
    """Placements by key, without their creatives."""
    return await placements.page(session, asked)


@router.put("/{key}", dependencies=WRITE)
async def put_placement(session: Session, key: schemas.Key, body: schemas.PlacementInput) -> schemas.PlacementWhole:
    """Create a placement or change it."""
    return await placements.put(session, key, body)


@router.get("/{key}", dependencies=READ)
async def get_placement(session: Session, key: schemas.Key) -> schemas.PlacementWhole:
    """A placement with its creatives, highest priority first."""
    return await placements.get(session, key)


@router.delete("/{key}", dependencies=WRITE, status_code=204)
async def delete_placement(session: Session, key: schemas.Key) -> None:
    """Delete a placement with its creatives."""
    await placements.remove(session, key)


@router.get("/{key}/report", dependencies=READ)
async def report(
    session: Session,
    key: schemas.Key,
    days: Annotated[int, Query(ge=1, le=366, description="UTC days, today included")] = 30,
) -> schemas.Report:
    """Impressions and clicks of the placement's creatives by UTC day."""
    return await placements.report(session, key, days)


@router.put("/{key}/creatives/{creative}", dependencies=WRITE)
async def put_creative(
    session: Session, key: schemas.Key, creative: schemas.Key, body: schemas.CreativeInput
) -> schemas.CreativeOutput:
    """Create a creative or change it."""
    return await placements.put_creative(session, key, creative, body)


@router.get("/{key}/creatives/{creative}", dependencies=READ)
async def get_creative(session: Session, key: schemas.Key, creative: schemas.Key) -> schemas.CreativeOutput:
    """One creative."""
    return await placements.get_creative(session, key, creative)


@router.delete("/{key}/creatives/{creative}", dependencies=WRITE, status_code=204)
async def delete_creative(session: Session, key: schemas.Key, creative: schemas.Key) -> None:
    """Delete a creative."""
    await placements.remove_creative(session, key, creative)
