"""Outcomes: all that follows from what the providers did with a set of messages, in one transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.actions import messages, outgoing
from services.campaign.actions.messages import Claim
from services.campaign.outside.parcels import Parcel
from services.campaign.store.manners import Gone
from services.campaign.store.messages import Result


@dataclass
class Outcomes:
    """What became of messages of one claim.

    `at` is when they were marked as being sent: places within the cap were taken at that instant. `unsent` were surely
    not sent: those places and the ones within the campaign's rate are free again. `gone` are addresses that will never
    work. `kept` go to no provider: they stay in the `sink` or the `inbox`.
    """

    claim: Claim
    at: datetime
    results: dict[int, Result] = field(default_factory=dict)
    unsent: set[int] = field(default_factory=set)
    gone: dict[int, Gone] = field(default_factory=dict)
    kept: dict[int, tuple[Parcel, str]] = field(default_factory=dict)

    def part(self, ids: Collection[int]) -> Outcomes:
        """Those of these messages."""
        return Outcomes(
            self.claim,
            self.at,
            {id: one for id, one in self.results.items() if id in ids},
            self.unsent & set(ids),
            {id: one for id, one in self.gone.items() if id in ids},
            {id: one for id, one in self.kept.items() if id in ids},
        )


async def settle(session: AsyncSession, outcomes: Outcomes) -> None:
    """Write them down for the messages that are still this claim's."""
    results = list(outcomes.results.values())
    viewers = await messages.settle(session, outcomes.claim.token, results, outcomes.unsent, outcomes.at)
    # The row says whose it is: its viewer may be part of another one by now, or erased, and then nothing is kept.
    kept = [
        (id, viewers[id], parcel, where) for id, (parcel, where) in outcomes.kept.items() if viewers.get(id, -1) > 0
    ]
    await outgoing.keep(session, kept)
    await outgoing.suppress(session, [outcomes.gone[id] for id in sorted(outcomes.gone) if viewers.get(id, -1) > 0])
    await messages.unpace(session, outcomes.claim, outcomes.unsent)
