"""Door: steps of its own, and long work."""

from __future__ import annotations

from services.profile.actions import erasures, following, imports, keys, leanings, plan, refused, tags, traits
from shared.jobs import Job
from shared.loops import Step

STEPS = (
    Step("erasures", erasures.carry_on, pause=1.0),
    Step("tracking plan", plan.tell_replicas, pause=60.0),
    Step("tags by rule", following.fill, pause=1.0),
    Step("tags by interests", leanings.refresh, pause=1.0),
)

JOBS = (
    Job(keys.REWRAP, keys.rewrap),
    refused.REPLAY,
    Job(imports.KIND, imports.step),
    Job(tags.ANEW, leanings.anew),
    Job(tags.RETELL, tags.retell),
    Job(tags.FORGET, tags.forget),
    Job(traits.RETELL, traits.retell),
)
