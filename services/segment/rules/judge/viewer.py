"""What is known of a viewer when he is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple


class Event(NamedTuple):
    """Something he did."""

    time: datetime
    event_id: str
    properties: Mapping[str, Any]


@dataclass(slots=True)
class Viewer:
    """One viewer: what profile told of him, and the events that his segments ask about.

    Times are UTC. `since`, `tag_since` and `consent_since` may hold RFC 3339 text, as JSON columns do. `events` are by
    name (under `*` those of every name, where a rule asks that), each list ascending by time and then by event_id (as
    code points: COLLATE "C"). `lists` says of each static
    segment that is asked about whether he is in it. `entered` says of segments what was told last, and when: whether he
    was in, and the instant; a segment that never told anything of him is not there.
    """

    profile_id: int
    traits: Mapping[str, Any] = field(default_factory=dict)
    since: Mapping[str, str | datetime] = field(default_factory=dict)
    tags: Mapping[str, float] = field(default_factory=dict)
    tag_since: Mapping[str, str | datetime] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    consent: Mapping[str, bool] = field(default_factory=dict)
    consent_since: Mapping[str, str | datetime] = field(default_factory=dict)
    has: frozenset[str] = frozenset()
    events: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    lists: Mapping[str, bool] = field(default_factory=dict)
    entered: dict[str, tuple[bool, datetime]] = field(default_factory=dict)


def moment(said: str | datetime) -> datetime:
    """An instant of `since`, however it is kept."""
    return said if isinstance(said, datetime) else datetime.fromisoformat(said)
