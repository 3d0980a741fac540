"""神策 (Sensors Analytics) at `/sa`: its unmodified SDKs deliver here, by form, by query and by image beacon."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.edge import bodies, door
from gateway.edge.door import BY_WRITE_KEY, EdgeRoute, Visit
from gateway.edge.events import REFUSALS
from gateway.rules import events as event_rules
from gateway.rules import sensors as rules
from gateway.rules.events import Refused

router = APIRouter(route_class=EdgeRoute, tags=["events"])

FIELDS = 50
"""Most fields of a form or query."""

_GZIP = b"\x1f\x8b"
_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


async def post(request: Request) -> Response:
    """Take in records of a 神策 SDK: `data` is one, `data_list` many; base64 of JSON, or of gzip with `gzip=1`."""
    return await door.serve(request, _post)


async def beacon(request: Request) -> Response:
    """Take in the record of an image beacon: the same fields in the query, a transparent pixel as the answer."""
    return await door.serve(request, _beacon)


async def _post(visit: Visit) -> Response:
    # Three quarters of it is what base64 carries, so this much may come as text.
    body = await bodies.read(
        visit.request.scope, visit.request.receive, limit=event_rules.BATCH_BYTES * 4 // 3 + 4 * 1024
    )
    try:
        form = dict(parse_qsl(body.decode("ascii"), max_num_fields=FIELDS))
    except (UnicodeDecodeError, ValueError) as error:
        raise Refused(400, "invalid_form", "the body is no form with data or data_list") from error
    refused = await _take(visit, form)
    return door.answer({"success": True, "refused": refused} if refused else {"success": True})


async def _beacon(visit: Visit) -> Response:
    await _take(visit, dict(visit.request.query_params))
    return Response(_PIXEL, media_type="image/gif", headers={"Cache-Control": "no-store"})


async def _take(visit: Visit, form: dict[str, str]) -> list[dict[str, Any]]:
    """Take in what a form carries; the records that are refused and why. Refused when the only record is."""
    said = form.get("data") or form.get("data_list")
    known = visit.authenticate()
    query = visit.request.query_params
    key = query.get("token") or query.get("project") or form.get("token") or form.get("project")
    if not known and key:
        visit.authenticate_by(key)
        known = True
    if not said:
        raise Refused(400, "missing_data", "data or data_list is required", field="data")
    try:
        raws = rules.records(_unpacked(said))
    except Refused as reason:
        visit.turned_away([event_rules.away(None, None, reason)])
        raise
    if not known:
        visit.authenticate_by(rules.token(raws[0]))
    reading = rules.many(raws, visit.arrival())
    visit.charge(len(raws) - 1)
    visit.turned_away(reading.turned)
    if reading.accepted:
        await visit.memory.intake.take(reading.accepted)
    elif "data" in form:
        one = reading.refused[0]
        raise Refused(400, "refused", one["reason"], field=one["field"])
    # A list of nothing good is answered 200 with the reasons: the SDKs would send it again for ever.
    return reading.refused


def _unpacked(said: str) -> bytes:
    # A plus that nobody escaped has become a space.
    text = said.replace(" ", "+")
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "invalid_base64", "data is not base64", field="data") from error
    if packed[:2] == _GZIP:
        return bodies.unpack(packed, limit=event_rules.BATCH_BYTES)
    return packed


def _field(name: str, about: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": about, "schema": {"type": "string"}}


_KEY = _field("project", "The write key; `token` is the same")
_FORM = {
    "type": "object",
    "properties": {
        "data": {"type": "string", "description": "Base64 of one record, or of its gzip"},
        "data_list": {"type": "string", "description": "Base64 of a list of records, or of its gzip"},
        "gzip": {"type": "string", "description": "1 when it is packed; seen by itself too"},
    },
}

for _path in ("/sa", "/sa.gif"):
    router.add_api_route(
        _path,
        post,
        methods=["POST"],
        dependencies=[BY_WRITE_KEY],
        responses=REFUSALS,
        include_in_schema=_path == "/sa",
        openapi_extra={
            "parameters": [_KEY],
            "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": _FORM}}},
        },
    )
    router.add_api_route(
        _path,
        beacon,
        methods=["GET"],
        dependencies=[BY_WRITE_KEY],
        responses={200: {"description": "A pixel", "content": {"image/gif": {}}}, **REFUSALS},
        include_in_schema=_path == "/sa",
        openapi_extra={"parameters": [_KEY, _field("data", "Base64 of one record"), _field("gzip", "1 when packed")]},
    )
    router.add_api_route(
        _path, door.preflight, methods=["OPTIONS"], dependencies=[BY_WRITE_KEY], include_in_schema=False
    )
