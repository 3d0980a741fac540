"""Door: steps of its own, and long work."""

from __future__ import annotations

from services.profile.actions import following, imports, plan, refused, tags, traits
from shared.jobs import Job
from shared.loops import Step

STEPS = (
    Step("tracking plan", plan.tell_replicas, pause=60.0),
    Step("tags by rule", following.fill, pause=1.0),
)

JOBS = (
    refused.REPLAY,
    Job(imports.KIND, imports.step),
    Job(tags.RETELL, tags.retell),
    Job(tags.FORGET, tags.forget),
    Job(traits.RETELL, traits.retell),
)
