"""Kinds of ids: how much each is worth, how many of it one viewer may have, and which ids a call names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from services.profile.rules import blind, contacts, looks
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


class Blind(NamedTuple):
    """The blind index of contact ids, `blind(namespace, value)` → letters; what is contact data besides addresses."""

    index_of: Callable[[str, str], str]
    contacts: frozenset[str] = frozenset()
    """Namespaces of which operators said that their values are contact data."""

    def __call__(self, namespace: str, value: str) -> str:
        """The letters that stand for this value."""
        return self.index_of(namespace, value)


class Namespace(NamedTuple):
    """What is known of a kind of ids; see tables.links.namespaces."""

    name: str
    priority: int
    most: int
    merges_per_day: int
    shared: bool
    contact: bool
    blocked: tuple[str, ...] | None = None


Spaces = Mapping[str, Namespace]


NOBODYS = (
    "null", "nil", "none", "undefined", "nan", "unknown", "anonymous", "guest", "visitor", "default", "deviceid",
    "n/a", "na", "not set", "(not set)", "(null)", "[object object]", "true", "false", "-1",
)  # fmt: skip
"""What programs write where they have no id, in small letters. An id so common would make one viewer of thousands."""

_ZEROS = re.compile(r"[0\-:_.]+")
"""Also nobody's: 0, and all-zero device ids like 00000000-0000-0000-0000-000000000000. But some number users from 0."""

Blocked = Mapping[str, frozenset[str]]
"""Values that are nobody's, in small letters, of the namespaces for which operators said which."""


def blocked(spaces: Iterable[Namespace]) -> Blocked:
    """What operators said, of these namespaces."""
    return {
        one.name: frozenset(value.strip().casefold() for value in one.blocked)
        for one in spaces
        if one.blocked is not None
    }


def is_nobodys(said: Blocked, namespace: str, value: str) -> bool:
    """Whether a value is no id of anybody: on the list of its namespace, else on the common one or all zeros."""
    plain = value.strip().casefold()
    its = said.get(namespace)
    if its is not None:
        return plain in its
    if namespace == USER and plain == "0":
        return False
    return plain in _NOBODYS or _ZEROS.fullmatch(plain) is not None


_NOBODYS = frozenset(NOBODYS)


def of(spaces: Spaces, one: str) -> Namespace:
    """The namespace of an origin; names nobody has set up are `custom`."""
    name = parts(one)[0]
    return spaces.get(name) or spaces[CUSTOM]


def is_contact(one: str) -> bool:
    """Whether an origin stands for contact data: it is never told as a link and never shown as an id."""
    namespace, value = parts(one)
    return namespace in CONTACTS or blind.is_index(value)


def contact(blind_index: Blind, namespace: str, value: Any) -> str | None:
    """The origin of a contact id; None when the value is none. An index (`~…`) stands for itself."""
    if not isinstance(value, str):
        return None
    if blind.is_index(value):
        return origin(namespace, value)
    if namespace not in CONTACTS:
        return origin(namespace, blind.MARK + blind_index(namespace, value)) if value.strip() else None
    address = contacts.address({namespace: value}, namespace)
    return origin(namespace, blind.MARK + blind_index(namespace, address)) if address else None


@lru_cache(maxsize=1024)
def _channel(namespace: str) -> str | None:
    """The namespace of contact data that one of another name stands for: `mobile`, `email_address`."""
    plain = looks.plain(namespace)
    return next((one for one in CONTACTS if plain in looks.CHANNELS[one]), None)


def known_as(blind_index: Blind | None, namespace: str, value: str) -> str | None:
    """The origin by which an id is known; None where it is contact data that is no address, or cannot be hidden.

    An e-mail address, or a number with its country's code, is what it is under any name: as `crm_id` it would be told
    to every service. What operators call a user or a visitor stays what it is (decision 10).
    """
    its = _channel(namespace)
    if its is None and namespace not in (USER, ANONYMOUS):
        if "@" in value and looks.is_email(value):
            its = "email"
        elif value[:1] == "+" and looks.is_phone(value):
            its = "phone"
        elif blind_index is not None and namespace in blind_index.contacts:
            its = namespace
    if its is None:
        return origin(namespace, value)
    return contact(blind_index, its, value) if blind_index is not None else None


def further(item: EventReceived, blind_index: Blind | None, said: Blocked = MappingProxyType({})) -> list[str]:
    """Origins a call names besides userId, anonymousId and previousId: device, externalIds, contact traits."""
    found: list[str] = []
    for namespace, value in _named(item.context):
        if 0 < len(value) <= LONGEST and "\0" not in value and not is_nobodys(said, namespace, value):
            one = known_as(blind_index, namespace, value)
            if one is not None:
                found.append(one)
    if item.type == "identify" and blind_index is not None:
        for namespace in CONTACTS:
            address = contacts.address(item.traits, namespace)
            if address is not None and (one := contact(blind_index, namespace, address)):
                found.append(one)
    # Events of who has no other id are kept by the first: better by an id than by contact data.
    return sorted(dict.fromkeys(found), key=is_contact)[:MOST]


def _spelt(type: str) -> str:
    return type.replace(".", "_").replace("-", "_").lower()


def names_any(context: Mapping[str, Any], hidden: frozenset[str]) -> bool:
    """Whether a context names an id of one of these namespaces."""
    return any(namespace in hidden for namespace, _ in _named(context))


def covered(context: dict[str, Any], hidden: frozenset[str], seal: Callable[[str], str]) -> dict[str, Any]:
    """A context with the ids of these namespaces sealed."""
    result = dict(context)
    if isinstance(external := context.get("externalIds"), list):
        result["externalIds"] = [
            {**one, "id": seal(one["id"])}
            if isinstance(one, dict)
            and isinstance(one.get("id"), str)
            and isinstance(one.get("type"), str)
            and _spelt(one["type"]) in hidden
            else one
            for one in external
        ]
    device = context.get("device")
    if DEVICE in hidden and isinstance(device, dict) and isinstance(device.get("id"), str):
        result["device"] = {**device, "id": seal(device["id"])}
    return result


def _named(context: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Namespace and value of the ids in a context: `externalIds: [{id, type}]`, then `device.id`."""
    external = context.get("externalIds")
    for one in external if isinstance(external, list) else ():
        if isinstance(one, dict) and isinstance(one.get("id"), str) and isinstance(one.get("type"), str):
            namespace = _spelt(one["type"])
            if NAME.fullmatch(namespace):
                yield namespace, one["id"]
    device = context.get("device")
    if isinstance(device, dict) and isinstance(device.get("id"), str):
        yield DEVICE, device["id"]
