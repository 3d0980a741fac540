"""Door: viewers in bulk and from files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.profile.actions import bulk, imports
from services.profile.routes.profiles import unmasked
from services.profile.schemas.imports import Bulk, BulkDone, Import, ImportOrder
from shared import audit
from shared.caller import Caller, CallerDep, allow
from shared.database import Session
from shared.operations import HouseDep
from shared.pages import Page, PageDep

router = APIRouter(tags=["imports"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
NO_NUL = "^[^\x00]*$"


@router.post("/v1/profiles/bulk", dependencies=[allow("profile:write")], tags=["profiles"])
async def upsert(session: Session, body: Bulk, caller: CallerDep) -> BulkDone:
    """Make or change up to 1,000 viewers, each `{"ids": {"user_id": "u1"}, "traits": {"city": "北京"}}`.

    A wrong item is told and does not hold up the others. A resend is left out by its `message_id`s, or altogether by an
    Idempotency-Key.
    """
    return await bulk.upsert(session, body.profiles, by=caller.id)


@router.post(
    "/v1/imports",
    status_code=201,
    dependencies=[allow("profile:write")],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                media: {"schema": {"type": "string", "format": "binary"}}
                for media in ("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
            },
        }
    },
)
async def upload(
    session: Session,
    request: Request,
    response: Response,
    caller: CallerDep,
    name: Annotated[str, Query(max_length=200, pattern=NO_NUL, description="Name of the file")] = "file",
) -> Import:
    """Bring a file of viewers as the body: CSV (UTF-8 or GBK; comma, semicolon, tab or |) or XLSX, at most 50 MB.

    The first line names the columns. Nothing is taken in yet: the answer holds the first lines and a suggested mapping.
    """
    found = await imports.upload(session, request.stream(), name=name, by=caller.id, unmasked=unmasked(caller))
    return _noted(found, response, caller)


@router.get("/v1/imports", dependencies=[allow("profile:read")])
async def page(session: Session, asked: PageDep) -> Page[Import]:
    """Imports, the newest first; without their first lines."""
    return await imports.page(session, asked)


@router.get("/v1/imports/{import_id}", dependencies=[allow("profile:write")])
async def by_id(session: Session, import_id: Id, caller: CallerDep, response: Response) -> Import:
    """One import: how far it is, what was counted, its first lines; contact data in them is masked but for admins."""
    return _noted(await imports.shown(session, import_id, unmasked=unmasked(caller)), response, caller)


def _noted(found: Import, response: Response, caller: Caller) -> Import:
    audit.note(response, "contacts.read", imports.exposed(found) if unmasked(caller) else ())
    return found


@router.post("/v1/imports/{import_id}/run", status_code=202, dependencies=[allow("profile:write")])
async def run(session: Session, import_id: Id, body: ImportOrder, caller: CallerDep, response: Response) -> Import:
    """Check the file with this mapping (`dry_run`), or take it in. It goes on by itself, also after a restart.

    Lines that are wrong are left out and listed. Values count from the time of the upload: later news win. A column may
    also give a tag (`{"tag": "vip"}`: yes, no or a weight), or name the tags to give (`{"tags": true}`).
    """
    return _noted(await imports.run(session, import_id, body, unmasked=unmasked(caller)), response, caller)


@router.get(
    "/v1/imports/{import_id}/errors",
    dependencies=[allow("profile:write")],
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}, "description": "line, column, message; at most 10,000 lines"}},
)
async def errors(session: Session, house: HouseDep, import_id: Id) -> StreamingResponse:
    """What is wrong, line by line, as CSV."""
    await imports.exists(session, import_id)
    return StreamingResponse(
        imports.errors(house.db, import_id),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="import-{import_id}-errors.csv"'},
    )


@router.delete("/v1/imports/{import_id}", status_code=204, dependencies=[allow("profile:write")])
async def remove(session: Session, import_id: Id) -> None:
    """Forget a file; viewers that were taken in stay."""
    await imports.remove(session, import_id)
