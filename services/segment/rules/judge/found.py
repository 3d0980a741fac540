"""Which events of a viewer a leaf asks about, found once per viewer and instant for all leaves that ask the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.segment.rules.judge.comparing import matcher, moving_matcher, soonest
from services.segment.rules.judge.viewer import Event, Viewer
from services.segment.schemas.rule import Where


@dataclass(slots=True)
class Found:
    """The events of a viewer that a leaf asks about, ascending by time."""

    events: Sequence[Event]
    times: Sequence[datetime]
    flips: datetime | None = None
    """When a filter that depends on the instant may next let others through."""
    columns: dict[Any, Sequence[Any]] = field(default_factory=dict)

    def column(self, key: Any, read: Callable[[Event], Any]) -> Sequence[Any]:
        """Something of every event, read once."""
        known = self.columns.get(key)
        if known is None:
            known = self.columns[key] = [read(one) for one in self.events]
        return known


class Matches:
    """Events of one name with these properties; leaves that ask about the same share one."""

    __slots__ = ("event", "moving", "still")

    def __init__(self, event: str, wheres: Sequence[Where]) -> None:
        self.event = event
        self.still = matcher(wheres)
        self.moving = moving_matcher(wheres)

    def find(self, viewer: Viewer, at: datetime, memo: dict[Any, Any]) -> Found:
        """Those of this viewer, those that lie ahead too."""
        found: Found | None = memo.get(self)
        if found is None:
            found = memo[self] = self._find(viewer, at)
        return found

    def _find(self, viewer: Viewer, at: datetime) -> Found:
        events = viewer.events.get(self.event, ())
        flips = None
        if self.still:
            still = self.still
            events = [one for one in events if still(one.properties)]
        if self.moving:
            moving = [(one, self.moving(one.properties, at)) for one in events]
            flips = soonest(change for _, (_, change) in moving)
            events = [one for one, (holds, _) in moving if holds]
        return Found(events, [one.time for one in events], flips)
