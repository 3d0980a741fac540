"""Door: what the clock calls."""

from __future__ import annotations

from services.profile.actions import (
    birthdays,
    event_types,
    exports,
    imports,
    quality,
    refused,
    retentions,
    search,
    tags,
)
from shared.clock import Every

TIMERS = (
    Every(2.0, search.refresh, "search"),
    Every(1.0, tags.expire, "tags that end", again=True),
    Every(600.0, refused.forget, "refused events"),
    Every(3600.0, event_types.forget, "violations"),
    Every(3600.0, imports.forget, "imports"),
    Every(3600.0, exports.forget, "exports"),
    Every(5.0, retentions.expire, "retention", again=True),
    Every(60.0, birthdays.celebrate, "birthdays", again=True),
    Every(10.0, quality.fold, "quality counts"),
    Every(300.0, quality.snapshot, "quality"),
)
