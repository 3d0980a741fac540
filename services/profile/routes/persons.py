"""Door: all data of one person."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from services.profile.actions import persons
from services.profile.schemas.persons import PersonWanted
from shared import audit
from shared.app import HouseDep
from shared.caller import allow
from shared.database import Session

router = APIRouter(prefix="/v1/privacy/exports", tags=["privacy"])


@router.post("", response_class=StreamingResponse, dependencies=[allow("privacy:read")])
async def person_export(session: Session, house: HouseDep, wanted: PersonWanted) -> StreamingResponse:
    """All that every service knows of one viewer, as JSON lines `{service, table, row}`, contact data readable.

    It is written while it is downloaded; the last line is `{"complete": true}`, and without it something is missing.
    """
    person = await persons.found(session, wanted.ref)
    headers = {"Content-Disposition": f'attachment; filename="person-{person.profile_id}.jsonl"'}
    answer = StreamingResponse(persons.lines(house, person), media_type="application/jsonl", headers=headers)
    audit.note(answer, "viewers.export", [f"profile:{person.profile_id}"])
    return answer
