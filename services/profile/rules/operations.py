"""What an identify may do with a trait instead of setting it: set it once, add to it, append to its list.

Each is defined by event time, not by arrival, as far as the trait's last state allows:

- set_once: the earliest by event time stands; it never replaces what was set plainly.
- increment: adds, in whatever order the calls arrive. What was counted stands against a plain set that is older than
  the latest increment, and an increment older than a null is lost with it.
- append: joins the list, each element once, in order of arrival; against a plain set it behaves as increment does.

A resent call is found by its message id before it gets here, so nothing is added twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from shared.contracts.events import Operation as Name

LIST = 500
"""Most elements an appended list has; what comes later is not taken in."""

ONCE = "once"
"""How a trait got its value when nothing but set_once has spoken of it."""


class Operation(msgspec.Struct, frozen=True):
    """A trait's value as an identify gives it when it is not simply set."""

    name: Name
    value: Any


class State(NamedTuple):
    """What is known of a trait: its value (None: cleared), the event time that last said so, how it got there."""

    value: Any
    at: datetime
    how: str | None = None


def applied(old: State | None, operation: Operation, at: datetime) -> State | None:
    """The state after this operation; None when it changes nothing."""
    name, value = operation.name, operation.value
    if old is None or old.value is None:
        if old is not None and at < old.at:
            return None
        return State(_first(name, value), at, ONCE if name == "set_once" else None)
    if name == "set_once":
        return State(value, at, ONCE) if old.how == ONCE and at < old.at else None
    later = max(at, old.at)
    if name == "increment":
        if not _is_number(old.value) or not _is_number(value):
            return None
        return State(old.value + value, later)
    if not isinstance(old.value, list):
        return None
    added = [one for one in _list(value) if one not in old.value]
    return State([*old.value, *unique(added)][:LIST], later) if added else None


def unique(values: list[Any]) -> list[Any]:
    """The values, each once; they need not be hashable."""
    once: list[Any] = []
    for value in values:
        if value not in once:
            once.append(value)
    return once


def _first(name: Name, value: Any) -> Any:
    return unique(_list(value))[:LIST] if name == "append" else value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
