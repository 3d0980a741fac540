"""Segment's tracking API for unmodified Segment and RudderStack SDKs. 200 means that the stream has it on disk."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.edge import door
from gateway.edge.door import BY_WRITE_KEY, EdgeRoute, TooFast, Visit
from gateway.rules import events as rules
from gateway.rules.events import Refused
from shared.contracts.events import Call

router = APIRouter(route_class=EdgeRoute, tags=["events"])

_DONE = b'{"success": true}'


async def batch(request: Request) -> Response:
    """Take in many calls. Bad ones are refused and listed, the others kept; 400 only when all are bad."""
    return await door.serve(request, _batch)


async def _batch(visit: Visit) -> Response:
    body = await _body_of(visit, rules.BATCH_BYTES)
    try:
        reading = rules.many(body, visit.arrival())
    except Refused as reason:
        visit.turned_away([rules.away(None, None, reason)])
        raise
    visit.charge(len(reading.accepted) + len(reading.refused) - 1)
    visit.turned_away(reading.turned)
    if not reading.accepted:
        told = {"code": "all_refused", "message": reading.refused[0]["reason"], "refused": reading.refused}
        return door.answer(told, 400)
    await visit.memory.intake.take(reading.accepted)
    if reading.refused:
        return door.answer({"success": True, "refused": reading.refused})
    return Response(_DONE, media_type="application/json")


async def _body_of(visit: Visit, limit: int) -> bytes:
    """The body; one that cannot be read is counted, where its key is known from the header."""
    try:
        return await visit.body(limit)
    except TooFast:
        raise
    except Refused as reason:
        if visit.key is not None and reason.status != 403:
            visit.turned_away([rules.away(None, None, reason)])
        raise


def _one(call: Call) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def act(visit: Visit) -> Response:
        body = await _body_of(visit, rules.EVENT_BYTES)
        try:
            event = rules.one(body, call, visit.arrival())
        except Refused as reason:
            visit.turned_away([rules.turned(body, call, reason)])
            raise
        await visit.memory.intake.take([event])
        return Response(_DONE, media_type="application/json")

    async def endpoint(request: Request) -> Response:
        return await door.serve(request, act)

    endpoint.__name__ = call
    endpoint.__doc__ = f"Take in one {call} call."
    return endpoint


def _body(*required: str, many: bool = False) -> dict[str, Any]:
    text = {"type": "string", "maxLength": rules.TEXT}
    when = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}], "description": "or epoch ms"}
    free = {"type": "object", "additionalProperties": True}
    call = {
        "type": "object",
        "properties": {
            "type": {"enum": list(rules.CALLS)},
            "messageId": {**text, "description": "A resend with the same one is counted once; made when absent"},
            "userId": text,
            "anonymousId": text,
            "previousId": text,
            "groupId": text,
            "event": text,
            "name": text,
            "timestamp": when,
            "sentAt": when,
            "properties": free,
            "traits": free,
            "context": free,
        },
        "required": list(required),
        "additionalProperties": True,
    }
    if not many:
        schema = call
    else:
        schema = {
            "type": "object",
            "properties": {"batch": {"type": "array", "items": call}, "sentAt": when, "writeKey": {"type": "string"}},
            "required": ["batch"],
            "additionalProperties": True,
        }
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_SAID: dict[str, Any] = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "field": {"type": "string"}},
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": about, "content": {"application/json": {"schema": _SAID}}}
    for status, about in {
        400: "Not JSON, wrong types, no id, or all events refused",
        401: "Unknown or revoked write key",
        403: "The key is not for pages of this origin",
        413: "Larger than allowed",
        429: "More than the key's rate; see Retry-After",
        503: "Not taken in; see Retry-After",
    }.items()
}

PATHS: tuple[tuple[str, str, Call | None], ...] = (
    ("track", "t", "track"),
    ("batch", "b", None),
    ("identify", "i", "identify"),
    ("page", "p", "page"),
    ("screen", "s", "screen"),
    ("group", "g", "group"),
    ("alias", "a", "alias"),
)

_REQUIRED: dict[Call | None, tuple[str, ...]] = {
    "track": ("event",),
    "group": ("groupId",),
    "alias": ("userId", "previousId"),
}

for _name, _letter, _kind in PATHS:
    _endpoint = batch if _kind is None else _one(_kind)
    _told = _body("type", many=True) if _kind is None else _body(*_REQUIRED.get(_kind, ()))
    for _path in (f"/v1/{_name}", f"/v1/{_letter}"):
        router.add_api_route(
            _path,
            _endpoint,
            methods=["POST"],
            dependencies=[BY_WRITE_KEY],
            openapi_extra=_told,
            responses=REFUSALS,
            include_in_schema=_path == f"/v1/{_name}",
        )
        router.add_api_route(
            _path, door.preflight, methods=["OPTIONS"], dependencies=[BY_WRITE_KEY], include_in_schema=False
        )
