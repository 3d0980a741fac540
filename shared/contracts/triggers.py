"""What other systems ask of campaigns over the bus."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from shared.contracts.wire import Fact


class TriggerReceived(Fact, frozen=True, kw_only=True):
    """A foreign JSON body published on `triggers.<name>`.

    `id` is the publisher's `Nats-Msg-Id` header, else `<stream>-<sequence>`.
    A body that is not a JSON object is a dead letter.
    """

    kind: ClassVar[str] = "trigger.received.v1"
    owner: ClassVar[str] = "external"
    stream: ClassVar[str] = "TRIGGERS"

    name: str
    id: str
    at: datetime
    data: dict[str, Any] = msgspec.field(default_factory=dict)
