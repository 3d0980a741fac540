"""Door for work that must not hold one transaction: resolving triggers, planning, sending, calling off."""

from __future__ import annotations

from services.campaign.steps.plan import plan
from services.campaign.steps.resolve import resolve
from services.campaign.steps.send import send
from services.campaign.steps.withdraw import withdraw
from shared.loops import Step

STEPS = (Step("resolve", resolve), Step("plan", plan), Step("send", send), Step("withdraw", withdraw, 0.5))
