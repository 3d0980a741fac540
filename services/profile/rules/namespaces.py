"""Kinds of ids: how much each is worth, how many of it one viewer may have, and which ids a call names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from services.profile.rules import blind, contacts
from services.profile.rules.identities import origin, parts
from shared.contracts import EventReceived

USER, ANONYMOUS, DEVICE, CUSTOM = "user_id", "anonymous_id", "device_id", "custom"
CONTACTS = ("email", "phone")
"""Namespaces of contact data, each with the channel of the same name."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST = 512
"""Characters of a value; a longer one is no id."""

MOST = 20
"""Ids taken from one call."""

Blind = Callable[[str, str], str]
"""The blind index of a contact id: (namespace, value) → letters."""


class Namespace(NamedTuple):
    """What is known of a kind of ids; see tables.links.namespaces."""

    name: str
    priority: int
    most: int
    merges_per_day: int
    shared: bool
    contact: bool


Spaces = Mapping[str, Namespace]


def of(spaces: Spaces, one: str) -> Namespace:
    """The namespace of an origin; names nobody has set up are `custom`."""
    name = parts(one)[0]
    return spaces.get(name) or spaces[CUSTOM]


def is_contact(one: str) -> bool:
    """Whether an origin stands for contact data: it is never told as a link and never shown as an id."""
    return parts(one)[0] in CONTACTS


def contact(blind_index: Blind, namespace: str, value: Any) -> str | None:
    """The origin of a contact id; None when the value is none. An index (`~…`) stands for itself."""
    if not isinstance(value, str):
        return None
    if value.startswith(blind.MARK) and len(value) == len(blind.MARK) + blind.LETTERS:
        return origin(namespace, value)
    address = contacts.address({namespace: value}, namespace)
    return origin(namespace, blind.MARK + blind_index(namespace, address)) if address else None


def further(item: EventReceived, blind_index: Blind | None) -> list[str]:
    """Origins a call names besides userId, anonymousId and previousId: device, externalIds, contact traits."""
    found: list[str] = []
    for namespace, value in _named(item.context):
        if namespace in CONTACTS:
            if blind_index is not None and (one := contact(blind_index, namespace, value)):
                found.append(one)
        elif 0 < len(value) <= LONGEST and "\0" not in value:
            found.append(origin(namespace, value))
    if item.type == "identify" and blind_index is not None:
        for namespace in CONTACTS:
            address = contacts.address(item.traits, namespace)
            if address is not None and (one := contact(blind_index, namespace, address)):
                found.append(one)
    # Events of who has no other id are kept by the first: better by an id than by contact data.
    return sorted(dict.fromkeys(found), key=is_contact)[:MOST]


def _named(context: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Namespace and value of the ids in a context: `externalIds: [{id, type}]`, then `device.id`."""
    external = context.get("externalIds")
    for one in external if isinstance(external, list) else ():
        if isinstance(one, dict) and isinstance(one.get("id"), str) and isinstance(one.get("type"), str):
            namespace = one["type"].replace(".", "_").replace("-", "_").lower()
            if NAME.fullmatch(namespace):
                yield namespace, one["id"]
    device = context.get("device")
    if isinstance(device, dict) and isinstance(device.get("id"), str):
        yield DEVICE, device["id"]
