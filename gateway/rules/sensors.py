"""神策 (Sensors Analytics) records as our calls: who is meant, what was done, what is set, and the preset properties.

Who: `is_login_id`, `login_id` and `$identity_login_id` are a user id; any other `distinct_id` is an anonymous id.
`track_signup` is an alias of its `original_id`, and of the login id where it was used as a distinct id: SDKs on servers
often leave out `is_login_id`, and 神策 knows such an id again.

Which message: these SDKs send none of our ids, so it is made of the record itself (with `_track_id`, without
`_flush_time`). A record sent again is the same message; equal records of one request are counted, since no SDK sends
one twice in a request.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.rules import events
from gateway.rules.events import Accepted, Arrival, Reading, Refused, Sent
from shared.contracts.events import Call, Operation

RECORDS = 1000
"""Most records of one request."""

OPERATIONS: dict[str, Operation | None] = {
    "profile_set": None,
    "profile_unset": None,
    "profile_set_once": "set_once",
    "profile_increment": "increment",
    "profile_append": "append",
}
"""Types that speak of traits, and what they do with each."""

EVENTS: dict[str, str] = {
    "$SignUp": "Signed Up",
    "$WebClick": "Button Clicked",
    "$AppClick": "Button Clicked",
    "$MPClick": "Button Clicked",
    "$MPShare": "Content Shared",
}
"""Preset events that have a name of our own; `$pageview` and the screens are page and screen calls."""

_VIEWS: dict[str, Call] = {"$pageview": "page", "$AppViewScreen": "screen", "$MPViewScreen": "screen"}

_NOT_HERE = {
    "profile_delete": "a viewer is erased with the secret key, below /v1/privacy, not by a tracking call",
    "item_set": "items are told with the secret key at PUT /v1/items/{item_id}",
    "item_delete": "items are told with the secret key at PUT /v1/items/{item_id}",
    "track_id_unbind": "ids are taken apart with the secret key, below /v1/profiles/{ref}/identity",
}

_CONTEXT: dict[str, tuple[str, str]] = {
    "$lib": ("library", "name"),
    "$lib_version": ("library", "version"),
    "$utm_source": ("campaign", "source"),
    "$utm_medium": ("campaign", "medium"),
    "$utm_campaign": ("campaign", "name"),
    "$utm_term": ("campaign", "term"),
    "$utm_content": ("campaign", "content"),
    "$os": ("os", "name"),
    "$os_version": ("os", "version"),
    "$browser": ("browser", "name"),
    "$browser_version": ("browser", "version"),
    "$device_id": ("device", "id"),
    "$manufacturer": ("device", "manufacturer"),
    "$brand": ("device", "brand"),
    "$model": ("device", "model"),
    "$screen_width": ("screen", "width"),
    "$screen_height": ("screen", "height"),
    "$network_type": ("network", "type"),
    "$wifi": ("network", "wifi"),
    "$carrier": ("network", "carrier"),
    "$app_id": ("app", "namespace"),
    "$app_name": ("app", "name"),
    "$app_version": ("app", "version"),
    "$country": ("location", "country"),
    "$province": ("location", "region"),
    "$city": ("location", "city"),
    "$url": ("page", "url"),
    "$url_path": ("page", "path"),
    "$title": ("page", "title"),
    "$referrer": ("page", "referrer"),
}
"""Preset properties of events that have a place in Segment's context."""

_PLAIN = {"$ip": "ip", "$user_agent": "userAgent", "$browser_language": "locale"}

_CLICK = {"$element_content": "text", "$element_id": "id", "$element_name": "name", "$url": "url", "$url_path": "path"}
_VIEW = {"$title": "title", "$url": "url", "$url_path": "path", "$referrer": "referrer"}
_VIEW |= {"$screen_name": "name", "$viewport_width": "viewport_width", "$is_first_day": "is_first_day"}

_TRAITS = {
    "$name": "name",
    "$country": "country",
    "$province": "region",
    "$city": "city",
    "$signup_time": "created_at",
    "$gender": "gender",
    "$birthday": "birthday",
    "$mobile": "phone",
    "$email": "email",
}
"""Preset properties of users under the names our traits have."""

