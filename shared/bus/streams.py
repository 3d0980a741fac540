"""The four streams, declared in code. Their settings and reasons are those of docs/decisions/0003-bus.md."""

from __future__ import annotations

from dataclasses import dataclass

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

GIGABYTE = 1024**3
DAY = 24 * 3600.0


def _stream(name: str, subjects: list[str], *, size: int, age: float | None, about: str) -> StreamConfig:
    # discard new: a full stream refuses publishers, it never drops what nobody has read.
    return StreamConfig(
        name=name,
        description=about,
        subjects=subjects,
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=size,
        max_age=age or 0,
        max_msg_size=256 * 1024,
        duplicate_window=600,
        num_replicas=1,
        allow_direct=True,
        deny_delete=False,
        deny_purge=False,
    )


STREAMS: tuple[StreamConfig, ...] = (
    _stream("INTAKE", ["intake.*"], size=6 * GIGABYTE, age=None, about="What front-ends sent, not resolved yet"),
    _stream("FACTS", ["facts.>"], size=8 * GIGABYTE, age=None, about="What services tell about viewers"),
    _stream("THINGS", ["things.>"], size=1 * GIGABYTE, age=7 * DAY, about="What services tell about things"),
    _stream("TRIGGERS", ["triggers.>"], size=1 * GIGABYTE, age=None, about="What other systems ask of campaigns"),
)
"""INTAKE, FACTS and TRIGGERS shrink only by the trimmer, after all their readers have passed; THINGS by age."""


@dataclass(frozen=True)
class StreamState:
    """A stream as it stands: `created` names its incarnation, sequences start anew with each."""

    created: str
    messages: int
    bytes: int
    max_bytes: int
    last: int
