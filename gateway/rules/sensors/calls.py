"""Our calls for a record: what was done, what is set.

`track_signup` is an alias of its `original_id`, and of the login id where it was used as a distinct id: SDKs on servers
often leave out `is_login_id`, and 神策 knows such an id again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.rules.events import Refused, Sent
from gateway.rules.sensors import fields, presets
from gateway.rules.sensors.ids import Who
from shared.contracts.events import Call, Operation

OPERATIONS: dict[str, Operation | None] = {
    "profile_set": None,
    "profile_unset": None,
    "profile_set_once": "set_once",
    "profile_increment": "increment",
    "profile_append": "append",
}
"""Types that speak of traits, and what they do with each."""

NOT_HERE = {
    "profile_delete": "a viewer is erased with the secret key, below /v1/privacy, not by a tracking call",
    "item_set": "items are told with the secret key at PUT /v1/items/{item_id}",
    "item_delete": "items are told with the secret key at PUT /v1/items/{item_id}",
    "track_id_unbind": "ids are taken apart with the secret key, below /v1/profiles/{ref}/identity",
}
"""Types that are no tracking calls here, and where what they want is done."""


def of(record: Mapping[str, Any], kind: Any, said: dict[str, Any], who: Who) -> list[tuple[Call, Sent]]:
    """Our calls for a record, in order."""
    if kind in OPERATIONS:
        traits = presets.traits(kind, said)
        return [("identify", Sent(user_id=who.user_id, anonymous_id=who.anonymous_id, traits=traits))]
    if kind not in ("track", "track_signup", "track_id_bind"):
        known = ", ".join(("track", "track_signup", "track_id_bind", *OPERATIONS))
        raise Refused(400, "unknown_type", f"type must be one of {known}", field="type")
    event = fields.text(record.get("event"), "event")
    if kind == "track_signup":
        event = event or "$SignUp"
    if kind == "track_id_bind":
        return [("identify", Sent(user_id=who.user_id, anonymous_id=who.anonymous_id, context=presets.context(said)))]
    if not event:
        raise Refused(400, "missing_event", "track needs the event's name", field="event")
    call: Call = presets.VIEWS.get(event, "track")
    properties = presets.properties(event, said)
    one = Sent(
        event=presets.EVENTS.get(event, event) if call == "track" else None,
        name=presets.name(said) if call != "track" else None,
        user_id=who.user_id,
        anonymous_id=who.anonymous_id,
        properties=properties,
        context=presets.context(said),
    )
    if kind == "track":
        return [(call, one)]
    original = fields.text(record.get("original_id"), "original_id")
    if not original:
        raise Refused(400, "missing_id", "track_signup needs original_id", field="original_id")
    aliases: list[tuple[Call, Sent]] = [
        ("alias", Sent(user_id=who.user_id, previous_id=previous))
        for previous in dict.fromkeys((original, who.user_id))
    ]
    # The links first: whoever is new then joins the visitor's profile, instead of being merged with it.
    return [*aliases, (call, one)]
