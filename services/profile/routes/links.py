"""Door: identity over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from services.profile.actions import identity
from services.profile.schemas.links import (
    IdentityOutput,
    MergeInput,
    MoveResult,
    NamespaceInput,
    NamespaceOutput,
    SplitInput,
)
from shared.caller import CallerDep, allow
from shared.database import Session

router = APIRouter(tags=["identity"])

Ref = Annotated[str, Path(description="A profile id, or namespace:value like user_id:u1 or anonymous_id:a1")]
Name = Annotated[str, Path(description="user_id, anonymous_id, device_id, phone, email, wechat_openid, custom …")]
DryRun = Annotated[bool, Query(description="Only say what would happen")]


@router.get("/v1/profiles/{ref:path}/identity", dependencies=[allow("profile:read")])
async def explain(session: Session, ref: Ref) -> IdentityOutput:
    """Why these ids are one viewer: links with their causes, refused links with reasons, merges and splits."""
    return await identity.explain(session, ref)


@router.post("/v1/profiles/merge", dependencies=[allow("profile:write")])
async def merge(session: Session, caller: CallerDep, body: MergeInput, dry_run: DryRun = False) -> MoveResult:
    """Make one viewer of two."""
    return await identity.merge(session, body, by=caller.id, dry_run=dry_run)


@router.post("/v1/profiles/{ref:path}/split", dependencies=[allow("profile:write")])
async def split(session: Session, caller: CallerDep, ref: Ref, body: SplitInput, dry_run: DryRun = False) -> MoveResult:
    """Take ids away from a viewer: they go back to the profile they came from, or to a new one, with all they said.

    No call glues them together again; an operator's merge does.
    """
    return await identity.split(session, ref, body, by=caller.id, dry_run=dry_run)


@router.get("/v1/namespaces", dependencies=[allow("profile:read")])
async def namespaces(session: Session) -> list[NamespaceOutput]:
    """Kinds of ids, the most telling first."""
    return await identity.namespaces(session)


@router.get("/v1/namespaces/{name}", dependencies=[allow("profile:read")])
async def namespace(session: Session, name: Name) -> NamespaceOutput:
    """How ids of one kind are treated."""
    return await identity.namespace(session, name)


@router.put("/v1/namespaces/{name}", dependencies=[allow("profile:write")])
async def put_namespace(session: Session, name: Name, body: NamespaceInput) -> NamespaceOutput:
    """Set a kind of ids up, or change it; what was linked before stays as it is."""
    return await identity.put_namespace(session, name, body)
