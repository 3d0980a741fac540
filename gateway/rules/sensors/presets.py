"""Preset properties under our names: in the context, in the traits, or in the event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.rules.events import Refused
from gateway.rules.sensors.ids import IS_LOGIN
from shared.contracts.events import Call

EVENTS: dict[str, str] = {
    "$SignUp": "Signed Up",
    "$WebClick": "Button Clicked",
    "$AppClick": "Button Clicked",
    "$MPClick": "Button Clicked",
    "$MPShare": "Content Shared",
}
"""Preset events that have a name of our own; `$pageview` and the screens are page and screen calls."""

VIEWS: dict[str, Call] = {"$pageview": "page", "$AppViewScreen": "screen", "$MPViewScreen": "screen"}

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


def traits(kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What a record of this type says of traits. Raises Refused where its operation cannot be done."""
    told = {_TRAITS.get(name, name): value for name, value in said.items() if name != IS_LOGIN}
    if not told:
        raise Refused(400, "missing_properties", f"{kind} needs properties", field="properties")
    for name, value in told.items():
        if kind == "profile_increment" and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise Refused(400, "wrong_type", "profile_increment adds numbers", field=f"properties.{name}")
        if kind == "profile_append" and not isinstance(value, list):
            raise Refused(400, "wrong_type", "profile_append appends lists", field=f"properties.{name}")
    return dict.fromkeys(told) if kind == "profile_unset" else told


def properties(event: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The event's own properties, and those presets that say what was done; what has a place in the context goes."""
    renamed = _VIEW if event in VIEWS else _CLICK if EVENTS.get(event) == "Button Clicked" else {}
    told: dict[str, Any] = {}
    for name, value in said.items():
        if name in renamed:
            told[renamed[name]] = value
        elif name not in _CONTEXT and name not in _PLAIN and name not in (IS_LOGIN, "$timezone_offset"):
            told[name] = value
    return told


def name(said: Mapping[str, Any]) -> str | None:
    """The name of a page or screen."""
    value = said.get("$screen_name") or said.get("$title")
    return value if isinstance(value, str) else None


def context(said: Mapping[str, Any]) -> dict[str, Any]:
    """What presets say of where it was done: device, app, campaign, page."""
    told: dict[str, Any] = {}
    for name, value in said.items():
        if value is None or value == "":
            continue
        if name in _CONTEXT:
            part, field = _CONTEXT[name]
            told.setdefault(part, {})[field] = value
        elif name in _PLAIN:
            told[_PLAIN[name]] = value
    offset = said.get("$timezone_offset")
    if isinstance(offset, int) and abs(offset) < 15 * 60:
        # Minutes as JavaScript counts them: behind UTC is positive.
        hours, minutes = divmod(abs(offset), 60)
        told["timezone"] = f"{'-' if offset > 0 else '+'}{hours:02}:{minutes:02}"
    return told
