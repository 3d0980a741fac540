"""Dead letters: what could not be taken in because of its content, with the reason."""

from __future__ import annotations

from typing import Any

import msgspec
from prometheus_client import Counter
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock
from shared.contracts import Fact
from shared.reader.applying import Apply
from shared.reader.decoding import Heard
from shared.tables import dead_letters

DEAD = Counter("marquee_dead_letters", "Facts that could not be taken in because of their content", ["stream", "kind"])


async def salvage(session: AsyncSession, apply: Apply, stream: str, kind: str, run: list[Heard]) -> None:
    """Take in what can be taken in of a run of one kind; the rest becomes dead letters with their reasons."""
    lines: list[dict[str, Any]] = []
    sources: dict[int, Heard] = {}
    items: list[Fact] = []
    for message in run:
        lines += [_line(stream, message, payload, reason) for payload, reason in message.bad]
        for item in message.items:
            sources[id(item)] = message
            items.append(item)
    if items:
        for item, error in await apply.salvage(session, kind, items):
            lines.append(_line(stream, sources[id(item)], msgspec.json.encode([item]), error))
    if lines:
        DEAD.labels(stream, kind).inc(len(lines))
        await session.execute(insert(dead_letters), lines)


def _line(stream: str, message: Heard, payload: bytes, error: str) -> dict[str, Any]:
    return {
        "stream": stream,
        "part": message.part,
        "sequence": message.sequence,
        "kind": message.kind.replace("\x00", "\ufffd"),
        "payload": payload,
        "error": error,
        "trace": message.trace.replace("\x00", "\ufffd"),
        "at": clock.now(),
    }
