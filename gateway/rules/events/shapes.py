"""What comes in and what goes on: a call as SDKs send it, a batch, what is known of the request, the event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

import msgspec

from shared.contracts.events import Call

CALLS: tuple[Call, ...] = get_args(Call)


class Sent(msgspec.Struct, rename="camel", kw_only=True):
    """One tracking call as SDKs send it. Fields that nobody knows are ignored."""

    type: str | None = None
    message_id: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    group_id: str | None = None
    timestamp: str | int | float | None = None
    original_timestamp: str | int | float | None = None
    sent_at: str | int | float | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: dict[str, Any] | None = None


class Batch(msgspec.Struct, rename="camel", kw_only=True):
    """Many calls in one body; each stays as it came until it is judged alone."""

    batch: list[msgspec.Raw]
    sent_at: str | int | float | None = None
    context: dict[str, Any] | None = None
    write_key: str | None = None


class Keyed(msgspec.Struct, rename="camel", kw_only=True):
    """The write key of a body that came without a Basic user name."""

    write_key: str | None = None


@dataclass(frozen=True)
class Arrival:
    """What the gateway knows about a request beside its body. `source` is the id of the write key."""

    received_at: datetime
    source: str
    ip: str | None = None
    user_agent: str | None = None
    addresses: bool = True
    """Whether an id may be an e-mail address or a phone number."""


@dataclass(frozen=True)
class Accepted:
    """An event that is taken in: the id that chooses its partition, and the encoded fact."""

    viewer: str
    item: bytes
