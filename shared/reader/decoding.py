"""Messages of a stream as facts, as far as they can be read, in few runs of one kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from shared import telemetry
from shared.bus import Received
from shared.contracts import PARTITIONS, Fact, Message, TriggerReceived
from shared.database import words

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises: another shape, bytes that are not UTF-8, nesting without end."""

PARTED = ("INTAKE", "FACTS")
"""Streams whose subjects carry a partition: `intake.<part>`, `facts.<part>.…`."""

_MESSAGES = msgspec.json.Decoder(Message)


@dataclass(frozen=True)
class Heard:
    """One message of the stream, decoded as far as it could be: `bad` is what could not, as payload and reason."""

    part: int
    sequence: int
    kind: str
    producer: str
    n: int
    trace: str
    items: list[Fact]
    bad: tuple[tuple[bytes, str], ...] = ()


class Items(Protocol):
    """Decodes the items of a message: the facts, and those that cannot be read with the reason."""

    def __call__(self, kind: str, items: msgspec.Raw, /) -> tuple[list[Fact], list[tuple[bytes, str]]]: ...


def parts(stream: str) -> Sequence[int]:
    """The partitions of a stream: one for all that does not concern viewers."""
    return range(PARTITIONS) if stream in PARTED else (0,)


def subjects(stream: str, parts: Iterable[int]) -> list[str]:
    """What to ask the stream for, to hear these partitions."""
    if stream == "INTAKE":
        return [f"intake.{part}" for part in sorted(parts)]
    if stream == "FACTS":
        return [f"facts.{part}.>" for part in sorted(parts)]
    return [f"{stream.lower()}.>"]


def message(stream: str, received: Received, items: Items) -> Heard:
    """A message of the house, or a foreign trigger. What cannot be decoded carries its error."""
    if stream == "TRIGGERS":
        return _trigger(stream, received)
    part = int(received.subject.split(".")[1]) if stream in PARTED else 0
    try:
        found = _MESSAGES.decode(received.data)
    except UNREADABLE as error:
        return Heard(part, received.sequence, received.subject, "", 0, "", [], ((received.data, words(error)),))
    good, bad = items(found.kind, found.items)
    return Heard(part, received.sequence, found.kind, found.producer, found.n, found.trace, good, tuple(bad))


def _trigger(stream: str, received: Received) -> Heard:
    kind = TriggerReceived.kind
    try:
        data = msgspec.json.decode(received.data, type=dict[str, Any])
    except UNREADABLE as error:
        reason = f"the body of a trigger must be a JSON object: {words(error)}"
        return Heard(0, received.sequence, kind, "", 0, "", [], ((received.data, reason),))
    fact = TriggerReceived(
        name=received.subject.removeprefix("triggers."),
        id=received.message_id or f"{stream}-{received.sequence}",
        at=datetime.fromtimestamp(received.at / 1e9, UTC),
        data=data,
    )
    return Heard(0, received.sequence, kind, "", 0, telemetry.new_trace(), [fact])


def layers(messages: Iterable[Heard]) -> list[tuple[str, list[Heard]]]:
    """Messages as few runs of one kind, with the order inside each partition kept.

    A message goes to the layer of its partition's previous one when both are of one kind, else to a later one; inside
    a layer the kinds belong to different partitions, so their order does not matter.
    """
    level: dict[int, tuple[int, str]] = {}
    runs: dict[tuple[int, str], list[Heard]] = {}
    for message in messages:
        depth, kind = level.get(message.part, (0, message.kind))
        if kind != message.kind:
            depth += 1
        level[message.part] = (depth, message.kind)
        runs.setdefault((depth, message.kind), []).append(message)
    return [(kind, run) for (_, kind), run in sorted(runs.items(), key=lambda item: item[0][0])]
