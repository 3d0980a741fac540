"""Shapes of addresses that nothing is sent to any more."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from services.campaign.schemas.words import Channel
from shared.schemas import Input, Instant, Output

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class SuppressionShown(Output):
    """An address that will never work: nobody can read it here, it is kept as a keyed hash."""

    id: str = Field(description="The hash, by which it can be lifted")
    channel: Channel
    reason: Literal["refused", "bounced"]
    at: datetime
    said: str | None = Field(description="The provider's words, addresses masked")
    message_id: int | None = Field(description="The message that showed it")
    campaign: str | None
    profile_id: int | None = Field(description="Whose message that was; null once he was erased")


class Lifting(Input):
    """What to lift on a channel: these ids, these addresses, or all since a moment (a server's mistake). Just one."""

    channel: Channel
    ids: list[Id] | None = Field(None, min_length=1, max_length=1000)
    addresses: list[Annotated[str, Field(min_length=1, max_length=500)]] | None = Field(
        None, min_length=1, max_length=1000
    )
    since: Instant | None = None

    @model_validator(mode="after")
    def _one(self) -> Lifting:
        if sum(one is not None for one in (self.ids, self.addresses, self.since)) != 1:
            raise ValueError("give exactly one of ids, addresses, since")
        return self


class Lifted(Output):
    """How many addresses may be sent to again."""

    lifted: int
