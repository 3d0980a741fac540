"""Signed links that anyone may carry: banners seen and clicked, messages opened, followed and unsubscribed from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import Response

from gateway.edge.door import RETRY_AFTER, EdgeRoute
from gateway.edge.intake import NotTaken
from gateway.rules import links as rules
from shared import clock, telemetry, tokens
from shared.app import anyone
from shared.bus import Unanswered
from shared.contracts import ConsentNoted, ConsentSaid, FollowAnswered, FollowAsked
from shared.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from gateway.memory import Memory

log = telemetry.logger(__name__)
router = APIRouter(route_class=EdgeRoute, tags=["links"])

SIGNED = anyone("the link is signed")

LOST = Counter("marquee_link_clicks_lost", "Clicks and openings that were answered although nobody recorded them")
SECONDS = 3.0
"""How long a reader waits for a service behind his link."""

_PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
_FRESH = {"Cache-Control": "no-store"}

_FRAME = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>Unsubscribe · 退订</title>
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:32em;margin:15vh auto;padding:0 1em;color:#222}
button{font:inherit;padding:.5em 1.5em;border:0;border-radius:.4em;background:#0b6e6e;color:#fff;cursor:pointer}
@media(prefers-color-scheme:dark){body{background:#16181b;color:#ddd}}</style><main>{body}</main></html>"""
_ASK = """<h1>Unsubscribe? · 退订?</h1><p>You will get no more marketing messages.<br>您将不再收到营销消息。</p>
<form method="post"><button type="submit">Unsubscribe · 退订</button></form>"""
_DONE = """<h1>Done · 已退订</h1><p>You will get no more marketing messages.<br>您将不再收到营销消息。</p>"""


class BadLink(NotFound):
    """There is no such link"""


@router.get("/t/i/{token}", dependencies=[SIGNED])
async def impression(request: Request) -> Response:
    """Record that a banner was shown; the answer is a picture of one pixel."""
    told = _banner(_read(request))
    try:
        await _take(request, told, "Banner Shown")
    except NotTaken as error:
        raise Unavailable("not recorded", headers={"Retry-After": str(RETRY_AFTER)}) from error
    return Response(_PIXEL, media_type="image/gif", headers=_FRESH)


@router.get("/t/o/{token}", dependencies=[SIGNED])
async def opening(request: Request) -> Response:
    """Record that a message was opened; the answer is a picture of one pixel, in any case: it stands in a letter."""
    told = _message(_read(request))
    try:
        await _follow(request, "open", told)
    except Unanswered as error:
        LOST.inc()
        log.warning("an opening was not recorded", message=told.message, error=str(error))
    return Response(_PIXEL, media_type="image/gif", headers=_FRESH)


@router.head("/t/o/{token}", dependencies=[SIGNED], include_in_schema=False)
async def opening_looked_at(request: Request) -> Response:
    """A look at the picture opens nothing."""
    _message(_read(request))
    return Response(media_type="image/gif", headers=_FRESH)


@router.get("/t/c/{token}", dependencies=[SIGNED])
async def click(request: Request) -> Response:
    """Record a click and lead on: of a banner to the signed address, of a message to where campaign says.

    The visitor of a banner is led on in any case.
    """
    payload = _read(request)
    if (message := _of_message(payload)) is not None:
        return _led(await _target(request, "click", message))
    told = _banner(payload)
    address = _checked(told.to)
    try:
        await _take(request, told, "Banner Clicked")
    except NotTaken as error:
        LOST.inc()
        log.warning("a click was not recorded", decision=told.decision, placement=told.placement, error=str(error))
    return _led(address)


@router.head("/t/c/{token}", dependencies=[SIGNED], include_in_schema=False)
async def click_looked_at(request: Request) -> Response:
    """A scanner's look at where a link leads is no click."""
    payload = _read(request)
    if (message := _of_message(payload)) is not None:
        return _led(await _target(request, "look", message))
    return _led(_checked(_banner(payload).to))


@router.get("/t/u/{token}", dependencies=[SIGNED])
async def unsubscribe_page(request: Request) -> Response:
    """Ask whether somebody wants to unsubscribe. This changes nothing: scanners follow links, too (RFC 8058)."""
    _leaving(_read(request))
    return _page(_ASK)


