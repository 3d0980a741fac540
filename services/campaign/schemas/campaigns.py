"""Shapes of campaigns."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, model_validator

from services.campaign.schemas.content import Content, ContentShown
from services.campaign.schemas.manners import Conversion, Manners, QuietHours, Time
from services.campaign.schemas.words import BusName, CampaignState, Channel, Key, Line, MessageState, Ref, TriggerKind
from shared.schemas import Input, Output

LISTED = 10_000


class Audience(Input):
    """Who a manual campaign writes to: the members of a segment at the moment it starts, or a list of viewers.

    With neither, a campaign that has a list keeps it.
    """

    segment: Key | None = None
    list_: list[Ref] | None = Field(
        None, alias="list", min_length=1, max_length=LISTED, description="Profile ids or namespace:value"
    )

    @model_validator(mode="after")
    def _one(self) -> Audience:
        if self.segment is not None and self.list_ is not None:
            raise ValueError("give exactly one of segment, list")
        return self


class Trigger(Input):
    """What makes the campaign write to somebody: exactly one of the five. `manual` waits for its operator."""

    segment_entered: Key | None = None
    segment_left: Key | None = None
    event: Line | None = None
    bus: BusName | None = None
    manual: Audience | None = None

    @model_validator(mode="after")
    def _one(self) -> Trigger:
        if len(self.model_fields_set) != 1 or not any(
            (self.segment_entered, self.segment_left, self.event, self.bus, self.manual)
        ):
            raise ValueError("give exactly one of segment_entered, segment_left, event, bus, manual")
        return self

    @property
    def kind(self) -> TriggerKind:
        """Which of the five."""
        if self.manual is not None:
            return "manual"
        if self.segment_entered is not None:
            return "segment_entered"
        if self.segment_left is not None:
            return "segment_left"
        return "event" if self.event is not None else "bus"

    @property
    def name(self) -> str:
        """The segment's key, the event's name, the bus name, or for a list nothing."""
        if self.manual is not None:
            return self.manual.segment or ""
        return str(self.segment_entered or self.segment_left or self.event or self.bus)

    @property
    def listed(self) -> list[str]:
        """The refs of a list."""
        return (self.manual.list_ or []) if self.manual is not None else []

    @property
    def keeps_list(self) -> bool:
        """Whether the campaign's present list stays."""
        return self.manual is not None and self.manual.segment is None and self.manual.list_ is None


class CampaignInput(Manners):
    """The whole of a campaign; a PUT with a change makes a new version, and takes an approval back."""

    name: Line
    trigger: Trigger
    channel: Channel
    content: Content

    @model_validator(mode="after")
    def _together(self) -> CampaignInput:
        if self.time is not None and self.trigger.manual is None:
            raise ValueError("time is for manual campaigns: the others send when they are triggered")
        texts = [self.content, *self.content.variants]
        if self.channel in ("email", "push", "inbox") and any(one.subject is None for one in texts):
            raise ValueError(f"content.subject is needed for {self.channel}, in every variant")
        if self.channel == "sms" and any(one.subject is not None for one in texts):
            raise ValueError("content.subject: an SMS has none")
        if self.channel != "email" and any(one.html is not None for one in texts):
            raise ValueError("content.html is for e-mail only")
        if self.channel not in ("push", "inbox") and any(one.link is not None for one in texts):
            raise ValueError("content.link is for push and inbox only")
        return self


class AudienceShown(Output):
    """Who a manual campaign writes to; of a list only its length."""

    segment: str | None = None
    list_length: int | None = None


class TriggerShown(Output):
    """The one trigger."""

    segment_entered: str | None = None
    segment_left: str | None = None
    event: str | None = None
    bus: str | None = None
    manual: AudienceShown | None = None


class Planning(Output):
    """How far a manual campaign is with giving each viewer his row."""

    done: bool
    planned: int
    unknown: int = Field(description="Refs of the list that no profile answered to")
    begins_at: datetime | None = Field(None, description="While it waits for its time: when it begins")
    waits_for: str | None = Field(
        None,
        description="Why it cannot go on: segment_filling, segment_unknown, segment_archived, segment_unreachable,"
        " profile_unreachable; it is tried again every few seconds",
    )


class Listed(Output):
    """One viewer of a campaign's list, as he was named."""

    place: int
    ref: str = Field(description="A profile id or namespace:value; contact data is masked")


class CampaignShown(Output):
    """A campaign without its figures."""

    key: str
    name: str
    state: CampaignState
    version: int
    trigger: TriggerShown
    channel: Channel
    content: ContentShown
    time: Time | None
    quiet_hours: QuietHours | str | None
    rate: float | None
    transactional: bool
    holdout: float
    conversion: Conversion | None
    tracking: bool
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    submitted_by: str | None
    approved_at: datetime | None
    approved_by: str | None
    note: str | None = Field(description="What was said when it was sent back")
    started_at: datetime | None
    started_by: str | None
    finished_at: datetime | None
    ended_by: str | None = Field(description="Who cancelled or archived it; null when it ended by itself")
    planning: Planning | None = Field(description="Of a manual campaign that was started")


class Delivery(Output):
    """Whether messages can leave at all, and if not, why."""

    ready: bool
    reason: str | None


class CampaignFull(CampaignShown):
    """A campaign with the number of messages in each state (every state is there), and what holds messages back."""

    messages: dict[MessageState, int]
    reasons: dict[str, int]
    """Messages by their one reason, for every message that has one."""
    delivery: Delivery


class Rejection(Input):
    """Why a submitted campaign goes back to its draft."""

    note: Line
