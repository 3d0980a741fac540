"""What a service wants to hear."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared import outbox
from shared.contracts import Fact

AnyAction = Callable[[AsyncSession, list[Any]], Awaitable[object]]


@dataclass(frozen=True)
class On:
    """Call `action(session, items)` with facts of one type, in stream order.

    It may be called again with fewer items after it raised, and with a newcomer's snapshot when `catch_up` is set: an
    action is an idempotent write. A snapshot tells what is, not what is gone: where things can go, `forget(session)`
    drops what was known, in the transaction of the snapshot's first page. A service is ready once it has caught up with
    everything but what is `optional`: what it can serve without.
    """

    fact: type[Fact]
    action: AnyAction
    catch_up: bool = False
    optional: bool = False
    forget: Callable[[AsyncSession], Awaitable[object]] | None = None


class MissedFacts(Exception):
    """A producer's number jumped: what is missing must come from its snapshot."""

    def __init__(self, producer: str) -> None:
        super().__init__(producer)
        self.producer = producer


def catching_up(session: AsyncSession) -> bool:
    """Whether a newcomer's snapshot is being applied: it is the present state, not news."""
    return outbox.effects(session).catching_up
