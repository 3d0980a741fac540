"""Which trait wins: the latest by event time, for each trait by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from services.profile.rules import contacts, operations

Given = tuple[datetime, Mapping[str, Any]]
"""Traits as one call gave them, with its event time."""

MAX_BYTES = 64 * 1024
"""A profile is told whole in one message of at most 128 KB, so its traits must stay well below that."""


class Trait(msgspec.Struct, frozen=True, array_like=True):
    """A value, the event time that last said so (`at`), and the one that first said so since it was different.

    `how` is set while nothing but a set_once has spoken of it.
    """

    value: Any
    at: datetime
    since: datetime
    how: str | None = None


Traits = dict[str, Trait]


def read(stored: Any) -> Traits:
    """Traits from their stored JSON."""
    return msgspec.convert(stored, Traits)


def write(traits: Traits) -> str:
    """Traits as the JSON to store."""
    return msgspec.json.encode(traits).decode()


class Whole(NamedTuple):
    """A profile as it is told: traits without contact data, channels it can be reached by, consent."""

    traits: dict[str, Any]
    since: dict[str, datetime]
    has: list[str]
    consent: dict[str, bool]


NOTHING = Whole({}, {}, [], {})
"""A profile nobody has said anything about."""


def absorb(held: Mapping[str, Trait], given: Iterable[Given]) -> Traits:
    """Traits of one identity after these calls. Null clears a trait; it stays as a tombstone against late calls.

    At equal times the later call wins. Repeating a value moves `at` and leaves `since`.
    """
    result = dict(held)
    for at, traits in given:
        for name, value in traits.items():
            old = result.get(name)
            if isinstance(value, operations.Operation):
                state = operations.applied(operations.State(old.value, old.at, old.how) if old else None, value, at)
                if state is not None:
                    since = at if old is None or state.how else max(at, old.since)
                    result[name] = Trait(state.value, state.at, since, state.how)
            elif old is None:
                result[name] = Trait(value, at, at)
            elif at >= old.at or (old.how == operations.ONCE and value is not None):
                same = type(value) is type(old.value) and value == old.value
                result[name] = Trait(value, at, old.since if same else at)
    return fit(result)


def view(identities: Iterable[Mapping[str, Trait]]) -> Traits:
    """Traits of a profile: over all its identities the latest of each. Give identities in a fixed order (ties)."""
    result: Traits = {}
    for held in identities:
        for name, trait in held.items():
            old = result.get(name)
            if old is None or trait.at > old.at:
                result[name] = trait
    return fit({name: trait for name, trait in result.items() if trait.value is not None})


def fit(traits: Traits) -> Traits:
    """The traits, without those heard longest ago where all together are larger than `MAX_BYTES`."""
    if len(msgspec.json.encode(traits)) <= MAX_BYTES:
        return traits
    kept: Traits = {}
    size = 2
    for name, trait in sorted(traits.items(), key=lambda item: (item[1].at, item[0]), reverse=True):
        size += len(msgspec.json.encode((name, trait)))
        if size > MAX_BYTES:
            break
        kept[name] = trait
    return kept


def whole(identities: Iterable[Mapping[str, Trait]]) -> Whole:
    """What may be told of a profile."""
    traits = view(identities)
    values = {name: trait.value for name, trait in traits.items()}
    public = {
        name: contacts.scrubbed(value)
        for name, value in values.items()
        if name != contacts.CONSENT and not contacts.is_contact(name, value)
    }
    return Whole(
        traits=public,
        since={name: traits[name].since for name in public},
        has=contacts.channels(values),
        consent=contacts.consent(values),
    )
