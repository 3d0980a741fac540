"""What a tracking call must be like to be taken in, and how it is read: from an SDK's bytes to one encoded fact."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar, get_args

import msgspec

from shared.contracts import EventReceived
from shared.contracts.events import Call, Operation

EVENT_BYTES = 32 * 1024
"""One event is at most this long (Segment's limit)."""

BATCH_BYTES = 500 * 1024
"""One batch is at most this long (Segment's limit)."""

DEPTH = 20
"""Objects and lists may nest this deep, the event itself counted."""

TRAITS = 300
"""One identify sets at most this many traits (Segment drops the rest silently; we say so)."""

TEXT = 512
"""Longest id, event name or messageId, in characters."""

NAME = 100
"""Characters of a name by which refusals are counted."""

OLDEST = datetime(2005, 1, 1, tzinfo=UTC)
"""Nothing happened on the platform before this: such a time is a mistake, seconds for milliseconds above all."""

FUTURE = timedelta(hours=24)
"""How far ahead of us an event may claim to be, after the correction of the client's clock."""

SKEW = timedelta(seconds=60)
"""A clock that differs by less is right: the difference is the way here, and a resend keeps its time."""

_EMAIL = re.compile(r"[^@\s<>()\[\],;:\"\\]{1,64}@[^@\s<>()\[\],;:\"\\]{1,253}")
_INSIDE = re.compile(r"[.\[]")
_PHONE = re.compile(r"\+[0-9][0-9 ().\-]{4,22}[0-9]")

Shape = TypeVar("Shape")

CALLS: tuple[Call, ...] = get_args(Call)


class Refused(Exception):
    """A tracking call is not taken in. `code` is stable; `field` is the path of the culprit in the event."""

    def __init__(self, status: int, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field


class Sent(msgspec.Struct, rename="camel", kw_only=True):
    """One tracking call as SDKs send it. Fields that nobody knows are ignored."""

    type: str | None = None
    message_id: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    group_id: str | None = None
    timestamp: str | int | float | None = None
    original_timestamp: str | int | float | None = None
    sent_at: str | int | float | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: dict[str, Any] | None = None


class Batch(msgspec.Struct, rename="camel", kw_only=True):
    """Many calls in one body; each stays as it came until it is judged alone."""

    batch: list[msgspec.Raw]
    sent_at: str | int | float | None = None
    context: dict[str, Any] | None = None
    write_key: str | None = None


class Keyed(msgspec.Struct, rename="camel", kw_only=True):
    """The write key of a body that came without a Basic user name."""

    write_key: str | None = None


class _Named(msgspec.Struct, rename="camel"):
    message_id: Any = None
    type: Any = None
    event: Any = None


@dataclass(frozen=True)
class Arrival:
    """What the gateway knows about a request beside its body. `source` is the id of the write key."""

    received_at: datetime
    source: str
    ip: str | None = None
    user_agent: str | None = None
    addresses: bool = True
    """Whether an id may be an e-mail address or a phone number."""


@dataclass(frozen=True)
class Accepted:
    """An event that is taken in: the id that chooses its partition, and the encoded fact."""

    viewer: str
    item: bytes


UNREAD = "(unread)"
"""Instead of the event's name, of what is no call."""


class Turned(NamedTuple):
    """A call that is not taken in, as it is counted: without anything of its content but names and its id."""

    event: str
    code: str
    field: str
    reason: str
    message_id: str | None


@dataclass(frozen=True)
class Reading:
    """A batch after judgement: what is kept, in order, what is refused and why, and how that is counted."""

    accepted: list[Accepted]
    refused: list[dict[str, Any]]
    turned: list[Turned]


_encode = msgspec.json.Encoder().encode
_sent = msgspec.json.Decoder(Sent)
_batch = msgspec.json.Decoder(Batch)
_keyed = msgspec.json.Decoder(Keyed)
_named = msgspec.json.Decoder(_Named)
_any = msgspec.json.Decoder()


def write_key(body: bytes) -> str | None:
    """The `writeKey` in a body, None where there is none; Refused when the body is not a JSON object."""
    try:
        return _keyed.decode(body).write_key
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        mended = _mended(body, error)
        key = mended.get("writeKey")
        return key if isinstance(key, str) else None


def read(raw: bytes, decoder: msgspec.json.Decoder[Shape]) -> Shape:
    """One JSON object as its shape, without NUL and not too deep; Refused else."""
    try:
        told = decoder.decode(raw)
        _safe(raw)
    except msgspec.ValidationError as error:
        raise _wrong_type(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, "invalid_json", f"not JSON: {error}") from error
    except RecursionError as error:
        raise _too_deep("") from error
    return told


def one(body: bytes, call: Call, arrival: Arrival) -> Accepted:
    """The event of a single call (`/v1/track` …); Refused with the reason else."""
    return _event(body, call, arrival, sent_at=None, shared=None)


def many(body: bytes, arrival: Arrival) -> Reading:
    """The events of a batch, each judged alone. Refused when the body as a whole is not a batch."""
    try:
        batch = _batch.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_type(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # One NaN or half a surrogate in one event (Python's json writes both) makes the whole body something else than
        # JSON. Read it once more with the lenient reader, so that the others are not lost with it.
        batch, broken = _lenient(_mended(body, error))
    else:
        broken = {}
    if not batch.batch and not broken:
        raise Refused(400, "empty_batch", "batch has no events", field="batch")
    sent_at = _time(batch.sent_at, "sentAt")
    found = Reading([], [], [])
    for index, raw in enumerate(batch.batch):
        try:
            if index in broken:
                raise broken[index]
            found.accepted.append(_event(bytes(raw), None, arrival, sent_at=sent_at, shared=batch.context))
        except Refused as reason:
            away = turned(raw, None, reason)
            found.turned.append(away)
            found.refused.append(
                {
                    "index": index,
                    "message_id": away.message_id,
                    "field": reason.field,
                    "code": reason.code,
                    "reason": reason.message,
                }
            )
    return found


def turned(raw: bytes | msgspec.Raw, call: Call | None, reason: Refused) -> Turned:
    """How a call that is refused for this reason is counted; `call` is what it is, where the path says so."""
    try:
        named = _named.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        named = _Named()
    kind = call or named.type
    name = named.event if kind == "track" else f"({kind})" if kind in CALLS else UNREAD
    return away(name, named.message_id, reason)


def away(event: Any, message_id: Any, reason: Refused) -> Turned:
    """How what names its event so is counted; of a field that is deep inside the first two names."""
    its_name = event[:NAME] if isinstance(event, str) and event.strip() else UNREAD
    field = ".".join(_INSIDE.split(reason.field or "")[:2])[:NAME]
    return Turned(
        its_name.replace("\0", ""),
        reason.code,
        field.replace("\0", ""),
        reason.message.replace("\0", ""),
        message_id[:NAME].replace("\0", "") if isinstance(message_id, str) else None,
    )


def _event(
    raw: bytes, call: Call | None, arrival: Arrival, *, sent_at: datetime | None, shared: dict[str, Any] | None
) -> Accepted:
    if len(raw) > EVENT_BYTES:
        raise Refused(413, "event_too_large", f"an event may have {EVENT_BYTES} bytes, this one has {len(raw)}")
    sent = read(raw, _sent)
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
        time=_when(sent, sent_at, arrival.received_at),
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


def _when(sent: Sent, sent_at: datetime | None, received_at: datetime) -> datetime:
    """The time of the event by our clock: the client's, moved by how much his clock is off (over a minute only)."""
    field = "timestamp" if sent.timestamp is not None else "originalTimestamp"
    told = _time(sent.timestamp if sent.timestamp is not None else sent.original_timestamp, field)
    if told is None:
        return received_at
    sent_at = _time(sent.sent_at, "sentAt") or sent_at
    try:
        if sent_at is not None and abs(received_at - sent_at) > SKEW:
            told += received_at - sent_at
    except OverflowError as error:
        raise Refused(400, "invalid_time", f"{field} is not a time", field=field) from error
    if told > received_at + FUTURE:
        raise Refused(400, "time_in_future", f"{field} is more than 24 hours in the future", field=field)
    if told < OLDEST:
        raise Refused(400, "time_too_old", f"{field} is before 2005 (epoch times are in milliseconds)", field=field)
    return told


def _time(told: str | float | None, field: str) -> datetime | None:
    """ISO 8601 text or milliseconds since 1970, as an aware UTC instant; text without an offset is UTC."""
    if told is None:
        return None
    try:
        if isinstance(told, str):
            instant = datetime.fromisoformat(told)
            return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        return datetime.fromtimestamp(told / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Refused(
            400, "invalid_time", f"{field} must be ISO 8601 or milliseconds since 1970", field=field
        ) from error


def _safe(raw: bytes) -> None:
    """Refuse what no database takes (NUL) and what was made to hurt (nesting). Two scans tell the usual case."""
    if b"\\u0000" not in raw and raw.count(b"{") + raw.count(b"[") <= DEPTH:
        return
    waiting: list[tuple[Any, str, int]] = [(_any.decode(raw), "", 1)]
    while waiting:
        value, path, depth = waiting.pop()
        if isinstance(value, str):
            if "\x00" in value:
                raise Refused(400, "invalid_text", "text must not contain NUL", field=path or None)
        elif isinstance(value, (dict, list)):
            if depth > DEPTH:
                raise _too_deep(path)
            if isinstance(value, dict):
                for key, inner in value.items():
                    if "\x00" in key:
                        raise Refused(400, "invalid_text", "names must not contain NUL", field=path or None)
                    waiting.append((inner, f"{path}.{key}" if path else key, depth + 1))
            else:
                waiting.extend((inner, f"{path}[{index}]", depth + 1) for index, inner in enumerate(value))


def _too_deep(path: str) -> Refused:
    short = path if len(path) <= 80 else path[:80] + "…"
    return Refused(400, "too_deep", f"objects and lists may nest {DEPTH} deep", field=short or None)


def _wrong_type(error: msgspec.ValidationError) -> Refused:
    """msgspec says `Expected `str | null`, got `int` - at `$.userId``; the path becomes our field."""
    message, _, path = str(error).partition(" - at `$")
    field = path.rstrip("`").lstrip(".") or None
    return Refused(400, "wrong_type", f"{message.replace('`', '')}{f' at {field}' if field else ''}", field=field)


def _mended(body: bytes, error: Exception) -> dict[str, Any]:
    """A body as Python's lenient JSON reader understands it; Refused when that fails too."""
    if isinstance(error, RecursionError):
        raise _too_deep("") from error
    try:
        mended = json.loads(body)
    except RecursionError as deep:
        raise _too_deep("") from deep
    except ValueError as still:
        raise Refused(400, "invalid_json", f"not JSON: {still}") from still
    if not isinstance(mended, dict):
        raise Refused(400, "wrong_type", "Expected object")
    return mended


def _lenient(mended: dict[str, Any]) -> tuple[Batch, dict[int, Refused]]:
    """The batch of a body that is only nearly JSON, and which of its events are to blame."""
    listed = mended.pop("batch", None)
    if not isinstance(listed, list):
        raise Refused(400, "wrong_type", "Expected array at batch", field="batch")
    try:
        head = msgspec.convert({**mended, "batch": []}, Batch)
    except msgspec.ValidationError as error:
        raise _wrong_type(error) from error
    _strict(head.context)
    broken: dict[int, Refused] = {}
    raws: list[msgspec.Raw] = []
    for index, event in enumerate(listed):
        try:
            raws.append(msgspec.Raw(_strict(event)))
        except Refused as reason:
            broken[index] = reason
            named = event.get("messageId") if isinstance(event, dict) else None
            raws.append(msgspec.Raw(json.dumps({"messageId": named if isinstance(named, str) else None}).encode()))
    head.batch = raws
    return head, broken


def _strict(value: Any) -> bytes:
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Refused(400, "invalid_text", "text has half of a surrogate pair") from error
    except ValueError as error:
        raise Refused(400, "invalid_number", "NaN and infinity are not JSON") from error
