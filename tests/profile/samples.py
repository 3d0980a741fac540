"""Calls as front-ends send them, for tests of profile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from shared.contracts import EventReceived

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
_numbers = count(1)


def call(type: str = "track", **fields: Any) -> EventReceived:
    """A call at noon that arrived a second later; `after` moves its time by so many seconds."""
    time = fields.pop("time", NOON) + timedelta(seconds=fields.pop("after", 0))
    defaults: dict[str, Any] = {
        "message_id": f"m{next(_numbers)}",
        "type": type,
        "time": time,
        "received_at": time + timedelta(seconds=1),
        "source": "web",
        "event": "Content Liked" if type == "track" else None,
    }
    return EventReceived(**(defaults | fields))
