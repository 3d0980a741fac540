"""Questions about one viewer that every service answers for its own part, so that all stand on one page."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from shared.contracts.wire import Question


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """A segment a viewer is in, since when, and why."""

    key: str
    name: str
    since: datetime
    cause: str


class MembershipsAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """The segments, by key, and the scores that rules ask about, by name."""

    segments: list[Membership]
    scores: dict[str, float] = msgspec.field(default_factory=dict)


class MembershipsAsked(Question, frozen=True, kw_only=True):
    """Which segments is this viewer in, and how is he scored?"""

    subject: ClassVar[str] = "segment.viewer"
    answer: ClassVar[type[msgspec.Struct]] = MembershipsAnswered

    profile_id: int


class MessageNoted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one message of a campaign."""

    message_id: int
    campaign: str
    name: str
    channel: str
    occasion: str
    state: str
    reason: str | None = None
    planned_at: datetime
    finished_at: datetime | None = None


class MessagesAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """The messages, the newest first."""

    messages: list[MessageNoted]


class MessagesAsked(Question, frozen=True, kw_only=True):
    """What was this viewer sent, or will be? The last `limit` messages, at most 200."""

    subject: ClassVar[str] = "campaign.viewer"
    answer: ClassVar[type[msgspec.Struct]] = MessagesAnswered

    profile_id: int
    limit: int = 20


class BannerNoted(msgspec.Struct, frozen=True, kw_only=True):
    """A decision for one placement: the creative that was shown, or none, and why."""

    decision_id: str
    at: datetime
    placement: str
    creative: str | None = None
    reason: str


class BannersAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions, the newest first."""

    banners: list[BannerNoted]


class BannersAsked(Question, frozen=True, kw_only=True):
    """What was this viewer shown? The decisions of his last `limit` requests, at most 200."""

    subject: ClassVar[str] = "recommend.viewer"
    answer: ClassVar[type[msgspec.Struct]] = BannersAnswered

    profile_id: int
    limit: int = 20
