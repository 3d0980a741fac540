"""What is contact data and free text, which channels it gives, and how it is shown and sealed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from services.profile.rules import sealing

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

TOKENS = ("pushtoken", "devicetoken", "fcmtoken", "apnstoken", "registrationid")
"""Traits that hold the token a push goes to, best first; of a list (`pushTokens`, `deviceTokens`) it is the last."""

INBOX = "inbox"
"""The channel of in-app messages: everybody has it."""

FREE_TEXT = frozenset({"text", "commenttext", "messagetext"})
"""Names of what viewers write: comments, danmaku, messages. It travels sealed."""

ANY = "contact"
"""Kind of sealed contact data that no channel uses."""


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

    A plain answer (`email: true`) is not an address, and useful in a segment. Sealed contact data is contact data.
    """
    if isinstance(value, str):
        if value.startswith(sealing.MARK):
            return sealing.kind(value) != sealing.TEXT
        if "@" in value and _EMAIL.fullmatch(value):
            return True
    return _named(name) and value is not None and not isinstance(value, bool)


def _may_tell(value: dict[str, Any] | list[Any]) -> bool:
    """Whether there might be contact data in here: a quick look that only ever errs on the side of yes."""
    for name, inner in value.items() if isinstance(value, dict) else (("", inner) for inner in value):
        if isinstance(inner, str):
            if "@" in inner or inner.startswith(sealing.MARK) or _named(name):
                return True
        elif isinstance(inner, dict | list):
            if _named(name) or _may_tell(inner):
                return True
        elif inner is not None and _named(name):
            return True
    return False


def scrubbed(value: Any) -> Any:
    """The value without the contact data inside it, at any depth; the same object when there is none."""
    if isinstance(value, dict | list) and not _may_tell(value):
        return value
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


def is_text(name: str, value: Any) -> bool:
    """Whether this is what a viewer wrote."""
    return isinstance(value, str) and value != "" and _plain(name) in FREE_TEXT


def kind(name: str, value: Any) -> str | None:
    """As what a value must be sealed: a channel whose address it is, `contact`, `text`; None when it stays as it is."""
    if sealing.is_sealed(value):
        return None
    if is_contact(name, value):
        plain = _plain(name)
        return next((one for one, names in CHANNELS.items() if plain in names and _is_address(value, one)), ANY)
    return sealing.TEXT if is_text(name, value) else None


@lru_cache(maxsize=8192)
def _tells(name: str) -> bool:
    """Whether a value under this name may have to be sealed for the name's sake."""
    return _plain(name) in _NAMES or _plain(name) in FREE_TEXT


def has_secret(value: Any, name: str = "") -> bool:
    """Whether something in this value must be sealed.

    Asked of everything in every event: what neither has a telling name nor an @ in it is passed over at once.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str):
                if ("@" in inner or _tells(key)) and kind(key, inner) is not None:
                    return True
            elif isinstance(inner, dict | list):
                if has_secret(inner, key):
                    return True
            elif _tells(key) and kind(key, inner) is not None:
                return True
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, str):
                if "@" in inner and kind("", inner) is not None:
                    return True
            elif isinstance(inner, dict | list) and has_secret(inner):
                return True
    elif isinstance(value, str) and "@" in value:
        return kind(name, value) is not None
    return _tells(name) and kind(name, value) is not None


def _is_address(value: Any, channel: str) -> bool:
    return isinstance(value, str) and _VALID[channel].fullmatch(value.strip()) is not None


def sealed(value: Any, seal: Callable[[str, Any], str], name: str = "") -> Any:
    """The value with the contact data and free text in it sealed by `seal(kind, value)`; the same without any."""
    of = kind(name, value)
    if of is not None:
        return seal(of, value)
    if isinstance(value, dict):
        inside = {key: sealed(inner, seal, key) for key, inner in value.items()}
        return value if all(inside[key] is value[key] for key in inside) else inside
    if isinstance(value, list):
        items = [sealed(inner, seal) for inner in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return value


def has_sealed(value: Any) -> bool:
    """Whether something in this value is sealed."""
    if isinstance(value, dict):
        return any(map(has_sealed, value.values()))
    if isinstance(value, list):
        return any(map(has_sealed, value))
    return sealing.is_sealed(value)


def opened(value: Any, unseal: Callable[[str], Any]) -> Any:
    """The value with what is sealed in it opened by `unseal`."""
    if isinstance(value, dict):
        return {name: opened(inner, unseal) for name, inner in value.items()}
    if isinstance(value, list):
        return [opened(inner, unseal) for inner in value]
    return unseal(value) if sealing.is_sealed(value) else value


def masked(value: Any, name: str = "") -> Any:
    """The value with contact data and what he wrote unreadable: `b•••@example.com`, `•••67`, `•••`; names stay."""
    if sealing.is_sealed(value) or is_text(name, value):
        return "•••"
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
    """The usable address for a channel, or None. `traits` are all traits, with contact data; a sealed one stays so."""
    if channel == INBOX:
        return INBOX
    if channel == "push":
        return _token(traits)
    channel = "phone" if channel == "sms" else channel
    names = CHANNELS.get(channel, ())
    found: dict[str, str] = {}
    for name, value in traits.items():
        plain = _plain(name)
        if plain in names and (sealing.kind(value) == channel or _is_address(value, channel)):
            found.setdefault(plain, value.strip())
    return next((found[name] for name in names if name in found), None)


def _token(traits: Mapping[str, Any]) -> str | None:
    found: dict[str, str] = {}
    for name, value in traits.items():
        plain = _plain(name).removesuffix("s")
        last = value[-1] if isinstance(value, list) and value else value
        if plain in TOKENS and isinstance(last, str) and last.strip():
            found.setdefault(plain, last.strip())
    return next((found[name] for name in TOKENS if name in found), None)


def channels(traits: Mapping[str, Any]) -> list[str]:
    """Channels this viewer has an address for."""
    return [channel for channel in CHANNELS if address(traits, channel) is not None]
