"""The shared words: what services tell and ask each other. Pure shapes that import nothing else of the house."""

from shared.contracts.asks import (
    Contact,
    ContactsAnswered,
    ContactsAsked,
    CreativeShown,
    DecideAnswered,
    DecideAsked,
    Decision,
    MembersAnswered,
    MembersAsked,
    RecommendAnswered,
    RecommendAsked,
    Recommended,
    ResolveAnswered,
    ResolveAsked,
    SnapshotAsked,
    SnapshotPage,
)
from shared.contracts.campaigns import MessageFailed, MessagePlanned, MessageSent
from shared.contracts.events import EventReceived, EventRecorded
from shared.contracts.names import EVENTS, PATHS, READERS, ROLES, SERVICES
from shared.contracts.profiles import IdentityLinked, ProfileMerged, ProfileSplit, ProfileUpdated
from shared.contracts.recommends import DecisionMade, ItemUpdated
from shared.contracts.segments import Cause, SegmentChanged, SegmentDefined
from shared.contracts.triggers import TriggerReceived
from shared.contracts.viewers import (
    BannerNoted,
    BannersAnswered,
    BannersAsked,
    Membership,
    MembershipsAnswered,
    MembershipsAsked,
    MessageNoted,
    MessagesAnswered,
    MessagesAsked,
)
from shared.contracts.wire import MESSAGE_BYTES, PARTITIONS, Fact, Message, Question, partition, partition_of, subject

FACTS: tuple[type[Fact], ...] = (
    EventReceived,
    EventRecorded,
    ProfileUpdated,
    IdentityLinked,
    ProfileMerged,
    ProfileSplit,
    SegmentChanged,
    SegmentDefined,
    MessagePlanned,
    MessageSent,
    MessageFailed,
    ItemUpdated,
    DecisionMade,
    TriggerReceived,
)
"""Every fact of the house, each with a frozen schema in `schemas/`."""

QUESTIONS: tuple[type[Question], ...] = (
    ContactsAsked,
    ResolveAsked,
    DecideAsked,
    RecommendAsked,
    SnapshotAsked,
    MembersAsked,
    MembershipsAsked,
    MessagesAsked,
    BannersAsked,
)
"""Every question of the house."""

__all__ = [
    "EVENTS",
    "FACTS",
    "MESSAGE_BYTES",
    "PARTITIONS",
    "PATHS",
    "QUESTIONS",
    "READERS",
    "ROLES",
    "SERVICES",
    "BannerNoted",
    "BannersAnswered",
    "BannersAsked",
    "Cause",
    "Contact",
    "ContactsAnswered",
    "ContactsAsked",
    "CreativeShown",
    "DecideAnswered",
    "DecideAsked",
    "Decision",
    "DecisionMade",
    "EventReceived",
    "EventRecorded",
    "Fact",
    "IdentityLinked",
    "ItemUpdated",
    "MembersAnswered",
    "MembersAsked",
    "Membership",
    "MembershipsAnswered",
    "MembershipsAsked",
    "Message",
    "MessageFailed",
    "MessageNoted",
    "MessagePlanned",
    "MessageSent",
    "MessagesAnswered",
    "MessagesAsked",
    "ProfileMerged",
    "ProfileSplit",
    "ProfileUpdated",
    "Question",
    "RecommendAnswered",
    "RecommendAsked",
    "Recommended",
    "ResolveAnswered",
    "ResolveAsked",
    "SegmentChanged",
    "SegmentDefined",
    "SnapshotAsked",
    "SnapshotPage",
    "TriggerReceived",
    "partition",
    "partition_of",
    "subject",
]