_IDS = {"$identity_mobile": "phone", "$identity_email": "email"}
_ANONYMOUS = (
    "$identity_cookie_id",
    "$identity_anonymous_id",
    "$identity_distinct_id",
    "$identity_android_id",
    "$identity_idfv",
    "$identity_mp_id",
    "$identity_harmony_id",
)

_LOGIN = "$identity_login_id"
_IS_LOGIN = "$is_login_id"

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
    if kind in _NOT_HERE:
        raise Refused(400, "unsupported_type", f"{kind} is not taken here: {_NOT_HERE[kind]}", field="type")
    said = record.get("properties") or {}
    if not isinstance(said, dict):
        raise Refused(400, "wrong_type", "properties are an object", field="properties")
    who = _who(record, said)
    sent = [(call, one) for call, one in _sent(record, kind, said, who)]
    digest = _message_id(record)
    seen[digest] += 1
    message_id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    result: list[Accepted] = []
    for number, (call, one) in enumerate(sent):
        one.message_id = message_id if number == 0 else f"{message_id}.{number}"
        one.timestamp = _milliseconds(record.get("time"), "time")
        one.sent_at = _milliseconds(record.get("_flush_time"), "_flush_time")
        if who.external:
            one.context = {**(one.context or {}), "externalIds": who.external}
        operation = OPERATIONS.get(str(kind))
        operations = dict.fromkeys(one.traits or {}, operation) if operation else None
        result.append(events.taken(one, call, arrival, operations=operations, viewer=who.other))
    return result


class _Who(msgspec.Struct):
    """Ids of a record, by our names."""

    user_id: str | None
    anonymous_id: str | None
    external: list[dict[str, str]]

    @property
    def other(self) -> str | None:
        """An id to choose a partition by, where there is none of the others."""
        return self.external[0]["id"] if self.external else None


def _who(record: Mapping[str, Any], said: Mapping[str, Any]) -> _Who:
    distinct = _text(record.get("distinct_id"), "distinct_id")
    login = _text(record.get("login_id"), "login_id")
    anonymous = _text(record.get("anonymous_id"), "anonymous_id")
    named = record.get("identities")
    identities = named if isinstance(named, dict) else {}
    login = login or _text(identities.get(_LOGIN), f"identities.{_LOGIN}")
    for name in _ANONYMOUS:
        anonymous = anonymous or _text(identities.get(name), f"identities.{name}")
    external = [
        {"id": str(value), "type": _namespace(name)}
        for name, value in identities.items()
        if name != _LOGIN and name not in _ANONYMOUS and isinstance(value, str | int) and value != ""
    ]
    if record.get("type") == "track_signup" or said.get(_IS_LOGIN) is True:
        login = login or distinct
    elif distinct and distinct != login and not anonymous and not (external and _is_any(identities, distinct)):
        anonymous = distinct
    if not login and not anonymous and not external:
        raise Refused(400, "missing_id", "distinct_id is required", field="distinct_id")
    return _Who(login, anonymous, external)


def _is_any(identities: Mapping[str, Any], distinct: str) -> bool:
    """Whether the distinct id only repeats one of the identities (SDKs write it as `name+value`)."""
    return any(distinct in (str(value), f"{name}+{value}") for name, value in identities.items())


def _namespace(name: str) -> str:
    if name in _IDS:
        return _IDS[name]
    plain = name.removeprefix("$identity_").strip("$").lower()
    for kind in ("unionid", "openid"):
        if plain.endswith(kind):
            return f"wechat_{kind}"
    return plain or "custom"