@router.head("/t/u/{token}", dependencies=[SIGNED], include_in_schema=False)
async def unsubscribe_looked_at(request: Request) -> Response:
    """A look changes nothing."""
    _leaving(_read(request))
    return Response(media_type="text/html", headers=_FRESH)


@router.post("/t/u/{token}", dependencies=[SIGNED])
async def unsubscribe(request: Request) -> Response:
    """Unsubscribe at one click (RFC 8058): from now on this viewer gets no marketing. Repeating it changes nothing."""
    told = _leaving(_read(request))
    house = request.app.state.house
    said = ConsentSaid(
        profile_id=told.profile_id,
        purpose="marketing",
        granted=False,
        source=f"unsubscribe:{told.channel}",
        proof=f"message {told.message}",
    )
    try:
        await house.bus.ask(said, ConsentNoted, timeout=SECONDS)
    except Unanswered as error:
        raise Unavailable("not recorded, try it again", headers={"Retry-After": str(RETRY_AFTER)}) from error
    try:
        asked = FollowAsked(kind="unsubscribe", message_id=told.message)
        await house.bus.ask(asked, FollowAnswered, timeout=SECONDS)
    except Unanswered as error:
        # The consent counts; that it came from this message is for the report only.
        log.warning("an unsubscribing is in no report", message=told.message, error=str(error))
    return _page(_DONE)


def _page(body: str) -> Response:
    headers = {**_FRESH, "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"}
    return Response(_FRAME.replace("{body}", body), media_type="text/html; charset=utf-8", headers=headers)


def _read(request: Request) -> dict[str, Any]:
    """The payload of the token. Raises BadLink."""
    memory: Memory = request.app.state.house.memory
    token = request.path_params["token"]
    try:
        try:
            return tokens.read(memory.link_key, token)
        except tokens.BadToken:
            # Links in pages and mails outlive a change of the secret, as long as the one before is known.
            if memory.link_key_before is None:
                raise
            return tokens.read(memory.link_key_before, token)
    except tokens.BadToken as error:
        raise BadLink from error


def _banner(payload: dict[str, Any]) -> rules.Banner:
    try:
        return rules.banner(payload)
    except rules.BadLink as error:
        raise BadLink from error


def _of_message(payload: dict[str, Any]) -> rules.Message | None:
    try:
        return rules.message(payload)
    except rules.BadLink as error:
        raise BadLink from error


def _message(payload: dict[str, Any]) -> rules.Message:
    found = _of_message(payload)
    if found is None:
        raise BadLink
    return found


def _leaving(payload: dict[str, Any]) -> rules.Leaving:
    try:
        return rules.leaving(payload)
    except rules.BadLink as error:
        raise BadLink from error


def _checked(address: str | None) -> str:
    try:
        return rules.target(address)
    except rules.BadLink as error:
        raise BadLink from error


def _led(address: str) -> Response:
    return Response(status_code=302, headers={"Location": address, "Referrer-Policy": "no-referrer", **_FRESH})


async def _follow(request: Request, kind: Literal["open", "click", "look"], told: rules.Message) -> FollowAnswered:
    agent = request.headers.get("user-agent")
    ahead = " ".join(request.headers.get(name, "") for name in ("purpose", "sec-purpose", "x-purpose", "x-moz"))
    asked = FollowAsked(
        kind=kind,
        message_id=told.message,
        link_id=told.link,
        user_agent=agent[:512] if agent else None,
        prefetch="prefetch" in ahead or "preview" in ahead,
    )
    answer: FollowAnswered = await request.app.state.house.bus.ask(asked, FollowAnswered, timeout=SECONDS)
    return answer


async def _target(request: Request, kind: Literal["click", "look"], told: rules.Message) -> str:
    """Where a message's link leads: only campaign knows."""
    try:
        answer = await _follow(request, kind, told)
    except Unanswered as error:
        raise Unavailable("try it again in a moment", headers={"Retry-After": str(RETRY_AFTER)}) from error
    if not answer.known:
        raise BadLink
    return _checked(answer.target)


async def _take(request: Request, told: rules.Banner, followed: rules.Followed) -> None:
    memory: Memory = request.app.state.house.memory
    agent = request.headers.get("user-agent")
    ip = request.client.host if request.client else None
    event = rules.event(told, followed, clock.now(), ip=ip, user_agent=agent[:512] if agent else None)
    await memory.intake.take([event])
