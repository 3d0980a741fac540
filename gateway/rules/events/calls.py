"""One call: what it must be like to be taken in, and the encoded fact that it becomes."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import Any

import msgspec

from gateway.rules.events import bodies, times
from gateway.rules.events.refusals import Refused
from gateway.rules.events.shapes import CALLS, Accepted, Arrival, Sent
from shared.contracts import EventReceived
from shared.contracts.events import Call, Operation

EVENT_BYTES = 32 * 1024
"""One event is at most this long (Segment's limit)."""

TRAITS = 300
"""One identify sets at most this many traits (Segment drops the rest silently; we say so)."""

TEXT = 512
"""Longest id, event name or messageId, in characters."""

_EMAIL = re.compile(r"[^@\s<>()\[\],;:\"\\]{1,64}@[^@\s<>()\[\],;:\"\\]{1,253}")
_PHONE = re.compile(r"\+[0-9][0-9 ().\-]{4,22}[0-9]")

_encode = msgspec.json.Encoder().encode
_sent = msgspec.json.Decoder(Sent)


def one(body: bytes, call: Call, arrival: Arrival) -> Accepted:
    """The event of a single call (`/v1/track` …); Refused with the reason else."""
    return judged(body, call, arrival, sent_at=None, shared=None)


def judged(
    raw: bytes, call: Call | None, arrival: Arrival, *, sent_at: datetime | None, shared: dict[str, Any] | None
) -> Accepted:
    """The event of a call as it came; Refused with the reason else. `sent_at` and `shared` are the whole batch's."""
    if len(raw) > EVENT_BYTES:
        raise Refused(413, "event_too_large", f"an event may have {EVENT_BYTES} bytes, this one has {len(raw)}")
    sent = bodies.read(raw, _sent)
    return taken(sent, call or _call(sent.type), arrival, sent_at=sent_at, shared=shared)


def taken(
    sent: Sent,
    kind: Call,
    arrival: Arrival,
    *,
    sent_at: datetime | None = None,
    shared: dict[str, Any] | None = None,
    operations: dict[str, Operation] | None = None,
    viewer: str | None = None,
) -> Accepted:
    """A call, judged and encoded; Refused with the reason else. `operations` is what an identify does with traits.

    `viewer` is an id of his that stands elsewhere, where there is neither a user nor an anonymous id.
    """
    viewer = sent.anonymous_id or sent.user_id or viewer
    if not viewer:
        raise Refused(400, "missing_id", "userId or anonymousId is required", field="userId")
    _bounded(sent)
    if not arrival.addresses:
        _opaque(sent)
    _complete(sent, kind)
    context = {**(shared or {}), **(sent.context or {})}
    if arrival.ip is not None:
        context.setdefault("ip", arrival.ip)
    if arrival.user_agent is not None:
        context.setdefault("userAgent", arrival.user_agent)
    properties = sent.properties or {}
    if kind in ("page", "screen"):
        if sent.name:
            properties.setdefault("name", sent.name)
        if sent.category:
            properties.setdefault("category", sent.category)
    fact = EventReceived(
        message_id=sent.message_id or uuid.uuid4().hex,
        type=kind,
        time=times.happened(sent, sent_at, arrival.received_at),
        received_at=arrival.received_at,
        source=arrival.source,
        event=sent.event if kind == "track" else None,
        user_id=sent.user_id or None,
        anonymous_id=sent.anonymous_id or None,
        previous_id=sent.previous_id or None,
        group_id=sent.group_id or None,
        properties=properties,
        traits=sent.traits or {},
        context=context,
        operations=operations or msgspec.UNSET,
    )
    return Accepted(viewer, _encode(fact))


def _call(name: str | None) -> Call:
    for call in CALLS:
        if call == name:
            return call
    raise Refused(400, "unknown_type", f"type must be one of {', '.join(CALLS)}", field="type")


def _bounded(sent: Sent) -> None:
    for field, text in (
        ("userId", sent.user_id),
        ("anonymousId", sent.anonymous_id),
        ("previousId", sent.previous_id),
        ("groupId", sent.group_id),
        ("messageId", sent.message_id),
        ("event", sent.event),
    ):
        if text is not None and len(text) > TEXT:
            raise Refused(400, "too_long", f"{field} may have {TEXT} characters", field=field)
        if text and not text.strip():
            raise Refused(400, "blank", f"{field} is nothing but white space", field=field)


def _opaque(sent: Sent) -> None:
    """Refuse ids that are contact data: ids are kept as they come, in every service, and contact data never is."""
    for field, text in (
        ("userId", sent.user_id),
        ("anonymousId", sent.anonymous_id),
        ("previousId", sent.previous_id),
    ):
        if text and is_address(text):
            raise Refused(
                400,
                "contact_as_id",
                f"{field} is an e-mail address or a phone number: send an id of your own, and the address in the traits"
                " of an identify call, where it is kept encrypted",
                field=field,
            )


def is_address(text: str) -> bool:
    """Whether this can be nothing else: an e-mail address, or a number with its country's code (+86 138 …).

    Digits alone may be an id of the platform's own.
    """
    if "@" in text:
        return _EMAIL.fullmatch(text.strip()) is not None
    return text.lstrip().startswith("+") and _PHONE.fullmatch(text.strip()) is not None


def _complete(sent: Sent, kind: Call) -> None:
    """Refuse a call that lacks what makes it one."""
    if kind == "track" and not sent.event:
        raise Refused(400, "missing_event", "track needs the event's name", field="event")
    if kind == "alias" and not (sent.previous_id and sent.user_id):
        missing = "userId" if sent.previous_id else "previousId"
        raise Refused(400, "missing_id", "alias needs userId and previousId", field=missing)
    if kind == "group" and not sent.group_id:
        raise Refused(400, "missing_id", "group needs groupId", field="groupId")
    if kind == "identify" and sent.traits is not None and len(sent.traits) > TRAITS:
        raise Refused(400, "too_many_traits", f"one identify sets at most {TRAITS} traits", field="traits")
