"""Door: steps of its own, and long work."""

from __future__ import annotations

from services.profile.actions import plan, refused
from shared.loops import Step

STEPS = (Step("tracking plan", plan.tell_replicas, pause=60.0),)

JOBS = (refused.REPLAY,)
