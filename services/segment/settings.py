"""Options of segment, read from the environment (prefix `MARQUEE_`)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from shared.settings import Settings as Common


class Settings(Common):
    """What segment needs."""

    data: Path = Path(".data")
    """The installation's folder; the warehouse's file lies in `segment` below it. It may be lost: it is built anew."""
    log_days: int = Field(400, ge=1)
    """Days that the log of who entered and left is kept; members as of an earlier day cannot be told."""
    warehouse_memory: int = Field(1024, ge=64)
    """MB that the warehouse's process may use for questions; larger ones go to disk where they can."""
    warehouse_threads: int = Field(2, ge=1, le=256)
    """Processors that one question may use."""
    warehouse_waiting: int = Field(16, ge=1)
    """Questions that may wait for the warehouse; more are refused."""
    warehouse_rewrite_minutes: int = Field(60, ge=1)
    """Minutes after which what was forgotten has left the warehouse's file, too: it is written anew for that."""
