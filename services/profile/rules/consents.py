"""What a viewer agreed to: purposes, channels, everything; what follows from it, and what holds for children.

A statement is kept as a trait of the identity it came with, `consent.<purpose>`, so that it follows the identity
through merges; of two the later counts. Every answer, with version and proof, stands in the history.

"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from datetime import date
from typing import Any

from services.profile.rules import definitions

PREFIX = "consent."
CONSENT = "consent"
UNSUBSCRIBED = "unsubscribed"
EVERYTHING = "*"
GUARDIAN = "guardian"
PROFILING = "profiling"
PERSONALISATION = "personalisation"

PURPOSES = ("analytics", PROFILING, PERSONALISATION, "marketing", "email", "sms", "push", "phone", "third_party")
"""What may be asked; `*` is everything, `guardian` says that a guardian agrees for a child."""

ASKED = frozenset({EVERYTHING, GUARDIAN, UNSUBSCRIBED, *PURPOSES})
"""Answers that decide something here; whatever else is answered is kept as it comes."""

CHILD = 14
"""Years; who is younger needs a guardian's consent (PIPL article 31)."""

NOT_FOR_CHILDREN = (PROFILING, PERSONALISATION, "marketing", "email", "sms", "push", "phone", "third_party")

ALSO = {"phone": ("sms",), "sms": ("phone",)}
"""Channels that are one address: who refuses one has refused the other."""

_NAME = re.compile(r"[A-Za-z0-9_*][A-Za-z0-9_.\-]{0,63}")


ANSWERS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "是": True, "否": False}
"""Yes and no as text or number."""


def is_consent(name: str) -> bool:
    """Whether a trait is a statement of consent and not a property of the viewer."""
    return name == CONSENT or name.startswith(PREFIX)


def flat(traits: Mapping[str, Any]) -> Mapping[str, Any]:
    """Traits with `consent: {"email": false}` and `consent: false` as one trait per purpose, `consent.email`.

    Null takes a statement back. Forms and older SDKs write "no" or 0: a no that is not heard is a message too many.
    What is neither yes, no nor null says nothing.
    """
    if not any(map(is_consent, traits)):
        return traits
    result = {name: value for name, value in traits.items() if not is_consent(name)}
    for name, value in traits.items():
        if name.startswith(PREFIX):
            result |= dict(_statement(name[len(PREFIX) :], value))
    said = traits.get(CONSENT, {})
    for purpose, answer in said.items() if isinstance(said, dict) else ((EVERYTHING, said),):
        result |= dict(_statement(purpose, answer))
    return result


def _statement(purpose: str, answer: Any) -> Iterator[tuple[str, bool | None]]:
    if not _NAME.fullmatch(purpose):
        return
    if isinstance(answer, str | int) and not isinstance(answer, bool):
        answer = ANSWERS.get(str(answer).strip().lower(), answer)
    if answer is None or isinstance(answer, bool):
        yield f"{PREFIX}{purpose}", answer


def statements(traits: Mapping[str, Any]) -> dict[str, bool | None]:
    """What flat traits say about consent, by purpose; `unsubscribed` speaks of everything."""
    said = {name[len(PREFIX) :]: answer for name, answer in traits.items() if name.startswith(PREFIX)}
    if isinstance(gone := traits.get(UNSUBSCRIBED), bool):
        said.setdefault(UNSUBSCRIBED, not gone)
    return said


def current(traits: Mapping[str, Any], today: date) -> dict[str, bool]:
    """What holds for a viewer with these traits.

    `unsubscribed: true` is a no to everything he could be sent (`*`). A no to everything or to profiling is a no to
    personalisation too. A child without a guardian's yes has said no to all but analytics.
    """
    return {name: answer for name, (answer, _) in grounds(traits, today).items()}


def grounds(traits: Mapping[str, Any], today: date) -> dict[str, tuple[bool, str]]:
    """What holds for a viewer, as `current` says, each with the trait it rests on."""
    held = {
        name: (answer, f"{PREFIX}{name}")
        for name, answer in statements(traits).items()
        if isinstance(answer, bool) and name != UNSUBSCRIBED
    }

    def follows(name: str, by: str) -> None:
        if held.get(name, (True, ""))[0]:
            held[name] = (False, by)

    def refuses(name: str) -> bool:
        return name in held and not held[name][0]

    if refuses(EVERYTHING):
        follows(PROFILING, held[EVERYTHING][1])
    if traits.get(UNSUBSCRIBED) is True:
        follows(EVERYTHING, UNSUBSCRIBED)
    if refuses(PROFILING):
        follows(PERSONALISATION, held[PROFILING][1])
    years = age(traits, today)
    if years is not None and years < CHILD and not held.get(GUARDIAN, (False, ""))[0]:
        for name in NOT_FOR_CHILDREN:
            follows(name, "birthday" if definitions.born(traits.get("birthday")) else "age")
    return held


def age(traits: Mapping[str, Any], today: date) -> float | None:
    """Years of life where they are known: by `birthday` (ISO), else by `age`."""
    if (day := definitions.born(traits.get("birthday"))) is not None:
        return today.year - day.year - ((today.month, today.day) < (day.month, day.day))
    years = traits.get("age")
    return years if isinstance(years, int | float) and not isinstance(years, bool) and years >= 0 else None


FIRST = ("marketing", "email", "sms", "push", "phone")
"""Of these an installation may say that a viewer is to be asked first: then silence is a no."""


def allowed(said: Mapping[str, bool], channel: str, purpose: str, *, first: Container[str] = ()) -> bool:
    """Whether he may be contacted: he has not withdrawn from the channel, the purpose or everything.

    For a channel or purpose of `first` he must have said yes, to it or to everything.
    """
    if not all(said.get(name, True) for name in (EVERYTHING, channel, *ALSO.get(channel, ()), purpose)):
        return False
    return EVERYTHING in said or all(name in said for name in (channel, purpose) if name in first)
