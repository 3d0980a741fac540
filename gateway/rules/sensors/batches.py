"""Records of a request, each judged alone.

These SDKs send no message id of ours, so it is made of the record itself (with `_track_id`, without `_flush_time`). A
record sent again is the same message; equal records of one request are counted, since no SDK sends one twice in a
request.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.rules import events
from gateway.rules.events import Accepted, Arrival, Reading, Refused
from gateway.rules.sensors import calls, fields, ids

RECORDS = 1000
"""Most records of one request."""

_encode = msgspec.json.Encoder(order="deterministic").encode
_list = msgspec.json.Decoder(list[msgspec.Raw])
_any = msgspec.json.Decoder()


def records(body: bytes) -> list[bytes]:
    """The records of `data` (one) or `data_list` (a list), still as text; Refused when it is neither."""
    if body.lstrip()[:1] != b"[":
        return [body]
    try:
        found = [bytes(one) for one in _list.decode(body)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "invalid_json", f"not JSON: {error}", field="data_list") from error
    if not found:
        raise Refused(400, "empty_batch", "data_list has no records", field="data_list")
    if len(found) > RECORDS:
        raise Refused(413, "too_large", f"a request may have {RECORDS} records", field="data_list")
    return found


def token(raw: bytes) -> str | None:
    """The write key inside a record: `token`, else `project`."""
    try:
        record = _any.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    return next((said for said in (record.get("token"), record.get("project")) if isinstance(said, str)), None)


def many(raws: Iterable[bytes], arrival: Arrival) -> Reading:
    """The calls of these records, each record judged alone and taken whole or not at all."""
    found = Reading([], [], [])
    seen: Counter[str] = Counter()
    for index, raw in enumerate(raws):
        try:
            found.accepted.extend(_calls(raw, arrival, seen))
        except Refused as reason:
            found.turned.append(_turned(raw, reason))
            found.refused.append({"index": index, "field": reason.field, "code": reason.code, "reason": reason.message})
    return found


def _turned(raw: bytes, reason: Refused) -> events.Turned:
    """How a refused record is counted: by its event, else by its type."""
    try:
        record = _any.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        record = None
    kind, name = (record.get("type"), record.get("event")) if isinstance(record, dict) else (None, None)
    return events.away(name or (f"({kind})" if isinstance(kind, str) and kind else None), None, reason)


def _calls(raw: bytes, arrival: Arrival, seen: Counter[str]) -> list[Accepted]:
    if len(raw) > events.EVENT_BYTES:
        raise Refused(413, "event_too_large", f"a record may have {events.EVENT_BYTES} bytes, this one has {len(raw)}")
    record = events.read(raw, _any)
    if not isinstance(record, dict):
        raise Refused(400, "wrong_type", "a record is an object")
    kind = record.get("type")
    if kind in calls.NOT_HERE:
        raise Refused(400, "unsupported_type", f"{kind} is not taken here: {calls.NOT_HERE[kind]}", field="type")
    said = record.get("properties") or {}
    if not isinstance(said, dict):
        raise Refused(400, "wrong_type", "properties are an object", field="properties")
    who = ids.who(record, said)
    sent = calls.of(record, kind, said, who)
    digest = _message_id(record)
    seen[digest] += 1
    message_id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    result: list[Accepted] = []
    for number, (call, one) in enumerate(sent):
        one.message_id = message_id if number == 0 else f"{message_id}.{number}"
        one.timestamp = fields.milliseconds(record.get("time"), "time")
        one.sent_at = fields.milliseconds(record.get("_flush_time"), "_flush_time")
        if who.external:
            one.context = {**(one.context or {}), "externalIds": who.external}
        operation = calls.OPERATIONS.get(str(kind))
        operations = dict.fromkeys(one.traits or {}, operation) if operation else None
        result.append(events.taken(one, call, arrival, operations=operations, viewer=who.other))
    return result


def _message_id(record: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in record.items() if name != "_flush_time"}
    digest = hashlib.blake2b(_encode(kept), digest_size=16).hexdigest()
    track_id = record.get("_track_id")
    return f"sa-{track_id}-{digest}" if isinstance(track_id, int) else f"sa-{digest}"
