"""What viewers do: as a front-end claimed it (INTAKE), and as profile recorded it (FACTS)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec

from shared.contracts.wire import Fact

Call = Literal["track", "identify", "page", "screen", "group", "alias"]

Operation = Literal["set_once", "increment", "append"]
"""What an identify does with a trait instead of setting it."""


class EventReceived(Fact, frozen=True, kw_only=True):
    """One tracking call, accepted by the gateway; `time` is corrected for the client's clock, nobody is resolved.

    `operations` names the traits that an identify does not simply set, and what it does with each.
    """

    kind: ClassVar[str] = "events.received.v1"
    owner: ClassVar[str] = "gateway"
    stream: ClassVar[str] = "INTAKE"

    message_id: str
    type: Call
    time: datetime
    received_at: datetime
    source: str
    event: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    group_id: str | None = None
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    traits: dict[str, Any] = msgspec.field(default_factory=dict)
    context: dict[str, Any] = msgspec.field(default_factory=dict)
    operations: dict[str, Operation] | msgspec.UnsetType = msgspec.UNSET


class EventsRejected(Fact, frozen=True, kw_only=True):
    """Calls of one write key that the gateway did not take in, since it told of them last: what, why, how many.

    `event` is the name, the call in parentheses, `(unread)` for what is no call, or `*` for all that are too many to be
    told apart; `field` is the part of the call that is to blame. `message_id` is that of the last one.
    """

    kind: ClassVar[str] = "events.rejected.v1"
    owner: ClassVar[str] = "gateway"
    stream: ClassVar[str] = "INTAKE"

    source: str
    event: str
    code: str
    field: str
    number: int
    reason: str
    last_at: datetime
    message_id: str | None = None


SEALED = "enc:"
"""What begins a sealed text in the properties of an event: `enc:text:…`. Nobody but profile can open it."""


class EventRecorded(Fact, frozen=True, kw_only=True):
    """An event of a resolved viewer. `origin` is the identity it came with and never changes; `profile_id` may.

    `history` marks an event older than 24 hours on arrival: it counts by its own time and triggers nothing. `bot` marks
    one of a program and says how that is known, `agent` or `pace`: it is on the timeline and counts nowhere.
    """

    kind: ClassVar[str] = "events.recorded.v1"
    owner: ClassVar[str] = "profile"
    snapshot: ClassVar[bool] = True

    event_id: str
    origin: str
    profile_id: int
    event: str
    time: datetime
    received_at: datetime
    history: bool = False
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    bot: str | msgspec.UnsetType = msgspec.UNSET
