"""Door for messages."""

from __future__ import annotations

from services.segment.actions import erasure, live, moves, retention
from shared.contracts import EventRecorded, ProfileErased, ProfileMerged, ProfileSplit, ProfileUpdated, RetentionDefined
from shared.reader import On

LISTENERS = (
    On(EventRecorded, live.absorb_events, catch_up=True),
    On(ProfileUpdated, live.absorb_profiles, catch_up=True),
    On(ProfileMerged, moves.merge),
    On(ProfileSplit, moves.split),
    On(ProfileErased, erasure.KEEPS.listener()),
    On(RetentionDefined, retention.heed, catch_up=True, optional=True, forget=retention.begin_again),
)
