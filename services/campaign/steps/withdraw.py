"""Skipping what campaigns that are over had planned, one bounded set after the other."""

from __future__ import annotations

from services.campaign.actions import withdrawals
from shared.house import House


async def withdraw(house: House) -> bool:
    """Skip one set."""
    async with house.db.transaction() as session:
        return await withdrawals.more(session)
