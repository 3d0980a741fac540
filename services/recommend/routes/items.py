"""HTTP door of the catalogue."""

from __future__ import annotations

from fastapi import APIRouter

from services.recommend import schemas
from services.recommend.actions import items
from shared.caller import allow
from shared.database import Session
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/items", tags=["items"])

READ = [allow("recommend:read")]
WRITE = [allow("recommend:write")]


@router.get("", dependencies=READ)
async def list_items(session: Session, asked: PageDep) -> Page[schemas.ItemOutput]:
    """Items by id."""
    return await items.page(session, asked)


@router.post("/bulk", dependencies=WRITE)
async def put_items(session: Session, body: schemas.BulkInput) -> schemas.BulkOutput:
    """Create or replace up to 1,000 items; bad ones are listed with their reasons, the others are kept."""
    return await items.put_many(session, body)


@router.put("/{item_id:path}", dependencies=WRITE)
async def put_item(session: Session, item_id: schemas.ItemId, body: schemas.ItemInput) -> schemas.ItemOutput:
    """Create an item or replace it. An item that is as it was changes nothing and tells nothing."""
    return await items.put(session, item_id, body)


@router.get("/{item_id:path}", dependencies=READ)
async def get_item(session: Session, item_id: schemas.ItemId) -> schemas.ItemOutput:
    """One item."""
    return await items.get(session, item_id)
