"""Door for messages: what recommend hears."""

from __future__ import annotations

from services.recommend.actions import erasure, events, viewers
from shared.contracts import EventRecorded, IdentityLinked, ProfileErased, ProfileUpdated, SegmentChanged
from shared.reader import On

LISTENERS = (
    On(IdentityLinked, viewers.link, catch_up=True),
    On(SegmentChanged, viewers.move, catch_up=True, forget=viewers.forget_members),
    On(ProfileUpdated, viewers.choose, catch_up=True),
    On(ProfileErased, erasure.KEEPS.listener()),
    # Sums are no idempotent write, so they take each event from the stream, once, and no snapshot.
    On(EventRecorded, events.absorb),
)
