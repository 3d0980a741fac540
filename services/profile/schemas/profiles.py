"""Shapes at profile's HTTP door."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import Field

from shared.schemas import Output


class Identity(Output):
    """One id of a viewer, and what came with it."""

    namespace: str
    value: str
    events: int
    first_seen: datetime
    last_seen: datetime


class Profile(Output):
    """A viewer. Contact data is masked unless the caller is an admin."""

    profile_id: int
    version: int
    identities: list[Identity]
    traits: dict[str, Any]
    since: dict[str, datetime] = Field(description="Since when each trait has its value")
    has: list[str] = Field(description="Channels there is an address for")
    consent: dict[str, bool] = Field(description="What he said about channels and purposes; * is everything")
    first_seen: datetime
    last_seen: datetime
    events: int
    bot: bool = Field(description="Nothing but a program: every event he has was one, and those count nowhere")


class TimelineAsked(NamedTuple):
    """Calls of any of these names, types and sources, of programs or of people, at `after` ≤ time < `before`."""

    events: Collection[str] = ()
    types: Collection[str] = ()
    sources: Collection[str] = ()
    bot: bool | None = None
    after: datetime | None = None
    before: datetime | None = None


class TimelineEvent(Output):
    """One tracking call of a viewer; `event` is absent for identify, group and alias."""

    event_id: str
    type: str
    event: str | None
    time: datetime
    received_at: datetime
    history: bool = Field(description="Older than 24 hours on arrival: it counted by its time and triggered nothing")
    origin: str = Field(description="The identity it came with")
    source: str
    properties: dict[str, Any]
    context: dict[str, Any]
    bot: str | None = Field(description="It was a program: by its `agent`, or by its `pace`. It counts nowhere")
