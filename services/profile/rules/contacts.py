"""What is contact data, which channels it gives, who has withdrawn, and how it is shown to those who may not see it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

CHANNELS: dict[str, tuple[str, ...]] = {
    "email": ("email", "emailaddress", "mail"),
    "phone": ("phone", "phonenumber", "mobile", "mobilephone", "mobilenumber", "cellphone", "telephone", "tel"),
}
"""Channels, and the traits that hold their address, best first. Names are compared without case and punctuation."""

LISTS = frozenset(
    {
        "emails",
        "emailaddresses",
        "phones",
        "phonenumbers",
        "address",
        "addresses",
        "streetaddress",
        "shippingaddress",
        "billingaddress",
        "devicetoken",
        "devicetokens",
        "pushtoken",
        "pushtokens",
        "apnstoken",
        "fcmtoken",
        "registrationid",
    }
)
"""Other names of contact data: it is kept, no channel uses it, and it never leaves either."""

CONSENT = "consent"
UNSUBSCRIBED = "unsubscribed"
EVERYTHING = "*"

_NAMES = LISTS.union(*CHANNELS.values())
_EMAIL = re.compile(r"[^@\s<>()\[\],;:\"\\]{1,64}@[^@\s<>()\[\],;:\"\\]{1,253}")
_PHONE = re.compile(r"\+?[0-9][0-9 ().\-]{4,22}[0-9]")
_VALID = {"email": _EMAIL, "phone": _PHONE}


@lru_cache(maxsize=8192)
def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@lru_cache(maxsize=8192)
def _named(name: str) -> bool:
    return _plain(name) in _NAMES


def is_contact(name: str, value: Any) -> bool:
    """Whether this is contact data, by its name (`phoneNumber`, `$email`, `device_tokens` …) or as an e-mail address.

    A plain answer (`email: true`) is not an address, and useful in a segment.
    """
    if isinstance(value, str) and "@" in value and _EMAIL.fullmatch(value):
        return True
    return _named(name) and value is not None and not isinstance(value, bool)


def scrubbed(value: Any) -> Any:
    """The value without the contact data inside it, at any depth; the same object when there is none."""
    if isinstance(value, dict):
        clean = {
            name: scrubbed(inner) if isinstance(inner, dict | list) else inner
            for name, inner in value.items()
            if not is_contact(name, inner)
        }
        same = len(clean) == len(value) and all(clean[name] is value[name] for name in clean)
        return value if same else clean
    if isinstance(value, list):
        items = [scrubbed(inner) for inner in value if not is_contact("", inner)]
        same = len(items) == len(value) and all(a is b for a, b in zip(items, value, strict=True))
        return value if same else items
    return value


def masked(value: Any, name: str = "") -> Any:
    """The value with its contact data made unreadable: `b•••@example.com`, `•••67`, `•••`; names stay."""
    if is_contact(name, value):
        if isinstance(value, str) and _EMAIL.fullmatch(value):
            return f"{value[0]}•••@{value.rpartition('@')[2]}"
        if isinstance(value, str) and _PHONE.fullmatch(value):
            return f"•••{value[-2:]}"
        return "•••"
    if isinstance(value, dict):
        return {key: masked(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return value


def address(traits: Mapping[str, Any], channel: str) -> str | None:
    """The usable address for a channel, or None. `traits` are all traits, with contact data."""
    names = CHANNELS.get(channel, ())
    found: dict[str, str] = {}
    for name, value in traits.items():
        plain = _plain(name)
        if plain in names and isinstance(value, str) and _VALID[channel].fullmatch(value.strip()):
            found.setdefault(plain, value.strip())
    return next((found[name] for name in names if name in found), None)


def channels(traits: Mapping[str, Any]) -> list[str]:
    """Channels this viewer has an address for."""
    return [channel for channel in CHANNELS if address(traits, channel) is not None]


def consent(traits: Mapping[str, Any]) -> dict[str, bool]:
    """What the viewer said about being contacted.

    `consent: {"email": false, "marketing": true}` speaks of channels and purposes, `consent: false` and
    `unsubscribed: true` of everything (`*`).
    """
    said = traits.get(CONSENT)
    result: dict[str, bool] = {}
    if isinstance(said, bool):
        result[EVERYTHING] = said
    elif isinstance(said, dict):
        result = {name: answer for name, answer in said.items() if isinstance(answer, bool)}
    if traits.get(UNSUBSCRIBED) is True:
        result[EVERYTHING] = False
    return result


def allowed(said: Mapping[str, bool], channel: str, purpose: str) -> bool:
    """Whether he may be contacted: he has not withdrawn from the channel, the purpose or everything."""
    return all(said.get(name, True) for name in (EVERYTHING, channel, purpose))
