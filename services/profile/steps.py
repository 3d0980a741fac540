"""Door: steps of its own, and long work."""

from __future__ import annotations

from services.profile.actions import imports, plan, refused
from shared.jobs import Job
from shared.loops import Step

STEPS = (Step("tracking plan", plan.tell_replicas, pause=60.0),)

JOBS = (refused.REPLAY, Job(imports.KIND, imports.step))
