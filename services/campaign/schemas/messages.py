"""Shapes of messages, triggers and what would have been sent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from services.campaign.schemas.words import Channel, MessageState
from shared.schemas import Input, Instant, Output


class MessageShown(Output):
    """One message. `reason` is a short word, `detail` says more (an SMTP server's answer, the fault of a template).

    A planned message with a reason waits for it: `quiet_hours`, `local_time`, `try_later`, `smtp_unreachable`.
    """

    id: int
    profile_id: int
    version: int
    step: str
    occasion: str
    state: MessageState
    reason: str | None
    detail: str | None
    attempts: int
    variant: str | None
    planned_at: datetime
    due_at: datetime
    called_at: datetime | None
    finished_at: datetime | None
    bounced_at: datetime | None
    opened_at: datetime | None
    machine_opened_at: datetime | None
    clicked_at: datetime | None
    machine_clicked_at: datetime | None = Field(description="When a program last followed a link of it by itself")
    converted_at: datetime | None
    value: float | None = Field(description="What his conversions are worth together")
    unsubscribed_at: datetime | None


class MessageOfViewer(MessageShown):
    """A message with its campaign."""

    campaign: str
    name: str
    channel: Channel


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
    so_far: dict[MessageState, int] = Field(
        description="Of these, before the time of day that it is now: to hold a part of today against"
    )


class MessageDays(Output):
    """Messages by day, the oldest first; today is not over."""

    zone: str
    days: list[MessageDay]


class Parcel(Output):
    """What would have been sent, had there been a provider. `key` is the same at every attempt of one message."""

    id: int
    key: str
    channel: Channel
    campaign: str | None
    profile_id: int | None
    address: str = Field(description="Masked")
    subject: str | None
    body: str
    html: str | None
    link: str | None
    at: datetime


class InboxMessage(Output):
    """An in-app message. Its reading is told by the event `Inbox Message Read` with the property `message_id`."""

    message_id: int
    campaign: str
    subject: str
    body: str
    link: str | None = Field(description="Counts the click and leads on")
    at: datetime
    read_at: datetime | None


class Receipt(Input):
    """What a provider said later about one message."""

    message_id: int = Field(ge=1)
    bounced: bool = Field(description="True: it did not arrive after all; false: it did")
    gone: bool | None = Field(
        None,
        description="Of a bounce: the address will never work, and nothing is sent to it any more. Left out, the "
        "provider's words in `detail` decide",
    )
    at: Instant | None = None
    detail: str | None = Field(None, max_length=500, description="The provider's words; addresses in it are masked")


class Receipts(Input):
    """Receipts of a provider."""

    receipts: list[Receipt] = Field(min_length=1, max_length=1000)


class Noted(Output):
    """How many were new."""

    noted: int


class PastMessage(Input):
    """One message of a campaign that another system sent, or held back from the hold-out."""

    ref: str = Field(min_length=1, max_length=500, description="A profile id or namespace:value")
    state: Literal["accepted", "failed", "held"] = "accepted"
    at: Instant = Field(description="When it was sent, or would have been")
    opened_at: Instant | None = None
    clicked_at: Instant | None = None


class PastMessages(Input):
    """Messages of the past. Their conversions are counted from the events that come after them."""

    messages: list[PastMessage] = Field(min_length=1, max_length=1000)


class PastNoted(Output):
    """What became of them."""

    added: int
    unknown: list[str] = Field(description="Refs that no profile answered to")
