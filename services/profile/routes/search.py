"""Door: the list of viewers over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from services.profile.actions import profiles, search
from services.profile.routes.profiles import unmasked
from services.profile.schemas.profiles import Profile
from shared import audit
from shared.caller import CallerDep, allow
from shared.database import Session
from shared.pages import Page, PageDep
from shared.schemas import Instant

router = APIRouter(prefix="/v1/profiles", tags=["profiles"])

MOST = 8
NO_NUL = "^[^\x00]*$"
Word = Annotated[str, Query(pattern=NO_NUL, min_length=1, max_length=200)]


@router.get("", dependencies=[allow("profile:read")])
async def page(
    session: Session,
    asked: PageDep,
    caller: CallerDep,
    response: Response,
    q: Annotated[
        str | None,
        Query(
            description="Exactly this id (a profile id, namespace:value, a value of any namespace), else part of a name"
        ),
    ] = None,
    name: Annotated[Word | None, Query(description="Part of a name, nickname or user name")] = None,
    trait: Annotated[
        list[Word] | None,
        Query(
            description="name:operator:value with eq, gt, gte, lt, lte or contains, like city:eq:北京 or age:gte:18; "
            "several must all hold. Dates compare as 2024-05-01.",
            max_length=MOST,
        ),
    ] = None,
    has: Annotated[list[Word] | None, Query(description="Has an address for this channel", max_length=MOST)] = None,
    tag: Annotated[list[Word] | None, Query(description="Has this tag, which is in use", max_length=MOST)] = None,
    seen_after: Annotated[Instant | None, Query(description="Last seen at this time or later")] = None,
    seen_before: Annotated[Instant | None, Query(description="Last seen before this time")] = None,
    bot: Annotated[
        bool | None, Query(description="Only programs, or only people; one found by his id is there either way")
    ] = None,
    sort: Annotated[
        Literal["newest", "last_seen", "events"], Query(description="Always the largest or latest first")
    ] = "newest",
) -> Page[Profile]:
    """Viewers, filtered and sorted. Names, traits, counters and orders follow what was recorded within seconds.

    With bot=false a page may be shorter than asked for where many programs stand in a row; `next` leads on.
    """
    await search.filterable(session, tag or [])
    wanted = search.wanted(
        traits=search.parsed(trait or []),
        name=name,
        has=has or [],
        tags=tag or [],
        seen_after=seen_after,
        seen_before=seen_before,
        bot=bot,
    )
    found = await search.page(
        session, asked, q=q, wanted=wanted, sort=sort, unmasked=unmasked(caller), people=bot is False
    )
    audit.note(response, "contacts.read", await profiles.exposed(session, found.items) if unmasked(caller) else ())
    return found
