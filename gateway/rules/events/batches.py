"""Many calls in one body, each judged alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.rules.events import bodies, calls, times
from gateway.rules.events.refusals import Refused, Turned, turned
from gateway.rules.events.shapes import Accepted, Arrival

BATCH_BYTES = 500 * 1024
"""One batch is at most this long (Segment's limit)."""


@dataclass(frozen=True)
class Reading:
    """A batch after judgement: what is kept, in order, what is refused and why, and how that is counted."""

    accepted: list[Accepted]
    refused: list[dict[str, Any]]
    turned: list[Turned]


def many(body: bytes, arrival: Arrival) -> Reading:
    """The events of a batch, each judged alone. Refused when the body as a whole is not a batch."""
    batch, broken = bodies.batch(body)
    if not batch.batch and not broken:
        raise Refused(400, "empty_batch", "batch has no events", field="batch")
    sent_at = times.instant(batch.sent_at, "sentAt")
    found = Reading([], [], [])
    for index, raw in enumerate(batch.batch):
        try:
            if index in broken:
                raise broken[index]
            found.accepted.append(calls.judged(bytes(raw), None, arrival, sent_at=sent_at, shared=batch.context))
        except Refused as reason:
            away = turned(raw, None, reason)
            found.turned.append(away)
            found.refused.append(
                {
                    "index": index,
                    "message_id": away.message_id,
                    "field": reason.field,
                    "code": reason.code,
                    "reason": reason.message,
                }
            )
    return found
