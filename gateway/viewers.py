"""One viewer on one page: what every service knows of him, asked at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from fastapi import APIRouter, Header, Path, Query
from pydantic import Field

from gateway import audit
from shared import caller as callers
from shared import telemetry
from shared.app import HouseDep, allow
from shared.audit import HEADER as NOTE
from shared.audit import REASON
from shared.bus import Unanswered
from shared.caller import Caller, CallerDep
from shared.contracts import (
    BannersAnswered,
    BannersAsked,
    MembershipsAnswered,
    MembershipsAsked,
    MessagesAnswered,
    MessagesAsked,
    Question,
    ResolveAnswered,
    ResolveAsked,
)
from shared.errors import NotFound, Unavailable
from shared.house import House
from shared.schemas import Output

router = APIRouter(tags=["viewers"])

PATIENCE = 2.0
"""Seconds a service may take for its part."""

Part = TypeVar("Part")
Answer = TypeVar("Answer", bound=msgspec.Struct)


class UnknownViewer(NotFound):
    """There is no such viewer"""


class ProfileAway(Unavailable):
    """Profile does not answer"""


class _Absent(Exception):
    """Why a part is not there."""


class Segment(Output):
    """A segment the viewer is in."""

    key: str
    name: str
    since: datetime
    cause: str = Field(description="Why he entered: rule, time, fill, definition, history …")


class Message(Output):
    """A message of a campaign to the viewer."""

    message_id: int
    campaign: str
    name: str
    channel: str
    occasion: str
    state: str
    reason: str | None
    planned_at: datetime
    finished_at: datetime | None


class Banner(Output):
    """What was decided for a placement when the viewer came by."""

    decision_id: str
    at: datetime
    placement: str
    creative: str | None
    reason: str


class Viewer(Output):
    """Everything about one viewer. A part that is null stands in `absent` with the reason, and may be there again
    at the next call."""

    profile_id: int
    portrait: dict[str, Any] | None = Field(description="As of GET /v1/profiles/{ref}/portrait")
    segments: list[Segment] | None
    scores: dict[str, float] | None = Field(description="What he was scored with, by name; segment knows them")
    messages: list[Message] | None = Field(description="The last ones, newest first")
    banners: list[Banner] | None = Field(description="The last ones, newest first")
    absent: dict[str, str] = Field(description="Parts that could not be had, and why")


@router.get("/v1/viewers/{ref:path}", dependencies=[allow("profile:read")])
async def viewer(
    house: HouseDep,
    caller: CallerDep,
    ref: Annotated[str, Path(description="A profile id, or namespace:value like user_id:u1")],
    limit: Annotated[int, Query(ge=1, le=200, description="Messages, and requests for banners, at most")] = 20,
    reason: Annotated[str, Header(alias=REASON, description="Why contact data is read, for the audit log")] = "",
) -> Viewer:
    """Portrait, segments, scores, messages and banners of one viewer in one answer. A service that is away is named."""
    profile_id = await _profile_id(house, ref)
    parts: dict[str, Awaitable[Any]] = {
        "portrait": _portrait(house, caller, profile_id, reason),
        "segments": _memberships(house, caller, profile_id),
        "messages": _messages(house, caller, profile_id, limit),
        "banners": _banners(house, caller, profile_id, limit),
    }
    absent: dict[str, str] = {}

    async def had(name: str, part: Awaitable[Part]) -> Part | None:
        try:
            return await part
        except _Absent as why:
            absent[name] = str(why)
            return None

    found = await asyncio.gather(*(had(name, part) for name, part in parts.items()))
    had_of = dict(zip(parts, found, strict=True))
    memberships = had_of.pop("segments")
    return Viewer(
        profile_id=profile_id,
        segments=memberships and [Segment.model_validate(one) for one in memberships.segments],
        scores=memberships and memberships.scores,
        **had_of,
        absent=absent,
    )


async def _profile_id(house: House, ref: str) -> int:
    """Whose ref is it? While profile is away a number is taken at its word. Raises UnknownViewer, ProfileAway."""
    try:
        answer = await house.bus.ask(ResolveAsked(refs=[ref]), ResolveAnswered, timeout=PATIENCE)
    except Unanswered as error:
        if ref.isascii() and ref.isdigit() and 0 < int(ref) < 2**32:
            return int(ref)
        raise ProfileAway(f"whose id {ref!r} is, only profile knows: try again, or give a profile id") from error
    if ref not in answer.profile_ids:
        raise UnknownViewer(f"nobody is known as {ref!r}; a ref is a profile id like 17, or like user_id:u1")
    return answer.profile_ids[ref]


async def _portrait(house: House, caller: Caller, profile_id: int, reason: str) -> dict[str, Any]:
    """By HTTP in the caller's name, so that profile judges what he may see."""
    url = f"{house.memory.urls['profile']}/v1/profiles/{quote(str(profile_id))}/portrait"
    headers = {callers.HEADER: callers.sign(house.caller_key, caller)}
    if trace := telemetry.trace.get():
        headers["traceparent"] = f"00-{trace}-{trace[:16]}-01"
    try:
        answer = await house.memory.services.get(url, headers=headers, timeout=PATIENCE)
    except (httpx.HTTPError, OSError) as error:
        raise _Absent(f"profile does not answer: {type(error).__name__}") from error
    try:
        body = msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise _Absent(f"profile answered {answer.status_code} and no JSON") from error
    if answer.status_code != 200:
        raise _Absent(f"profile answered {answer.status_code}: {body.get('detail') or body.get('title')}")
    await audit.noted(house, caller, answer.headers.get(NOTE, ""), reason=reason)
    return body


async def _memberships(house: House, caller: Caller, profile_id: int) -> MembershipsAnswered:
    return await _asked(house, caller, "segment", MembershipsAsked(profile_id=profile_id), MembershipsAnswered)


async def _messages(house: House, caller: Caller, profile_id: int, limit: int) -> list[Message]:
    question = MessagesAsked(profile_id=profile_id, limit=limit)
    answer = await _asked(house, caller, "campaign", question, MessagesAnswered)
    return [Message.model_validate(one) for one in answer.messages]


async def _banners(house: House, caller: Caller, profile_id: int, limit: int) -> list[Banner]:
    question = BannersAsked(profile_id=profile_id, limit=limit)
    answer = await _asked(house, caller, "recommend", question, BannersAnswered)
    return [Banner.model_validate(one) for one in answer.banners]


async def _asked(house: House, caller: Caller, service: str, question: Question, answer: type[Answer]) -> Answer:
    if not caller.may(f"{service}:read"):
        raise _Absent(f"the role {caller.role!r} lacks the permission '{service}:read'")
    try:
        return await house.bus.ask(question, answer, timeout=PATIENCE)
    except Unanswered as error:
        raise _Absent(f"{service} does not answer: {error}") from error
