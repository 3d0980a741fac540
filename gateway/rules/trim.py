"""What may be purged from a stream: what every expected reader has passed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ALARM = 0.7
"""A stream this full means that a reader is far behind."""


@dataclass(frozen=True)
class Position:
    """A reader has taken in this partition of a stream up to and including `sequence`."""

    service: str
    stream: str
    part: int
    created: str
    sequence: int


def passed(stream: str, created: str, expected: Sequence[str], positions: Iterable[Position]) -> dict[int, int]:
    """Per partition the sequence that all expected readers have passed; no entry where one of them has not reported.

    Positions of another incarnation of the stream (`created`) say nothing about this one.
    """
    told: dict[int, dict[str, int]] = {}
    for position in positions:
        if position.stream == stream and position.created == created and position.service in expected:
            told.setdefault(position.part, {})[position.service] = position.sequence
    return {
        part: min(by_service.values())
        for part, by_service in told.items()
        if expected and set(by_service) == set(expected) and min(by_service.values()) > 0
    }


def subject(stream: str, part: int) -> str:
    """The subjects of one partition of a stream."""
    if stream == "INTAKE":
        return f"intake.{part}"
    if stream == "FACTS":
        return f"facts.{part}.>"
    return f"{stream.lower()}.>"
