"""Banners and recommendations for front-ends: one question over NATS, and an honest nothing when nobody answers."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.edge import door
from gateway.edge.door import BY_WRITE_KEY, EdgeRoute, Visit
from gateway.edge.events import REFUSALS
from gateway.rules import events as events_rules
from gateway.rules import questions as rules
from shared.bus import Unanswered
from shared.contracts import DecideAnswered, Decision, RecommendAnswered

router = APIRouter(route_class=EdgeRoute, tags=["decisions"])

_encode = msgspec.json.Encoder().encode

PATIENCE = 0.25
"""Seconds a front-end waits for a decision."""


async def decide(request: Request) -> Response:
    """Which creative does this visitor see on each placement? No answer in 250 ms: none, reason `unavailable`."""
    return await door.serve(request, _decide)


async def _decide(visit: Visit) -> Response:
    body = await visit.body(events_rules.EVENT_BYTES)
    asked = rules.decide(body)
    try:
        # The bytes go on as they came: decoding and encoding ten banners would double the gateway's work.
        return door.answered(await visit.memory.bus.ask_raw(f"ask.{asked.subject}", _encode(asked), PATIENCE))
    except Unanswered as reason:
        visit.memory.unanswered("decide", reason)
        answer = DecideAnswered(
            decisions=[Decision(placement=key, creative=None, reason="unavailable") for key in asked.placements]
        )
    return door.answer(answer)


async def recommendations(request: Request) -> Response:
    """Which items next for this viewer? No answer in 250 ms: none, reason `unavailable`."""
    return await door.serve(request, _recommendations)


async def _recommendations(visit: Visit) -> Response:
    query = visit.request.query_params
    if not visit.authenticate():
        visit.authenticate_by(query.get("writeKey"))
    asked = rules.recommend(query)
    try:
        return door.answered(await visit.memory.bus.ask_raw(f"ask.{asked.subject}", _encode(asked), PATIENCE))
    except Unanswered as reason:
        visit.memory.unanswered("recommend", reason)
        return door.answer({"items": [], "reason": "unavailable"})


def _query(name: str, about: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": about, "schema": {"type": kind}}


def _schema(shape: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of a contract, without references, for the document."""
    (schema,), parts = msgspec.json.schema_components([shape], ref_template="{name}")
    inlined: dict[str, Any] = _inlined(schema, parts)
    return inlined


def _inlined(schema: Any, parts: dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(parts[schema["$ref"]], parts)
        return {name: _inlined(inner, parts) for name, inner in schema.items()}
    if isinstance(schema, list):
        return [_inlined(inner, parts) for inner in schema]
    return schema


def _answers(shape: type[msgspec.Struct]) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": "The answer", "content": {"application/json": {"schema": _schema(shape)}}},
        **{status: told for status, told in REFUSALS.items() if status != 503},
    }


_DECIDE_BODY = {
    "type": "object",
    "properties": {
        "userId": {"type": "string"},
        "anonymousId": {"type": "string"},
        "placements": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": rules.PLACEMENTS},
        "context": {"type": "object", "additionalProperties": True},
    },
    "required": ["placements"],
}

router.add_api_route(
    "/v1/decide",
    decide,
    methods=["POST"],
    dependencies=[BY_WRITE_KEY],
    responses=_answers(DecideAnswered),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _DECIDE_BODY}}}},
)
router.add_api_route(
    "/v1/recommendations",
    recommendations,
    methods=["GET"],
    dependencies=[BY_WRITE_KEY],
    responses=_answers(RecommendAnswered),
    openapi_extra={
        "parameters": [
            _query("userId", "The viewer, as the front-end knows him"),
            _query("anonymousId", "The visitor, when he is not signed in"),
            _query("kind", "Only items of this kind"),
            _query("limit", f"How many, at most {rules.ITEMS}", "integer"),
            _query("item", "What he watches now"),
        ]
    },
)
for _path in ("/v1/decide", "/v1/recommendations"):
    router.add_api_route(
        _path, door.preflight, methods=["OPTIONS"], dependencies=[BY_WRITE_KEY], include_in_schema=False
    )
