"""Door: lists of viewers as files."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse

from services.profile.actions import exports
from services.profile.schemas.exports import Export, ExportOrder
from shared import audit
from shared.caller import CallerDep, allow
from shared.database import Session
from shared.operations import HouseDep
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/exports", tags=["exports"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@router.post("", status_code=201, dependencies=[allow("profile:write")])
async def order(session: Session, body: ExportOrder, caller: CallerDep) -> Export:
    """Say what a file of viewers is to hold: whom, which columns, CSV or XLSX, under pseudonyms or not."""
    return await exports.order(session, body, by=caller.id)


@router.get("", dependencies=[allow("profile:read")])
async def page(session: Session, asked: PageDep) -> Page[Export]:
    """Exports, the newest first."""
    return await exports.page(session, asked)


@router.get("/{export_id}", dependencies=[allow("profile:read")])
async def by_id(session: Session, export_id: Id) -> Export:
    """One export."""
    return await exports.by_id(session, export_id)


@router.get(
    "/{export_id}/file",
    dependencies=[allow("profile:write")],
    response_class=StreamingResponse,
    responses={200: {"content": {media: {} for media in TYPES.values()}, "description": "The file"}},
)
async def file(session: Session, house: HouseDep, export_id: Id, caller: CallerDep) -> StreamingResponse:
    """The file, written while it is downloaded: what looks like a formula is guarded, Chinese opens right in Excel.

    Contact data is masked unless the caller is an admin, whose download is noted in the audit log.
    """
    export = await exports.by_id(session, export_id)
    unmasked = caller.role == "admin"
    name = quote(f"{export.name}.{export.format}", safe="")
    answer = StreamingResponse(
        exports.file(house, export, unmasked=unmasked),
        media_type=TYPES[export.format],
        headers={"content-disposition": f"attachment; filename=\"export.{export.format}\"; filename*=UTF-8''{name}"},
    )
    audit.note(answer, "contacts.exported", [f"export:{export.id}"] if unmasked and not export.pseudonymous else ())
    return answer
