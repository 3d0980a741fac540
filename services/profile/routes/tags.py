"""Door: tags over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from services.profile.actions import giving, profiles, tags, validation
from services.profile.routes.profiles import NO_NUL, Ref, unmasked
from services.profile.schemas.profiles import Profile
from services.profile.schemas.tags import (
    AdoptInput,
    AssignmentInput,
    BulkInput,
    BulkOutput,
    HeldTag,
    TagInput,
    TagOutput,
    ValidationOutput,
)
from shared import audit
from shared.caller import CallerDep, allow
from shared.database import Session
from shared.pages import Page, PageDep

router = APIRouter(tags=["tags"])

READ = [allow("profile:read")]
WRITE = [allow("profile:write")]

Key = Annotated[str, Path(max_length=64, pattern="^[^\x00/]+$", description="The tag's key")]


@router.get("/v1/tags", dependencies=READ)
async def list_tags(
    session: Session,
    asked: PageDep,
    state: Annotated[Literal["trial", "in_use"] | None, Query(description="Only tags in this state")] = None,
) -> Page[TagOutput]:
    """Tags by key."""
    return await tags.page(session, asked, state=state)


@router.get("/v1/tags/{key}", dependencies=READ)
async def get_tag(session: Session, key: Key) -> TagOutput:
    """One tag."""
    return await tags.get(session, key)


@router.get("/v1/tags/{key}/viewers", dependencies=READ)
async def viewers(session: Session, key: Key, asked: PageDep, caller: CallerDep, response: Response) -> Page[Profile]:
    """Viewers who have the tag, also while it is on trial, by id."""
    page = await tags.viewers(session, key, asked, unmasked=unmasked(caller))
    audit.note(response, "contacts.read", await profiles.exposed(session, page.items) if unmasked(caller) else ())
    return page


@router.put("/v1/tags/{key}", dependencies=WRITE)
async def put_tag(session: Session, key: Key, body: TagInput) -> TagOutput:
    """Make a tag, which is on trial until it is adopted, or change its name, weight and expiry.

    A tag of kind rule goes to the members of its segment as they come and go. It is refused when the segment's rule
    asks about this very tag, itself or over other tags; where a segment is changed so later, `problem` says it, and the
    tag keeps the viewers it has until the rule is another.

    A tag of kind interest goes to who cares enough for something: where that part of his interests, as in his portrait,
    is at least `share`, and weighs at least `weight` after fading. It follows what he does within seconds, has the
    share as its weight, and ends by itself when the interest has faded.
    """
    return await tags.define(session, key, body)


@router.delete("/v1/tags/{key}", status_code=204, dependencies=WRITE)
async def delete_tag(session: Session, key: Key) -> None:
    """Delete a tag. It is taken from its viewers in the background."""
    await tags.delete(session, key)


@router.post("/v1/tags/{key}/assign", dependencies=WRITE)
async def assign_tag(session: Session, key: Key, body: BulkInput, caller: CallerDep) -> BulkOutput:
    """Give a tag to at most 1000 viewers. A ref that is wrong is answered in `errors`; the others get it."""
    return await giving.bulk(session, key, body, by=caller.id)


@router.get("/v1/tags/{key}/validation", dependencies=READ)
async def validate_tag(
    session: Session,
    key: Key,
    goal: Annotated[
        str | None, Query(description="An event: who reaches it?", min_length=1, max_length=200, pattern=NO_NUL)
    ] = None,
    days: Annotated[int, Query(ge=1, le=366, description="What was done in so many days counts")] = 30,
) -> ValidationOutput:
    """What the tag is worth: coverage, lift on a goal with its 95 % interval, correlation with other tags."""
    return await validation.of(session, key, goal=goal, days=days)


@router.post("/v1/tags/{key}/adopt", dependencies=WRITE)
async def adopt_tag(session: Session, key: Key, body: AdoptInput) -> TagOutput:
    """Take a tag into use: other services hear of it, and segments can ask about it. Too small a sample is refused."""
    return await validation.adopt(session, key, body)


@router.post("/v1/tags/{key}/withdraw", dependencies=WRITE)
async def withdraw_tag(session: Session, key: Key) -> TagOutput:
    """Put a tag back on trial: other services no longer hear of it; its viewers keep it."""
    return await tags.put_state(session, key, tags.TRIAL)


@router.get("/v1/profiles/{ref:path}/tags", dependencies=READ)
async def list_tags_of(session: Session, ref: Ref) -> list[HeldTag]:
    """Tags of a viewer, on trial or in use."""
    return await tags.of(session, ref)


@router.put("/v1/profiles/{ref:path}/tags/{key}", dependencies=WRITE)
async def give_tag(session: Session, ref: Ref, key: Key, body: AssignmentInput, caller: CallerDep) -> list[HeldTag]:
    """Give a viewer a tag, or another weight or end of it."""
    return await giving.assign(session, ref, key, body, by=caller.id)


@router.delete("/v1/profiles/{ref:path}/tags/{key}", status_code=204, dependencies=WRITE)
async def take_tag(session: Session, ref: Ref, key: Key) -> None:
    """Take a tag from a viewer, whichever of his identities has it."""
    await tags.take_away(session, ref, key)
