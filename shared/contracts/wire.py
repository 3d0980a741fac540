"""What travels on the bus: facts and questions, and the one message shape that carries facts."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

import msgspec

PARTITIONS = 16
"""Partitions of INTAKE and FACTS, fixed at installation: changing it would reorder viewers."""

MESSAGE_BYTES = 128 * 1024
"""A message carries as many items as fit below this size (the server refuses 256 KB)."""


def partition(text: str) -> int:
    """The INTAKE partition of a viewer who is known only by what the client claims (`anonymousId`, else `userId`)."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) % PARTITIONS


def partition_of(profile_id: int) -> int:
    """The FACTS partition of a profile. Ids are dense, so the remainder spreads them evenly."""
    return profile_id % PARTITIONS


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, told once by its owner. Subclasses name their kind, owner and stream."""

    kind: ClassVar[str] = ""
    owner: ClassVar[str] = ""
    stream: ClassVar[str] = "FACTS"
    snapshot: ClassVar[bool] = False
    """Whether the owner serves the present state as pages of this same fact to services that come later."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request over NATS that waits for its answer. `subject` is `<service>.<question>`."""

    subject: ClassVar[str] = ""
    answer: ClassVar[type[msgspec.Struct]]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Many facts of one kind and one partition; `n` rises by one per (producer, part), 0 where not numbered."""

    id: str
    producer: str
    part: int
    n: int
    at: datetime
    trace: str
    kind: str
    items: msgspec.Raw


def subject(kind: str, stream: str, part: int) -> str:
    """The subject a message of this kind is published on."""
    if stream == "INTAKE":
        return f"intake.{part}"
    if stream == "THINGS":
        return f"things.{kind}"
    return f"facts.{part}.{kind}"


def join(items: Sequence[bytes]) -> bytes:
    """Already encoded items as one JSON array, without encoding them again."""
    return b"[" + b",".join(items) + b"]"
