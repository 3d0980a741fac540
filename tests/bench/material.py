"""What the benches send: events like those of a real platform, and the same bytes as the gateway puts on the bus."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.contracts import PARTITIONS, EventReceived, Message, partition, subject
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


def raw() -> list[list[tuple[str, str]]]:
    """The same batches as (subject, message) pairs, split over the partitions and wrapped as the gateway does it."""
    draw = random.Random(7)
    return [_split([event(number, draw) for number in range(BATCH)]) for _ in range(_VARIANTS)]


def _split(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    now = datetime.now(UTC)
    parts: dict[int, list[bytes]] = {}
    for each in events:
        fact = EventReceived(
            message_id=each["messageId"],
            type="track",
            time=datetime.fromisoformat(each["timestamp"]),
            received_at=now,
            source="pk_0123456789abcdef",
            event=each["event"],
            user_id=each["userId"],
            properties=each["properties"],
            context={"ip": "127.0.0.1"},
        )
        parts.setdefault(partition(each["userId"]), []).append(msgspec.json.encode(fact))
    assert len(parts) <= PARTITIONS
    return [
        (
            subject(EventReceived.kind, "INTAKE", part),
            msgspec.json.encode(
                Message(
                    id="0" * 32,
                    producer="gateway",
                    part=part,
                    n=0,
                    at=now,
                    trace="",
                    kind=EventReceived.kind,
                    items=msgspec.Raw(join(items)),
                )
            ).decode(),
        )
        for part, items in parts.items()
    ]