def _sent(record: Mapping[str, Any], kind: Any, said: dict[str, Any], who: _Who) -> list[tuple[Call, Sent]]:
    """Our calls for a record, in order."""
    if kind in OPERATIONS:
        traits = _traits(kind, said)
        return [("identify", Sent(user_id=who.user_id, anonymous_id=who.anonymous_id, traits=traits))]
    if kind not in ("track", "track_signup", "track_id_bind"):
        known = ", ".join(("track", "track_signup", "track_id_bind", *OPERATIONS))
        raise Refused(400, "unknown_type", f"type must be one of {known}", field="type")
    event = _text(record.get("event"), "event")
    if kind == "track_signup":
        event = event or "$SignUp"
    if kind == "track_id_bind":
        return [("identify", Sent(user_id=who.user_id, anonymous_id=who.anonymous_id, context=_context(said)))]
    if not event:
        raise Refused(400, "missing_event", "track needs the event's name", field="event")
    call: Call = _VIEWS.get(event, "track")
    properties = _properties(event, said)
    one = Sent(
        event=EVENTS.get(event, event) if call == "track" else None,
        name=_name(said) if call != "track" else None,
        user_id=who.user_id,
        anonymous_id=who.anonymous_id,
        properties=properties,
        context=_context(said),
    )
    if kind == "track":
        return [(call, one)]
    original = _text(record.get("original_id"), "original_id")
    if not original:
        raise Refused(400, "missing_id", "track_signup needs original_id", field="original_id")
    aliases: list[tuple[Call, Sent]] = [
        ("alias", Sent(user_id=who.user_id, previous_id=previous))
        for previous in dict.fromkeys((original, who.user_id))
    ]
    # The links first: whoever is new then joins the visitor's profile, instead of being merged with it.
    return [*aliases, (call, one)]


def _traits(kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    traits = {_TRAITS.get(name, name): value for name, value in said.items() if name != _IS_LOGIN}
    if not traits:
        raise Refused(400, "missing_properties", f"{kind} needs properties", field="properties")
    for name, value in traits.items():
        if kind == "profile_increment" and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise Refused(400, "wrong_type", "profile_increment adds numbers", field=f"properties.{name}")
        if kind == "profile_append" and not isinstance(value, list):
            raise Refused(400, "wrong_type", "profile_append appends lists", field=f"properties.{name}")
    return dict.fromkeys(traits) if kind == "profile_unset" else traits


def _properties(event: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The event's own properties, and those presets that say what was done; what has a place in the context goes."""
    renamed = _VIEW if event in _VIEWS else _CLICK if EVENTS.get(event) == "Button Clicked" else {}
    properties: dict[str, Any] = {}
    for name, value in said.items():
        if name in renamed:
            properties[renamed[name]] = value
        elif name not in _CONTEXT and name not in _PLAIN and name not in (_IS_LOGIN, "$timezone_offset"):
            properties[name] = value
    return properties


def _name(said: Mapping[str, Any]) -> str | None:
    value = said.get("$screen_name") or said.get("$title")
    return value if isinstance(value, str) else None


def _context(said: Mapping[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = {}
    for name, value in said.items():
        if value is None or value == "":
            continue
        if name in _CONTEXT:
            part, field = _CONTEXT[name]
            context.setdefault(part, {})[field] = value
        elif name in _PLAIN:
            context[_PLAIN[name]] = value
    offset = said.get("$timezone_offset")
    if isinstance(offset, int) and abs(offset) < 15 * 60:
        # Minutes as JavaScript counts them: behind UTC is positive.
        hours, minutes = divmod(abs(offset), 60)
        context["timezone"] = f"{'-' if offset > 0 else '+'}{hours:02}:{minutes:02}"
    return context


def _text(value: Any, field: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Refused(400, "wrong_type", f"{field} is a text", field=field)
    return str(value)


def _milliseconds(value: Any, field: str) -> int | float | None:
    """A time of a record: milliseconds, or seconds where it is ten digits long, as their SDKs have it."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(400, "invalid_time", f"{field} must be milliseconds since 1970", field=field)
    return value * 1000 if 10**9 <= value < 10**10 else value


def _message_id(record: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in record.items() if name != "_flush_time"}
    digest = hashlib.blake2b(_encode(kept), digest_size=16).hexdigest()
    track_id = record.get("_track_id")
    return f"sa-{track_id}-{digest}" if isinstance(track_id, int) else f"sa-{digest}"
