"""Signed links that anyone may carry: impressions and clicks of banners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import Response

from gateway.edge.door import RETRY_AFTER, EdgeRoute
from gateway.edge.intake import NotTaken
from gateway.rules import links as rules
from shared import clock, telemetry, tokens
from shared.app import anyone
from shared.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from gateway.memory import Memory

log = telemetry.logger(__name__)
router = APIRouter(route_class=EdgeRoute, tags=["links"])

SIGNED = anyone("the link is signed")

LOST = Counter("marquee_link_clicks_lost", "Clicks that were led on although INTAKE did not take them")

_PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
_FRESH = {"Cache-Control": "no-store"}


class BadLink(NotFound):
    """There is no such link"""


@router.get("/t/i/{token}", dependencies=[SIGNED])
async def impression(request: Request) -> Response:
    """Record that a banner was shown; the answer is a picture of one pixel."""
    told = _read(request)
    try:
        await _take(request, told, "Banner Shown")
    except NotTaken as error:
        raise Unavailable("not recorded", headers={"Retry-After": str(RETRY_AFTER)}) from error
    return Response(_PIXEL, media_type="image/gif", headers=_FRESH)


@router.get("/t/c/{token}", dependencies=[SIGNED])
async def click(request: Request) -> Response:
    """Record a click and lead on to the signed address, and nowhere else. The visitor is led on in any case."""
    told = _read(request)
    try:
        address = rules.target(told)
    except rules.BadLink as error:
        raise BadLink from error
    try:
        await _take(request, told, "Banner Clicked")
    except NotTaken as error:
        LOST.inc()
        log.warning("a click was not recorded", decision=told.decision, placement=told.placement, error=str(error))
    return Response(status_code=302, headers={"Location": address, "Referrer-Policy": "no-referrer", **_FRESH})


def _read(request: Request) -> rules.Banner:
    memory: Memory = request.app.state.house.memory
    token = request.path_params["token"]
    try:
        try:
            told = tokens.read(memory.link_key, token)
        except tokens.BadToken:
            # Links in pages and mails outlive a change of the secret, as long as the one before is known.
            if memory.link_key_before is None:
                raise
            told = tokens.read(memory.link_key_before, token)
        return rules.banner(told)
    except (tokens.BadToken, rules.BadLink) as error:
        raise BadLink from error


async def _take(request: Request, told: rules.Banner, followed: rules.Followed) -> None:
    memory: Memory = request.app.state.house.memory
    agent = request.headers.get("user-agent")
    ip = request.client.host if request.client else None
    event = rules.event(told, followed, clock.now(), ip=ip, user_agent=agent[:512] if agent else None)
    await memory.intake.take([event])
