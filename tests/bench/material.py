"""What the benches send: events like those of a real platform, and the same bytes as the gateway puts on the bus."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.contracts import PARTITIONS, EventReceived, Message, subject
from shared.contracts.wire import join
from tests.bench.load import MARK

VIEWERS = 5000
BATCH = 100
"""Events in one call of /v1/batch."""
_VARIANTS = 40


def event(number: int, draw: random.Random) -> dict[str, Any]:
    """A track call; the mark in its message id becomes a new number in every request."""
    now = datetime.now(UTC)
    return {
        "type": "track",
        "messageId": f"{MARK.decode()}-{number}",
        "userId": f"viewer-{draw.randrange(VIEWERS)}",
        "event": draw.choice(("Content Shown", "Content Opened", "Video Watched", "Content Liked")),
        "timestamp": now.isoformat(timespec="milliseconds"),
        "properties": {
            "content_id": str(draw.randrange(10_000)),
            "creator_id": str(draw.randrange(1000)),
            "category": draw.choice(("anime", "gaming", "music", "food")),
            "tags": ["anime", "new"],
            "watch_seconds": draw.randrange(1, 600) / 10,
        },
    }


def single() -> list[str]:
    """Bodies of /v1/track."""
    draw = random.Random(7)
    return [msgspec.json.encode(event(0, draw)).decode() for _ in range(_VARIANTS)]


def batches() -> list[str]:
    """Bodies of /v1/batch, a hundred events of a hundred draws each."""
    draw = random.Random(7)
    return [
        msgspec.json.encode({"batch": [event(number, draw) for number in range(BATCH)]}).decode()
        for _ in range(_VARIANTS)
    ]


def raw(events: int) -> list[tuple[str, str]]:
    """One (subject, message) for each partition with so many of the same events, wrapped as the gateway does it."""
    draw = random.Random(7)
    now = datetime.now(UTC)
    made = []
    for part in range(PARTITIONS):
        items = [msgspec.json.encode(_received(event(number, draw), now)) for number in range(events)]
        message = Message(
            id="0" * 32,
            producer="gateway",
            part=part,
            n=0,
            at=now,
            trace="0" * 32,
            kind=EventReceived.kind,
            items=msgspec.Raw(join(items)),
        )
        made.append((subject(EventReceived.kind, "INTAKE", part), msgspec.json.encode(message).decode()))
    return made


def _received(told: dict[str, Any], now: datetime) -> EventReceived:
    return EventReceived(
        message_id=told["messageId"],
        type="track",
        time=datetime.fromisoformat(told["timestamp"]),
        received_at=now,
        source="0123456789abcdef0123",
        event=told["event"],
        user_id=told["userId"],
        properties=told["properties"],
        context={"ip": "127.0.0.1"},
    )
