"""What a tracking call means: its event name, its viewer, its properties and the traits it gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec import UNSET

from services.profile.rules import bots, consents, contacts, namespaces
from services.profile.rules.identities import ANONYMOUS, USER, Claim, origin
from services.profile.rules.namespaces import Blind, Blocked
from services.profile.rules.operations import Operation
from shared.contracts import EventReceived, EventRecorded

HISTORY = timedelta(hours=24)
"""An event older than this on arrival triggers nothing."""

_VIEWS = {"page": "Page Viewed", "screen": "Screen Viewed"}


class Malformed(ValueError):
    """A call that can never be recorded; the message says why."""


class Nobodys(Malformed):
    """A call whose ids are nobody's, like `null`: what a broken front-end sends, again and again."""


class Call(NamedTuple):
    """A tracking call, ready to be recorded. `event` is None for calls that are no events (identify, group, alias)."""

    message_id: str
    time: datetime
    claim: Claim
    event: str | None
    properties: dict[str, Any]
    traits: Mapping[str, Any]
    item: EventReceived


def read(item: EventReceived, blind: Blind | None = None, blocked: Blocked = MappingProxyType({})) -> Call:
    """The meaning of a call; without `blind` contact data is not taken for an id. Raises Malformed when it has none.

    `blocked`: what is nobody's id where operators said so; see `namespaces.is_nobodys`.
    """
    whose = claim(item, blind, blocked)
    return Call(item.message_id, item.time.astimezone(UTC), whose, name(item), properties(item), traits(item), item)


def claim(item: EventReceived, blind: Blind | None = None, blocked: Blocked = MappingProxyType({})) -> Claim:
    """The identities a call speaks of. `alias` says that its `previous_id`, a visitor's or a user's, is this user.

    Raises Malformed when there is none, or none that can be anybody's.
    """

    def whose(namespace: str, value: str | None) -> str | None:
        return origin(namespace, value) if value and not namespaces.is_nobodys(blocked, namespace, value) else None

    user, visitor = whose(USER, item.user_id), whose(ANONYMOUS, item.anonymous_id)
    others = [visitor] if visitor else []
    also = None
    if item.type == "alias":
        former, also = whose(ANONYMOUS, item.previous_id), whose(USER, item.previous_id)
        if user is None or former is None:
            raise Malformed("an alias needs a previous_id and a user_id that can be somebody's")
        others.insert(0, former)
    others += namespaces.further(item, blind, blocked)
    if user is None and not others:
        if item.user_id or item.anonymous_id:
            raise Nobodys(f"{item.user_id or item.anonymous_id!r} is nobody's id, and there is no other")
        raise Malformed("neither user_id nor anonymous_id, nor any other id")
    return Claim(user, tuple(others), item.type in ("identify", "alias"), also)


def name(item: EventReceived) -> str | None:
    """The event's name; None for calls that are no events. Raises Malformed for a track call without one."""
    if item.type == "track":
        if not item.event:
            raise Malformed("a track call without an event name")
        return item.event
    return _VIEWS.get(item.type)


def properties(item: EventReceived) -> dict[str, Any]:
    """The properties to record: a page keeps its name, a group its id and traits; traits of viewers are not here."""
    if item.type in _VIEWS and item.event:
        return {"name": item.event, **item.properties}
    if item.type == "group":
        return {"group_id": item.group_id, "traits": item.traits}
    return item.properties


def traits(item: EventReceived) -> Mapping[str, Any]:
    """The traits a call gives its viewer: those of an identify, and `context.traits` of any call.

    What an identify does not simply set is an `Operation`; an answer about consent is a trait for each purpose.
    """
    said = item.context.get("traits")
    given = said if isinstance(said, dict) else {}
    if item.type == "identify" and item.operations:
        doing = item.operations
        done = {name: Operation(doing[name], value) if name in doing else value for name, value in item.traits.items()}
        return consents.flat(given | done)
    return consents.flat({**given, **item.traits} if item.type == "identify" else given)


def context(item: EventReceived) -> dict[str, Any]:
    """The context to record: without the traits, which are kept with the identity."""
    if "traits" not in item.context:
        return item.context
    return {name: value for name, value in item.context.items() if name != "traits"}


def is_history(time: datetime, received_at: datetime) -> bool:
    """Whether an event was older than 24 hours on arrival."""
    return received_at - time > HISTORY


def recorded(call: Call, event: str, profile_id: int, *, late: datetime | None = None) -> EventRecorded:
    """The fact of a recorded event, without the contact data in its properties.

    `late` is when it was taken in, where that is not on arrival: after a replay it is history that counts from there.
    """
    received_at = call.item.received_at
    return EventRecorded(
        event_id=call.message_id,
        origin=call.claim.origin,
        profile_id=profile_id,
        event=event,
        time=call.time,
        received_at=received_at,
        history=is_history(call.time, late or received_at),
        properties=contacts.scrubbed(call.properties),
        bot=bots.mark(call.item.context) or UNSET,
    )
