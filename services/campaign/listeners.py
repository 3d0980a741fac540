"""Door for messages: what makes a campaign write to somebody."""

from __future__ import annotations

from services.campaign.actions import erasure, messages, moves, triggers
from shared.contracts import EventRecorded, ProfileErased, ProfileMerged, ProfileSplit, SegmentChanged, TriggerReceived
from shared.reader import On

# None of them catches up: a snapshot is the present state, and campaigns react to news only.
LISTENERS = (
    On(SegmentChanged, messages.on_segment, catch_up=False),
    On(EventRecorded, messages.on_event, catch_up=False),
    On(ProfileMerged, moves.merge, catch_up=False),
    On(ProfileSplit, moves.split, catch_up=False),
    On(ProfileErased, erasure.KEEPS.listener(), catch_up=False),
    On(TriggerReceived, triggers.keep, catch_up=False),
)
