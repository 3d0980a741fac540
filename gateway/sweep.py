"""Overwriting what streams still carry of a viewer who was forgotten."""

from __future__ import annotations

from gateway import actions
from gateway.rules import trim
from shared.bus import Pull
from shared.contracts import READERS, SweepAnswered, SweepAsked
from shared.house import House

STREAMS = ("INTAKE", "FACTS", "TRIGGERS")
"""Streams that speak of viewers; THINGS does not."""

AT_ONCE = 500


async def sweep(house: House, asked: SweepAsked) -> SweepAnswered:
    """Remove every message that carries one of the words and that all its readers have passed; count the others.

    A stream shrinks behind its readers (`steps.trim`), so there is little to look through.
    """
    words = [word.encode() for word in asked.words if word]
    async with house.db.transaction() as session:
        positions = await actions.positions(session)
    removed: dict[str, int] = {}
    standing: dict[str, int] = {}
    for stream in STREAMS:
        state = await house.bus.state(stream)
        passed = trim.passed(stream, state.created, READERS[stream], positions)
        removed[stream] = standing[stream] = 0
        subjects = {part: trim.subject(stream, part) for part in passed}
        for sequence, subject in await _carrying(house, stream, words, state.last):
            part = next((one for one, its in subjects.items() if _is_of(subject, its)), None)
            if part is not None and sequence <= passed[part]:
                await house.bus.erase(stream, sequence)
                removed[stream] += 1
            else:
                standing[stream] += 1
    return SweepAnswered(removed=removed, standing=standing)


def _is_of(subject: str, pattern: str) -> bool:
    return subject == pattern or (pattern.endswith(">") and subject.startswith(pattern[:-1]))


async def _carrying(house: House, stream: str, words: list[bytes], last: int) -> list[tuple[int, str]]:
    """Sequence and subject of each message that carries one of the words."""
    found: list[tuple[int, str]] = []
    if last == 0 or not words:
        return found
    pull = Pull(house.bus, stream, [f"{stream.lower()}.>"], 1)
    await pull.open()
    try:
        pending = 1
        while pending > 0:
            batch = await pull.batch(AT_ONCE)
            found += [(one.sequence, one.subject) for one in batch if any(word in one.data for word in words)]
            pending = batch[-1].pending if batch else 0
    finally:
        await pull.close()
    return found
