"""Door for messages."""

from __future__ import annotations

from services.segment.actions import live
from shared.contracts import EventRecorded, ProfileUpdated
from shared.reader import On

LISTENERS = (
    On(EventRecorded, live.absorb_events, catch_up=True),
    On(ProfileUpdated, live.absorb_profiles, catch_up=True),
)
