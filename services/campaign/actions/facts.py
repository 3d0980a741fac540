"""What campaign tells of a message."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from services.campaign.store import Record
from shared.contracts import MessageFact

F = TypeVar("F", bound=MessageFact)


def of(kind: type[F], message: Record, at: datetime, *, campaign: Record | None = None, reason: str | None = None) -> F:
    """A fact about a message, whose row has its campaign's key and channel unless `campaign` is given."""
    its = campaign or message
    return kind(
        message_id=message.id,
        campaign=its.key,
        step=message.step,
        profile_id=message.profile_id,
        channel=its.channel,
        occasion=message.occasion,
        reason=reason,
        at=at,
    )
