"""Door for work that must not hold one transaction: looking after the warehouse, and how true everything is."""

from __future__ import annotations

from services.segment.actions import truth, warehouse
from shared.loops import Step

STEPS = (Step("warehouse", warehouse.keep, pause=30.0), Step("truth", truth.measure, pause=0.5))
