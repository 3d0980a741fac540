"""SQL of messages: planning, claiming, calling, recording. Sets, never row by row."""

from services.campaign.store.messages.claims import (
    Ready,
    Result,
    Wanted,
    call,
    claim,
    doubt,
    settle,
    trigger_data,
    unclaim,
)
from services.campaign.store.messages.facts import TOLD, told
from services.campaign.store.messages.planned import STEP, Recipient, plan, withdraw
from services.campaign.store.messages.shown import by_day, is_open, of_viewer, page

__all__ = [
    "STEP",
    "TOLD",
    "Ready",
    "Recipient",
    "Result",
    "Wanted",
    "by_day",
    "call",
    "claim",
    "doubt",
    "is_open",
    "of_viewer",
    "page",
    "plan",
    "settle",
    "told",
    "trigger_data",
    "unclaim",
    "withdraw",
]
