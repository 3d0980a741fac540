"""What a signed link says, and the event that following it is."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from gateway.rules.events import Accepted
from shared.contracts import EventReceived

PURPOSE = "track"
"""Of the key that signs these tokens, on both sides."""

SOURCE = "link"
"""Stands where other events have the id of their write key."""

Followed = Literal["Banner Shown", "Banner Clicked"]

_encode = msgspec.json.Encoder().encode


class BadLink(Exception):
    """A token that is signed but does not say what a link must say."""


class Banner(msgspec.Struct, frozen=True, kw_only=True):
    """A creative that was shown to a visitor by a decision; `to` is where a click leads."""

    decision: str = msgspec.field(name="d")
    placement: str = msgspec.field(name="p")
    creative: str = msgspec.field(name="c")
    kind: Literal["banner"] = msgspec.field(name="k")
    user_id: str | None = msgspec.field(name="u", default=None)
    anonymous_id: str | None = msgspec.field(name="a", default=None)
    to: str | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was sent; `link` numbers one of its links, whose target campaign knows."""

    message: int = msgspec.field(name="m")
    kind: Literal["m"] = msgspec.field(name="k")
    link: int | None = msgspec.field(name="l", default=None)


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """The way out of a message: who says no, and to which channel's message."""

    message: int = msgspec.field(name="m")
    kind: Literal["u"] = msgspec.field(name="k")
    profile_id: int = msgspec.field(name="p")
    channel: str = msgspec.field(name="c")


def message(payload: dict[str, Any]) -> Message | None:
    """The payload of a message's token, None of a banner's. Raises BadLink."""
    if payload.get("k") != "m":
        return None
    try:
        return msgspec.convert(payload, Message)
    except msgspec.ValidationError as error:
        raise BadLink from error


def leaving(payload: dict[str, Any]) -> Leaving:
    """The payload of an unsubscribing token. Raises BadLink."""
    try:
        return msgspec.convert(payload, Leaving)
    except msgspec.ValidationError as error:
        raise BadLink from error


def banner(payload: dict[str, Any]) -> Banner:
    """The payload of a token. Raises BadLink."""
    try:
        told = msgspec.convert(payload, Banner)
    except msgspec.ValidationError as error:
        raise BadLink from error
    if not told.user_id and not told.anonymous_id:
        raise BadLink
    return told


def target(told: str | None) -> str:
    """Where a click leads: an absolute http(s) address and nothing else. Raises BadLink."""
    address = told or ""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise BadLink from error
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or any(character in address for character in "\r\n\x00")
    ):
        raise BadLink
    return address


def event(told: Banner, followed: Followed, now: datetime, *, ip: str | None, user_agent: str | None) -> Accepted:
    """The event of an impression or a click. Its id comes from what was signed, so that each counts once."""
    signed = f"{followed}\n{told.decision}\n{told.placement}\n{told.creative}"
    context = {"ip": ip, "userAgent": user_agent}
    fact = EventReceived(
        message_id=f"link-{hashlib.sha256(signed.encode()).hexdigest()[:40]}",
        type="track",
        time=now,
        received_at=now,
        source=SOURCE,
        event=followed,
        user_id=told.user_id,
        anonymous_id=told.anonymous_id,
        properties={"placement": told.placement, "creative": told.creative, "decision_id": told.decision},
        context={name: value for name, value in context.items() if value is not None},
    )
    return Accepted(told.anonymous_id or told.user_id or "", _encode(fact))
