"""What was turned away at the door: counted by reason, and told to profile, where the data's quality is looked at.

An SDK takes a 200 for a yes and reads no list of reasons, so these counts are the only place where anybody sees them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

import msgspec

from gateway.rules.events import Turned
from shared import clock, telemetry
from shared.contracts import EventsRejected, Message, partition
from shared.contracts.wire import join

MOST = 100
"""Kinds that are told apart between two tellings: what sends another event name with each call fills no memory."""

OTHERS = "*"
"""The event of all kinds that are one too many."""

_REASON = 200

_encode = msgspec.json.Encoder().encode


class _Count(msgspec.Struct):
    number: int
    reason: str
    message_id: str | None
    last_at: datetime


class TurnedAway:
    """Counts of this process since they were told last: what was not told when the process dies is lost."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str, str], _Count] = {}

    def note(self, source: str, turned: Iterable[Turned], at: datetime) -> None:
        """These came with this write key."""
        for one in turned:
            key = (source, one.event, one.code, one.field)
            if key not in self._counts and len(self._counts) >= MOST:
                key = (source, OTHERS, one.code, "")
            known = self._counts.get(key)
            number = known.number + 1 if known else 1
            self._counts[key] = _Count(number, one.reason[:_REASON], one.message_id, at)

    def take(self) -> list[EventsRejected]:
        """What was counted, to be told; counting begins anew."""
        counts, self._counts = self._counts, {}
        return [
            EventsRejected(
                source=source,
                event=event,
                code=code,
                field=field,
                number=one.number,
                reason=one.reason,
                message_id=one.message_id,
                last_at=one.last_at,
            )
            for (source, event, code, field), one in counts.items()
        ]


def message(facts: list[EventsRejected], producer: str) -> Message:
    """These facts as one message, of a partition of its own choice: nobody's events wait for it or it for them."""
    message_id = uuid.uuid4().hex
    return Message(
        id=message_id,
        producer=producer,
        part=partition(message_id),
        n=0,
        at=clock.now(),
        trace=telemetry.new_trace(),
        kind=EventsRejected.kind,
        items=msgspec.Raw(join([_encode(fact) for fact in facts])),
    )
