"""Door for work that must not hold one transaction: looking after the warehouse."""

from __future__ import annotations

from services.segment.actions import warehouse
from shared.loops import Step

STEPS = (Step("warehouse", warehouse.keep, pause=30.0),)
