"""Door for work that must not hold one transaction: resolving triggers, planning, and sending."""

from __future__ import annotations

from services.campaign.steps.plan import plan
from services.campaign.steps.resolve import resolve
from services.campaign.steps.send import send
from shared.loops import Step

STEPS = (Step("resolve", resolve), Step("plan", plan), Step("send", send))
