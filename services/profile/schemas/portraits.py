"""The shape of a portrait at profile's HTTP door."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from services.profile.schemas.collection import Touch
from services.profile.schemas.tags import HeldTag
from shared.schemas import Output


class Interest(Output):
    """A tag with its part of all interest, as it is today."""

    tag: str
    weight: float
    share: float = Field(description="Part of the sum of all interests, 0 to 1")


class Share(Output):
    """How many of the events, and what part of those where it is known."""

    name: str
    events: int
    share: float


class Sessions(Output):
    """Sessions end after half an hour without an event; lengths are from first to last event, in seconds."""

    count: int
    total_seconds: int
    mean_seconds: float | None
    longest_seconds: int


class Watching(Output):
    """Videos watched; `completion_rate` is the mean share seen, over those where it is known."""

    videos: int
    watch_seconds: float
    duration_seconds: float
    completion_rate: float | None


class Habits(Output):
    """When, how long, on what, and what kind."""

    hours: list[list[int]] = Field(
        description="Events by weekday (Monday first) and hour of the viewer's own zone, 7 × 24; his zone is"
        " context.timezone of the event, else the installation's"
    )
    active_days: int = Field(description="Days with an event, in the installation's zone")
    sessions: Sessions
    devices: list[Share]
    watching: Watching
    favourite_kinds: list[Share]


class Spending(Output):
    """Orders in one currency; `average` is of an order, before refunds."""

    currency: str
    orders: int
    amount: float
    average: float | None
    last_order_at: datetime | None
    refunds: int
    refunded: float


class Portrait(Output):
    """One viewer on one page. Contact data is masked unless the caller is an admin."""

    profile_id: int
    traits: dict[str, Any]
    since: dict[str, datetime]
    has: list[str]
    consent: dict[str, bool]
    first_seen: datetime
    last_seen: datetime
    first_touch: Touch | None = Field(description="The campaign or shared link by which he first came")
    last_touch: Touch | None
    profiled: bool = Field(
        description="False where the viewer's consent forbids profiling: no interests are shown then"
    )
    interests: list[Interest] = Field(description="The 50 strongest, strongest first; they fade with time")
    other_interests: float = Field(description="Part of all interest that is in no tag listed, 0 to 1")
    habits: Habits
    tags: list[HeldTag] = Field(description="On trial or in use, by key; once per identity they were given to")
    interactions: dict[str, int] = Field(description="Events by name, most frequent first")
    bots: int = Field(description="Events of programs in his name, which nothing here counts")
    spending: list[Spending]
    sources: list[Share] = Field(description="Write keys his events came with")
