"""Door for the clock: what recommend does by itself."""

from __future__ import annotations

from services.recommend.actions import decisions, news, placements, recommendations
from shared.clock import Every
from shared.loops import Step

TIMERS = (Every(3600, decisions.expire, name="expire decisions"),)

STEPS = (
    Step("write decisions", decisions.write, pause=0.5),
    Step("broadcast news", news.broadcast, pause=0.05),
    Step("rank items", recommendations.refresh, pause=1.0),
    Step("load placements", placements.refresh, pause=30.0),
)
