"""Rules of other systems: read them in our language, and save them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response

from services.segment.actions import imports
from services.segment.actions.imports import Wanted
from services.segment.routes.common import EditorDep, noted
from services.segment.rules.imports import System
from services.segment.schemas.imports import ImportOutput
from services.segment.schemas.rule.values import Zone
from services.segment.schemas.segments import SLUG
from shared.caller import allow
from shared.database import Session

router = APIRouter(prefix="/v1/segments", tags=["segments"])

NO_NUL = "^[^\x00]*$"

_EXAMPLES = {
    "Dittofeed": {
        "value": {
            "entryNode": {"type": "And", "id": "1", "children": ["2"]},
            "nodes": [
                {
                    "type": "Performed",
                    "id": "2",
                    "event": "Video Watched",
                    "times": 3,
                    "timesOperator": ">=",
                    "timeOperator": "Within",
                    "withinSeconds": 604800,
                }
            ],
        }
    },
    "神策": {
        "value": {
            "type": "rules_relation",
            "relation": "and",
            "rules": [{"type": "profile_rule", "field": "user.city", "function": "equal", "params": ["上海"]}],
        }
    },
}


@router.post("/import", dependencies=[allow("segment:write")])
async def import_rule(
    session: Session,
    response: Response,
    by: EditorDep,
    body: Annotated[dict[str, Any], Body(openapi_examples=_EXAMPLES)],
    format_: Annotated[System, Query(alias="format", description="Whose JSON the body is")],
    save: Annotated[bool, Query(description="Make a segment of it; without this nothing is saved")] = False,
    key: Annotated[str, Query(max_length=64, pattern=f"{SLUG}|^$", description="Key to save it by")] = "",
    name: Annotated[str, Query(max_length=200, pattern=NO_NUL, description="Name to save it by")] = "",
    zone: Annotated[Zone, Query(description="Where its days and clock times are")] = "UTC",
    rename: Annotated[
        list[str] | None, Query(max_length=200, description="Events: `their name=our name`, as often as needed")
    ] = None,
) -> ImportOutput:
    """Read a segment of Apache Unomi, Dittofeed, PostHog or Sensors Analytics (神策), as those systems export it.

    What has no equal here is listed in `notes` with its place, the reason and what stands there now. Then the rule is
    narrower than the original, or refused altogether; it never holds for a viewer whom the original did not hold for,
    except where a note says `changed`. Nothing is saved unless `save=true`.
    """
    wanted = Wanted(system=format_, zone=zone, renamed=tuple(rename or ()), key=key, name=name, save=save)
    brought = await imports.bring(session, wanted, body, by=by.id)
    if brought.saved is not None:
        noted(response, "import", brought.saved)
    return brought
