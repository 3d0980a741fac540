"""Options of segment: none beyond those of every process."""

from __future__ import annotations

from shared.settings import Settings as Common


class Settings(Common):
    """What segment needs."""
