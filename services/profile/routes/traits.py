"""Door: traits over HTTP: what they hold, whom to believe, and why a viewer's value is what it is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from services.profile.actions import traits
from services.profile.routes.profiles import Ref, unmasked
from services.profile.schemas.traits import (
    DefinitionInput,
    DefinitionOutput,
    RankInput,
    RefusedOutput,
    SourceOutput,
    TraitsInput,
    TraitsOutput,
)
from shared import audit
from shared.caller import CallerDep, allow
from shared.database import Session
from shared.pages import Page, PageDep

router = APIRouter(tags=["traits"])

READ = [allow("profile:read")]
WRITE = [allow("profile:write")]

Name = Annotated[str, Path(min_length=1, max_length=200, pattern="^[^\x00/]+$", description="The trait's name")]
Source = Annotated[
    str,
    Path(
        max_length=200, pattern="^[^\x00/]+$", description="sdk, operator, import or computed, or one of them: sdk:k1"
    ),
]


@router.get("/v1/traits/definitions", dependencies=READ)
async def list_definitions(session: Session) -> list[DefinitionOutput]:
    """What traits hold, built-in ones too. A trait without a definition takes any value."""
    return await traits.all_definitions(session)


@router.get("/v1/traits/definitions/{name}", dependencies=READ)
async def get_definition(session: Session, name: Name) -> DefinitionOutput:
    """What a trait holds."""
    return await traits.definition(session, name)


@router.put("/v1/traits/definitions/{name}", dependencies=WRITE)
async def put_definition(session: Session, name: Name, body: DefinitionInput) -> DefinitionOutput:
    """Lay down what a trait holds. It counts for what arrives from now on."""
    return await traits.define(session, name, body)


@router.delete("/v1/traits/definitions/{name}", status_code=204, dependencies=WRITE)
async def delete_definition(session: Session, name: Name) -> None:
    """Let a trait take any value again; a built-in definition stands again."""
    await traits.undefine(session, name)


@router.get("/v1/traits/sources", dependencies=READ)
async def list_sources(session: Session) -> list[SourceOutput]:
    """How far sources are believed, the most trusted first."""
    return await traits.ranks(session)


@router.put("/v1/traits/sources/{source}", dependencies=WRITE)
async def put_source(session: Session, source: Source, body: RankInput) -> SourceOutput:
    """Set how far a source, or a kind of sources, is believed. Viewers it spoke of are told again in the background."""
    return await traits.rank(session, source, body)


@router.get("/v1/traits/refused", dependencies=READ)
async def list_refused(session: Session, asked: PageDep) -> Page[RefusedOutput]:
    """Values that traits did not take, counted by trait, source and reason. The values themselves are not kept."""
    return await traits.refused(session, asked)


@router.get("/v1/profiles/{ref:path}/traits", dependencies=READ)
async def explain_traits(session: Session, ref: Ref, caller: CallerDep, response: Response) -> TraitsOutput:
    """Every trait of a viewer, and all that each source said of it."""
    found = await traits.explained(session, ref, unmasked=unmasked(caller))
    audit.note(response, "contacts.read", traits.exposed(found) if unmasked(caller) else ())
    return found


@router.patch("/v1/profiles/{ref:path}/traits", dependencies=WRITE)
async def correct_traits(
    session: Session, ref: Ref, body: TraitsInput, caller: CallerDep, response: Response
) -> TraitsOutput:
    """Set traits of a viewer by hand. The source is this key; it is believed more than tracking unless ranks differ."""
    found = await traits.correct(session, ref, body, by=caller.id, unmasked=unmasked(caller))
    audit.note(response, "contacts.read", traits.exposed(found) if unmasked(caller) else ())
    return found
