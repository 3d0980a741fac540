"""How true segments are: up to when everything that viewers did has been taken in, by profile and then here."""

from __future__ import annotations

from services.segment.memory import Memory
from shared.contracts import TakenInAnswered, TakenInAsked
from shared.house import House

SECONDS = 2.0
"""Profile's time to say it."""


async def measure(house: House) -> bool:
    """Note it for whoever asks. While it cannot be measured, that grows old.

    Raises BusDown, CatchingUp.
    """
    memory = house.memory
    assert isinstance(memory, Memory)
    here = await house.freshness.measure()
    profile = await house.bus.ask(TakenInAsked(), TakenInAnswered, to="profile", timeout=SECONDS)
    memory.truth.note(min(here, profile.at))
    return False
