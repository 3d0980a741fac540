"""Viewers as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Happening:
    """An event of a viewer."""

    event: str
    time: datetime
    properties: dict[str, Any]
    event_id: str = ""


@dataclass(frozen=True)
class Person:
    """A viewer. `told` says of segments whether he was in when it was told last, and when that was."""

    traits: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[Happening] = ()
    tags: Mapping[str, float] = field(default_factory=dict)
    profile_id: int = 1
    scores: Mapping[str, float] = field(default_factory=dict)
    consent: Mapping[str, bool] = field(default_factory=dict)
    has: Sequence[str] = ()
    since: Mapping[str, datetime] = field(default_factory=dict)
    tag_since: Mapping[str, datetime] = field(default_factory=dict)
    consent_since: Mapping[str, datetime] = field(default_factory=dict)
    lists: Sequence[str] = ()
    told: Mapping[str, tuple[bool, datetime]] = field(default_factory=dict)
