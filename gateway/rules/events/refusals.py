"""Why a call is not taken in, and how that is counted."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from gateway.rules.events.shapes import CALLS
from shared.contracts.events import Call

NAME = 100
"""Characters of a name by which refusals are counted."""

_INSIDE = re.compile(r"[.\[]")


class Refused(Exception):
    """A tracking call is not taken in. `code` is stable; `field` is the path of the culprit in the event."""

    def __init__(self, status: int, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field


class _Named(msgspec.Struct, rename="camel"):
    message_id: Any = None
    type: Any = None
    event: Any = None


UNREAD = "(unread)"
"""Instead of the event's name, of what is no call."""


class Turned(NamedTuple):
    """A call that is not taken in, as it is counted: without anything of its content but names and its id."""

    event: str
    code: str
    field: str
    reason: str
    message_id: str | None


_named = msgspec.json.Decoder(_Named)


def turned(raw: bytes | msgspec.Raw, call: Call | None, reason: Refused) -> Turned:
    """How a call that is refused for this reason is counted; `call` is what it is, where the path says so."""
    try:
        named = _named.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        named = _Named()
    kind = call or named.type
    name = named.event if kind == "track" else f"({kind})" if kind in CALLS else UNREAD
    return away(name, named.message_id, reason)


def away(event: Any, message_id: Any, reason: Refused) -> Turned:
    """How what names its event so is counted; of a field that is deep inside the first two names."""
    its_name = event[:NAME] if isinstance(event, str) and event.strip() else UNREAD
    field = ".".join(_INSIDE.split(reason.field or "")[:2])[:NAME]
    return Turned(
        its_name.replace("\0", ""),
        reason.code,
        field.replace("\0", ""),
        reason.message.replace("\0", ""),
        message_id[:NAME].replace("\0", "") if isinstance(message_id, str) else None,
    )
