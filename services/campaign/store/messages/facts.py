"""What facts about messages need of their rows."""

from __future__ import annotations

from sqlalchemy import (
    Update,
)

from services.campaign.tables import campaigns, contents, messages

TOLD = (
    messages.c.id,
    messages.c.profile_id,
    messages.c.step,
    messages.c.occasion,
    messages.c.state,
    messages.c.reason,
    messages.c.detail,
    campaigns.c.key,
    contents.c.channel,
)
"""What a fact about a message needs."""


def told(statement: Update) -> Update:
    """Bring the campaign's key and channel into reach of `returning(*TOLD)`."""
    return statement.where(
        campaigns.c.id == messages.c.campaign_id,
        contents.c.campaign_id == messages.c.campaign_id,
        contents.c.version == messages.c.version,
    )
