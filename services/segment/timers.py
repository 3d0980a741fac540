"""Door for the clock, and for long work."""

from __future__ import annotations

from services.segment.actions import filling, lists, retention, timed, warehouse
from shared.clock import Every
from shared.jobs import Job

TIMERS = (
    Every(1, timed.transitions, name="transitions", again=True),
    Every(30, timed.tidy, name="tidy tallies"),
    Every(10, timed.note, name="latest moves", again=True),
    Every(3600, lists.forget, name="forget uploads"),
    Every(5, retention.expire, name="retention", again=True),
    Every(3600, warehouse.tidy, name="tidy graves"),
)
JOBS = (
    Job(filling.FILL, filling.step, ahead=filling.ask),
    # Of its own: a file of some thousand lines must not wait for a recompute of every segment.
    Job(lists.LIST, lists.step, lane="lists"),
)
