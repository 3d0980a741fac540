"""Previews: what a rule, or a saved segment, comes to. Nothing here changes anything."""

from __future__ import annotations

from fastapi import APIRouter

from services.segment.actions import previews
from services.segment.routes.common import READ
from services.segment.schemas.previews import (
    ContactsInput,
    ContactsOutput,
    CrossInput,
    CrossOutput,
    OverlapInput,
    OverlapOutput,
    PreviewInput,
    PreviewOutput,
    SplitInput,
    SplitOutput,
)
from shared.database import Session
from shared.leaving import Abandonable

router = APIRouter(prefix="/v1/segments/preview", tags=["segments"], dependencies=READ, route_class=Abandonable)


@router.post("")
async def preview_rule(session: Session, body: PreviewInput) -> PreviewOutput:
    """Count whom a rule holds for, now or as of an instant, without saving it.

    It sees every event that was taken in before it was asked. 503 says that it took too long, that too many wait, or
    that the warehouse is being built for the first time, and how much of it is there.
    """
    return await previews.preview(session, body)


@router.post("/overlap")
async def preview_overlap(session: Session, body: OverlapInput) -> OverlapOutput:
    """How many are in the rule and in other segments at once, and how these overlap with each other."""
    return await previews.overlap(session, body)


@router.post("/split")
async def preview_split(session: Session, body: SplitInput) -> SplitOutput:
    """Split by a trait: the most frequent values, the others, and those without one."""
    return await previews.split(session, body)


@router.post("/cross")
async def preview_cross(session: Session, body: CrossInput) -> CrossOutput:
    """A grid of two traits, numbers in bands (交叉细分). Each cell carries its rule, to be saved as a segment."""
    return await previews.cross(session, body)


@router.post("/contacts")
async def preview_contacts(session: Session, body: ContactsInput) -> ContactsOutput:
    """How many could be written to, by channel, for a purpose. Profile has the last word at the moment of sending."""
    return await previews.contacts(session, body)
