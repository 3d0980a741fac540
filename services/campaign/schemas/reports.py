"""Shapes of what is asked before and after sending: preview, test, estimate, progress, report."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from services.campaign.schemas.words import CampaignState, Channel, MessageState, Ref
from shared.schemas import Input, Output


class PreviewInput(Input):
    """As whom."""

    ref: Ref = Field(description="A profile id or namespace:value", examples=["user_id:u1"])


class Preview(Output):
    """The message as this viewer would get it now, or why he would get none."""

    profile_id: int
    reachable: bool
    reason: str | None = Field(description="Why he would get none: no_address, no_consent, missing_value, …")
    variant: str | None = Field(description="`default`, or the name of the variant that is his")
    subject: str | None = None
    body: str | None = None
    html: str | None = None
    link: str | None = None


class TestInput(Input):
    """Where to, and as whom it is rendered."""

    __test__ = False

    address: str = Field(min_length=1, max_length=320, description="An e-mail address, number or device token")
    ref: Ref | None = Field(None, description="Rendered for this viewer; without one every value is missing")


class TestSent(Output):
    """What became of the test; it is in no report."""

    __test__ = False

    accepted: bool
    detail: str
    variant: str


class Reach(Output):
    """How many of an audience have an address on a channel and did not refuse it."""

    reachable: int
    unreachable: dict[str, int] = Field(description="By reason: no_address, no_consent, unknown_profile")
    exact: bool = Field(description="False above 1,000 viewers (5,000 on the campaign's own channel): a sample, scaled")


class Estimate(Output):
    """What starting now would do.

    audience = the sums of `unreachable` and `unwritable` + suppressed + capped + held_out + planned. Above 5,000
    viewers the numbers are worked out for an even sample of 5,000 and scaled: then `exact` is false.
    """

    audience: int
    complete: bool = Field(description="False while the segment is being filled: there will be others")
    as_of: datetime | None = Field(description="Of which moment the segment's members are true; null for a list")
    reachable: int = Field(description="With an address on the channel and without a refusal")
    unreachable: dict[str, int] = Field(description="By reason: no_address, no_consent, unknown_profile")
    suppressed: int = Field(description="Their address was refused for good before")
    unwritable: dict[str, int] = Field(description="By reason: bad_address, missing_value, template_error")
    capped: int = Field(description="Had their number of marketing messages this week")
    held_out: int
    planned: int = Field(description="Would be sent")
    waiting: dict[str, int] = Field(
        description="Of those planned, who would wait when it goes out (`time.at`, else now): quiet_hours, local_time"
    )
    channels: dict[Channel, Reach] = Field(description="The same audience on every channel")
    unknown_refs: int = Field(description="Refs of the list that no profile answers to; not in the audience")
    exact: bool
    asked: int = Field(description="Viewers the numbers rest on")
    seconds: float | None = Field(description="How long it takes at the campaign's rate; null without a rate")


class Progress(Output):
    """How far a campaign is, at this moment."""

    state: CampaignState
    planning_done: bool
    planning_begins_at: datetime | None = Field(None, description="While it waits for its time: when it begins")
    planning_waits_for: str | None = Field(None, description="Why the planning cannot go on, as in `planning`")
    total: int = Field(description="Messages there are so far")
    done: int = Field(description="Messages that came to an end, and those held out")
    states: dict[MessageState, int]
    waiting: dict[str, int] = Field(description="Planned messages that wait for something, by what: quiet_hours, …")
    reasons: dict[str, int] = Field(description="Why messages were not sent, by reason")
    rate: float = Field(description="Messages that came to an end per second, over the last half minute")
    eta: datetime | None = Field(
        description="When the last one will have ended at this rate, with those that wait for their viewers' clocks; "
        "null when nothing moves, or while planning goes on"
    )
    delivery_ready: bool
    delivery_reason: str | None


class Funnel(Output):
    """Viewers at each step. Delivered: accepted and not bounced since. Each step counts each message once."""

    planned: int
    sent: int
    delivered: int
    opened: int
    clicked: int
    converted: int
    machine_opened: int = Field(description="Opened by a program only: prefetch, scanner; not in `opened`")
    machine_clicked: int = Field(description="Links followed by a program only: a scanner; not in `clicked`")
    unsubscribed: int


class Interval(Output):
    """A value with its 95 % interval; the bounds are null where there is too little to say."""

    value: float
    low: float | None
    high: float | None


class TrendDay(Output):
    """Conversions up to the end of the n-th day after the message, of those sent to and of the hold-out.

    `complete` says that this day is over for everybody.
    """

    day: int
    complete: bool
    sent_converted: int
    sent_rate: Interval
    held_converted: int
    held_rate: Interval | None
    difference: Interval | None = Field(description="Rate of those sent to minus that of the hold-out")


class Groups(Output):
    """Those who were sent to (whatever the provider said), and those held out; both passed every check before."""

    sent: int
    held: int


class Revenue(Output):
    """Value of conversions. `difference` is what one message brought: mean per viewer minus that of the hold-out."""

    sent_total: float
    sent_mean: float
    held_total: float
    held_mean: float | None
    difference: Interval | None
    incremental: Interval | None = Field(description="The difference times the number of viewers sent to")


class VariantRow(Output):
    """One variant's figures."""

    variant: str
    sent: int
    opened: int
    clicked: int
    converted: int


class LinkRow(Output):
    """Clicks of one link: messages in which it was clicked, and clicks."""

    url: str
    messages: int
    clicks: int


class Report(Output):
    """What a campaign brought. Rates: Wilson intervals; differences: Newcombe's method 10; means: Welch."""

    key: str
    name: str
    state: CampaignState
    channel: str
    started_at: datetime | None
    finished_at: datetime | None
    funnel: Funnel
    states: dict[MessageState, int]
    reasons: dict[str, int]
    groups: Groups
    conversion_event: str | None
    trend: list[TrendDay] = Field(description="Days 1 to 7; empty without a conversion event")
    conversion: TrendDay | None = Field(description="Over the whole window `within`")
    revenue: Revenue | None = Field(description="Null unless the conversion has a value")
    variants: list[VariantRow]
    links: list[LinkRow]
