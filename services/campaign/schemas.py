"""Shapes at campaign's HTTP door."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.schemas import Input, Output

TriggerKind = Literal["segment_entered", "segment_left", "event", "bus"]
CampaignState = Literal["draft", "running", "paused", "archived"]
MessageState = Literal["planned", "claimed", "calling", "accepted", "failed", "skipped", "unknown"]
TEMPLATE_LENGTH = 64 * 1024


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a NUL character cannot be stored")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair cannot be stored") from None
    return text


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_storable)]
Template = Annotated[str, StringConstraints(min_length=1, max_length=TEMPLATE_LENGTH), AfterValidator(_storable)]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
"""An operator's handle, as it stands in paths."""
BusName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
"""What follows `triggers.` in the subject."""


class Trigger(Input):
    """What makes the campaign write to somebody: exactly one of the four."""

    segment_entered: Key | None = None
    segment_left: Key | None = None
    event: Line | None = None
    bus: BusName | None = None

    @model_validator(mode="after")
    def _one(self) -> Trigger:
        if len(self.model_fields_set) != 1 or self.name is None:
            raise ValueError("give exactly one of segment_entered, segment_left, event, bus")
        return self

    @property
    def kind(self) -> TriggerKind:
        """Which of the four."""
        if self.segment_entered is not None:
            return "segment_entered"
        if self.segment_left is not None:
            return "segment_left"
        return "event" if self.event is not None else "bus"

    @property
    def name(self) -> str | None:
        """The segment's key, the event's name or the bus name."""
        return self.segment_entered or self.segment_left or self.event or self.bus


class Content(Input):
    """Liquid templates. They know `profile.traits`, `campaign` and, by trigger, `segment`, `event` or `trigger`.

    What viewers write (comments, danmaku, messages) and contact data never come here: `event.properties` is without
    them, and a template that shows them shows a missing value.
    """

    subject: Annotated[Template, StringConstraints(max_length=1000)]
    body: Template
    html: Template | None = None
    missing: Literal["blank", "skip"] = "blank"
    """What a value that somebody lacks does: it is left blank, or he gets no message (its reason names the value)."""


class CampaignInput(Input):
    """The whole of a campaign; a PUT with a change makes a new version."""

    name: Line
    trigger: Trigger
    channel: Literal["email"]
    content: Content


class TriggerShown(Output):
    """The one trigger."""

    segment_entered: str | None = None
    segment_left: str | None = None
    event: str | None = None
    bus: str | None = None


class ContentShown(Output):
    """The templates of the present version."""

    subject: str
    body: str
    html: str | None
    missing: str


class CampaignShown(Output):
    """A campaign without its figures."""

    key: str
    name: str
    state: CampaignState
    version: int
    trigger: TriggerShown
    channel: str
    content: ContentShown
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None


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


class MessageShown(Output):
    """One message. `reason` is a short word, `detail` says more (an SMTP server's answer, the fault of a template)."""

    id: int
    profile_id: int
    version: int
    step: str
    occasion: str
    state: MessageState
    reason: str | None
    detail: str | None
    attempts: int
    planned_at: datetime
    due_at: datetime
    called_at: datetime | None
    finished_at: datetime | None


class TriggerLog(Output):
    """A bus trigger as it came in, with what became of it."""

    id: int
    trigger_id: str
    at: datetime
    state: Literal["waiting", "planned", "ignored", "failed"]
    reason: str | None
    recipients: int
    unresolved: list[str] = Field(default_factory=list)
    """Refs that no profile answered to."""


class MessageDay(Output):
    """One day: messages that ended on it, by state."""

    day: date
    states: dict[MessageState, int]


class MessageDays(Output):
    """Messages by day, the oldest first; today is not over."""

    zone: str
    days: list[MessageDay]
