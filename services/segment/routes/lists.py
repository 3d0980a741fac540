"""Doors of static lists: one viewer, or a file of them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse

from services.segment.actions import knowing, lists
from services.segment.routes.common import READ, WRITE, KeyPath, RefPath
from services.segment.schemas.life import ListJob
from shared import audit
from shared.app import HouseDep
from shared.database import Session

router = APIRouter(prefix="/v1/segments", tags=["lists"])

JobId = Annotated[int, Path(ge=1, le=2**63 - 1)]
FILE = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}}


@router.put("/{key}/members/{ref}", status_code=204, dependencies=WRITE)
async def put_member(session: Session, house: HouseDep, key: KeyPath, ref: RefPath, response: Response) -> None:
    """Put a viewer on a list. He has entered by `definition`: campaigns take it for no news of his."""
    viewer = await knowing.resolve(house.bus, ref)
    await lists.put(session, key, viewer, on=True)
    audit.note(response, "segments.add", [f"segment:{key}", f"profile:{viewer}"])


@router.delete("/{key}/members/{ref}", status_code=204, dependencies=WRITE)
async def remove_member(session: Session, house: HouseDep, key: KeyPath, ref: RefPath, response: Response) -> None:
    """Take a viewer off a list."""
    viewer = await knowing.resolve(house.bus, ref)
    await lists.put(session, key, viewer, on=False)
    audit.note(response, "segments.remove", [f"segment:{key}", f"profile:{viewer}"])


@router.post("/{key}/uploads", status_code=202, dependencies=WRITE, openapi_extra=FILE)
async def upload(
    session: Session,
    request: Request,
    response: Response,
    key: KeyPath,
    column: Annotated[
        str | None, Query(max_length=100, description="Which column says who; the first if absent")
    ] = None,
    action: Annotated[Literal["add", "remove"], Query(description="Put them on the list, or take them off")] = "add",
) -> ListJob:
    """Put the viewers of a CSV (UTF-8, at most 50 MB) on a list, or take them off.

    The first line names the columns. The column's name is the namespace its ids are of: `user_id`, `anonymous_id`, any
    that profile knows, `profile_id`, or a contact (`email`, `phone`). The work goes on by itself, also after a restart.
    """
    job = await lists.upload(session, key, request.stream(), column, on=action == "add")
    audit.note(response, "segments.upload", [f"segment:{key}", f"job:{job.job_id}", action])
    return job


@router.get("/{key}/uploads/{job_id}", dependencies=READ)
async def show_upload(session: Session, key: KeyPath, job_id: JobId) -> ListJob:
    """How far an upload is, and which lines match nobody."""
    return await lists.shown(session, key, job_id)


@router.get("/{key}/uploads/{job_id}/unmatched.csv", dependencies=READ, response_class=PlainTextResponse)
async def unmatched(session: Session, key: KeyPath, job_id: JobId) -> PlainTextResponse:
    """The lines of which nobody is known, as CSV: line, ref."""
    return PlainTextResponse(await lists.export_unmatched(session, key, job_id), media_type="text/csv; charset=utf-8")
