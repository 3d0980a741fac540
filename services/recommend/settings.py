"""Options of recommend."""

from __future__ import annotations

from pydantic import Field

from shared.settings import Settings as Common


class Settings(Common):
    """What recommend needs beyond every process."""

    viewers_in_memory: int = Field(100_000, gt=0)
    """Identities whose profile and segments the process remembers, about 1 KB each."""
    viewers_max_age: float = Field(60.0, gt=0)
    """Seconds after which an identity is read again even if no change was heard."""
    decisions_waiting: int = Field(20_000, gt=0)
    """Requests that may wait to be logged; beyond, log lines are dropped and counted."""
    decisions_days: int = Field(90, gt=0)
    """Days the decision log is kept."""
