"""Door for messages."""

from __future__ import annotations

from services.segment.actions import erasure, live, moves
from shared.contracts import EventRecorded, ProfileErased, ProfileMerged, ProfileSplit, ProfileUpdated
from shared.reader import On

LISTENERS = (
    On(EventRecorded, live.absorb_events, catch_up=True),
    On(ProfileUpdated, live.absorb_profiles, catch_up=True),
    On(ProfileMerged, moves.merge),
    On(ProfileSplit, moves.split),
    On(ProfileErased, erasure.KEEPS.listener()),
)
