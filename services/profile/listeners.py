"""Door: what profile hears, what it answers, and the snapshots it offers."""

from __future__ import annotations

from services.profile.actions import (
    aggregates,
    consents,
    contacts,
    erasures,
    events,
    following,
    profiles,
    retentions,
    snapshots,
    turned,
)
from shared.answers import Answers
from shared.catchup import Offers
from shared.contracts import (
    ConsentSaid,
    ContactsAsked,
    EventReceived,
    EventRecorded,
    EventsRejected,
    IdentityLinked,
    ItemUpdated,
    ProfileUpdated,
    ResolveAsked,
    RetentionDefined,
    SegmentChanged,
    SegmentDefined,
    UsesAsked,
)
from shared.reader import On

LISTENERS = (
    On(EventReceived, events.hear),
    On(EventsRejected, turned.hear),
    On(ItemUpdated, aggregates.hear, catch_up=True, optional=True),
    On(SegmentDefined, following.hear, catch_up=True, optional=True),
    On(SegmentChanged, following.follow, catch_up=True, optional=True, forget=following.begin_again),
)

ANSWERS = (
    Answers(ContactsAsked, contacts.contacts),
    Answers(ConsentSaid, consents.said),
    Answers(ResolveAsked, profiles.resolve),
    Answers(UsesAsked, following.uses),
    *erasures.KEEPS.answers(),
)

SNAPSHOTS = (
    Offers(IdentityLinked, snapshots.links),
    Offers(ProfileUpdated, snapshots.profiles),
    Offers(EventRecorded, snapshots.recorded),
    Offers(RetentionDefined, retentions.snapshot),
)
