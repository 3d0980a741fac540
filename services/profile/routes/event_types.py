"""Door: event types over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from services.profile.actions import event_types
from services.profile.schemas.collection import EventType, EventTypeChange, EventTypeInFull
from shared.app import HouseDep, allow
from shared.database import Session, after_commit
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/event-types", tags=["collection"])

Name = Annotated[str, Path(description="The event's name; * stands for every name without a type of its own")]


@router.get("", dependencies=[allow("profile:read")])
async def page(
    session: Session, asked: PageDep, q: Annotated[str | None, Query(description="In the name")] = None
) -> Page[EventType]:
    """The catalogue with what was added and changed, by name."""
    return await event_types.page(session, asked, q=q)


@router.get("/{name:path}", dependencies=[allow("profile:read")])
async def by_name(session: Session, name: Name) -> EventTypeInFull:
    """One event type, and what was wrong with its events lately."""
    return await event_types.by_name(session, name)


@router.put("/{name:path}", dependencies=[allow("profile:write")])
async def put(session: Session, house: HouseDep, name: Name, change: EventTypeChange) -> EventType:
    """Add or change an event type."""
    after_commit(session, lambda: house.loops.wake("tracking plan"))
    return await event_types.put(session, name, change)


@router.delete("/{name:path}", status_code=204, dependencies=[allow("profile:write")])
async def delete(session: Session, house: HouseDep, name: Name) -> None:
    """Remove an event type of your own, or what you changed about a built-in one."""
    after_commit(session, lambda: house.loops.wake("tracking plan"))
    await event_types.delete(session, name)
