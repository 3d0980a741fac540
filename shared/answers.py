"""Door for questions: what a service answers to others over NATS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts import Question

if TYPE_CHECKING:
    from shared.house import House


@dataclass(frozen=True)
class Answers:
    """Answer a question with `action(session, question)`, in one transaction."""

    question: type[Question]
    action: Callable[[AsyncSession, Any], Awaitable[msgspec.Struct]]


@dataclass(frozen=True)
class AnswersFromMemory:
    """Answer a question with `action(house, question)`, without a transaction of its own."""

    question: type[Question]
    action: Callable[[House, Any], Awaitable[msgspec.Struct]]


async def listen(house: House, door: Answers | AnswersFromMemory) -> None:
    """Start answering."""
    decoder = msgspec.json.Decoder(door.question)
    encoder = msgspec.json.Encoder()

    async def handle(payload: bytes) -> bytes:
        question = decoder.decode(payload)
        if isinstance(door, AnswersFromMemory):
            return encoder.encode(await door.action(house, question))
        async with house.db.transaction() as session:
            answer = await door.action(session, question)
        return encoder.encode(answer)

    subject = door.question.subject
    # What every service answers is asked of each by its name.
    await house.bus.answer(subject if "." in subject else f"{house.name}.{subject}", handle)
