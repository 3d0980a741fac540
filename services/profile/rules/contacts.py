"""Contact data and what viewers wrote: the channels it gives, how it is left out, shown and sealed. See also looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.profile.rules import looks, sealing

TOKENS = ("pushtoken", "devicetoken", "fcmtoken", "apnstoken", "registrationid")
"""Traits that hold the token a push goes to, best first; of a list (`pushTokens`, `deviceTokens`) it is the last."""

INBOX = "inbox"
"""The channel of in-app messages: everybody has it."""

ANY = "contact"
"""Kind of sealed contact data that no channel uses."""

HIDDEN = "•••"
"""What is shown in the place of contact data."""


def _may_tell(value: dict[str, Any] | list[Any], name: str = "") -> bool:
    """Whether there might be contact data in here: a quick look that only ever errs on the side of yes."""
    if isinstance(value, dict) and ("id" in value or "value" in value) and looks.called(value) is not None:
        return True
    for key, inner in value.items() if isinstance(value, dict) else ((name, inner) for inner in value):
        if isinstance(inner, str):
            if "@" in inner or looks.speaks(key):
                return True
            if len(inner) >= looks.SHORTEST and (
                inner.startswith(sealing.MARK)
                or "%40" in inner
                or (inner[0] in looks.BEGINS and looks.TELEPHONE.match(inner))
            ):
                return True
        elif isinstance(inner, dict | list):
            if looks.speaks(key) or _may_tell(inner, key):
                return True
        elif inner is not None and looks.speaks(key):
            return True
    return False


def scrubbed(value: Any, name: str = "") -> Any:
    """The value without the contact data inside it, at any depth; the same object when there is none."""
    if isinstance(value, dict | list) and not _may_tell(value, name):
        return value
    if isinstance(value, dict):
        clean = {
            key: scrubbed(inner, key) if isinstance(inner, dict | list) else _cleared(inner, called)
            for key, called, inner in looks.named(value)
            if not looks.is_contact(called, inner)
        }
        same = len(clean) == len(value) and all(clean[key] is value[key] for key in clean)
        return value if same else clean
    if isinstance(value, list):
        items = [
            scrubbed(inner, name) if isinstance(inner, dict | list) else _cleared(inner, name)
            for inner in value
            if not looks.is_contact(name, inner)
        ]
        same = len(items) == len(value) and all(a is b for a, b in zip(items, value, strict=True))
        return value if same else items
    return _cleared(value, name)


def _cleared(value: Any, name: str) -> Any:
    """A link without the addresses in it, and what was searched for: the rest says what somebody did, and is needed."""
    if not isinstance(value, str):
        return value
    if ("@" in value or "%40" in value) and looks.INSIDE.search(value) and looks.stays(name, value):
        value = looks.IN_URL.sub(HIDDEN, value)
    return looks.IN_QUERY.sub(HIDDEN, value) if looks.plain(name) in looks.QUERIES else value


def kind(name: str, value: Any, *, texts: bool = True) -> str | None:
    """As what a value must be sealed: a channel whose address it is, `contact`, `text`; None when it stays as it is.

    Without `texts` nothing is taken for what a viewer wrote.
    """
    if sealing.is_sealed(value):
        return None
    if looks.is_contact(name, value):
        plain = looks.plain(name)
        channels = (one for one, names in looks.CHANNELS.items() if plain in names)
        return next((one for one in channels if looks.is_address(value, one)), ANY)
    return sealing.TEXT if texts and looks.is_text(name, value) else None


def has_secret(value: Any, name: str = "", *, texts: bool = True) -> bool:
    """Whether something in this value must be sealed, or taken out of a link.

    Asked of everything in every event: what has neither a telling name nor the looks of an address is passed over at
    once.
    """
    if isinstance(value, dict):
        if ("id" in value or "value" in value) and (called := looks.called(value)) is not None:
            return kind(called[1], value[called[0]], texts=texts) is not None or any(
                has_secret(inner, key, texts=texts) for key, inner in value.items() if key != called[0]
            )
        for key, inner in value.items():
            if isinstance(inner, str):
                if (
                    "@" in inner
                    or looks.tells(key)
                    or (
                        len(inner) >= looks.SHORTEST
                        and ("%40" in inner or (inner[0] in looks.BEGINS and looks.TELEPHONE.match(inner)))
                    )
                ) and _is_secret(key, inner, texts=texts):
                    return True
            elif isinstance(inner, dict | list):
                if has_secret(inner, key, texts=texts and key not in looks.CAMPAIGN):
                    return True
            elif looks.tells(key) and kind(key, inner) is not None:
                return True
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, str):
                if _is_secret(name, inner, texts=texts):
                    return True
            elif isinstance(inner, dict | list):
                if has_secret(inner, name, texts=texts):
                    return True
            elif looks.tells(name) and kind(name, inner) is not None:
                return True
    elif isinstance(value, str):
        return _is_secret(name, value, texts=texts)
    return looks.tells(name) and kind(name, value, texts=texts) is not None


def _is_secret(name: str, value: str, *, texts: bool) -> bool:
    return kind(name, value, texts=texts) is not None or _cleared(value, name) is not value


def sealed(value: Any, seal: Callable[[str, Any], str], name: str = "", *, texts: bool = True) -> Any:
    """The value with the contact data and free text in it sealed by `seal(kind, value)`; the same without any."""
    of = kind(name, value, texts=texts)
    if of is not None:
        return seal(of, value)
    if isinstance(value, dict):
        inside = {
            key: sealed(inner, seal, called, texts=texts and key not in looks.CAMPAIGN)
            for key, called, inner in looks.named(value)
        }
        return value if all(inside[key] is value[key] for key in inside) else inside
    if isinstance(value, list):
        items = [sealed(inner, seal, name, texts=texts) for inner in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return _cleared(value, name)


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


def masked(value: Any, name: str = "", *, texts: bool = True) -> Any:
    """The value with contact data and what he wrote unreadable: `b•••@example.com`, `•••67`, `•••`; names stay."""
    if sealing.is_sealed(value) or (texts and looks.is_text(name, value)):
        return HIDDEN
    if looks.is_contact(name, value):
        if isinstance(value, str) and looks.EMAIL.fullmatch(value):
            return f"{value[0]}{HIDDEN}@{value.rpartition('@')[2]}"
        if isinstance(value, str) and looks.PHONE.fullmatch(value):
            return f"{HIDDEN}{value[-2:]}"
        return HIDDEN
    if isinstance(value, dict):
        return {
            key: masked(inner, called, texts=texts and key not in looks.CAMPAIGN)
            for key, called, inner in looks.named(value)
        }
    if isinstance(value, list):
        return [masked(inner, name, texts=texts) for inner in value]
    return _cleared(value, name)


def address(traits: Mapping[str, Any], channel: str) -> str | None:
    """The usable address for a channel, or None. `traits` are all traits, with contact data; a sealed one stays so."""
    if channel == INBOX:
        return INBOX
    if channel == "push":
        return _token(traits)
    channel = "phone" if channel == "sms" else channel
    names = looks.CHANNELS.get(channel, ())
    found: dict[str, str] = {}
    for name, value in traits.items():
        plain = looks.plain(name)
        if plain in names and (sealing.kind(value) == channel or looks.is_address(value, channel)):
            found.setdefault(plain, str(value).strip())
    return next((found[name] for name in names if name in found), None)


def _token(traits: Mapping[str, Any]) -> str | None:
    found: dict[str, str] = {}
    for name, value in traits.items():
        plain = looks.plain(name).removesuffix("s")
        last = value[-1] if isinstance(value, list) and value else value
        if plain in TOKENS and isinstance(last, str) and last.strip():
            found.setdefault(plain, last.strip())
    return next((found[name] for name in TOKENS if name in found), None)


def channels(traits: Mapping[str, Any]) -> list[str]:
    """Channels this viewer has an address for: `push` is a device's token."""
    return [channel for channel in (*looks.CHANNELS, "push") if address(traits, channel) is not None]
