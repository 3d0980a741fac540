"""Shapes of event types, refused events and touches."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from shared.schemas import Input, Output

Mode = Literal["observe", "refuse", "strip"]

_MODE = Field(
    description="observe: events are kept and violations counted. refuse: violating events go to the refused events. "
    "strip: properties the schema does not name are removed, then as observe. On `*`, which stands for every other "
    "name, only observe (accept them) and refuse"
)
_SCHEMA = Field(
    alias="schema",
    description="JSON Schema (2020-12) of the event's properties: at most 32 KB, references only to its own #/$defs/…, "
    "patterns without look-around and back-references",
)


class EventTypeChange(Input):
    """What an event is to be like. What is left out stays, or is as in the catalogue."""

    mode: Mode | None = Field(default=None, description=_MODE.description)
    description: str | None = Field(default=None, max_length=2000)
    schema_: dict[str, Any] | None = Field(default=None, alias="schema", description=_SCHEMA.description)


class EventType(Output):
    """What an event is like."""

    # A type's schema is named `schema` on the wire.
    model_config = ConfigDict(from_attributes=True, populate_by_name=True)

    name: str
    description: str
    mode: Mode = _MODE
    built_in: bool = Field(description="It is in the catalogue: deleting it brings back the catalogue's words")
    changed: bool = Field(description="Operators added or changed it")
    schema_: dict[str, Any] = _SCHEMA


class Violation(Output):
    """What was found wrong with events that were kept, for one day, source and place in the schema."""

    day: date
    source: str
    rule: str = Field(description="Place in the schema")
    number: int = Field(description="How many")
    path: str = Field(description="Where in the event, for the last one")
    reason: str
    excerpt: str = Field(description="The last one's value, contact data masked")
    last_at: datetime


class EventTypeInFull(EventType):
    """An event type with the violations of the last seven days, the most frequent first."""

    violations: list[Violation]


class RefusedEvent(Output):
    """An event that was not recorded, and why. It is kept for seven days."""

    id: int
    refused_at: datetime
    event: str
    source: str = Field(description="Id of the write key it came with")
    origin: str
    message_id: str
    time: datetime
    reason: str
    path: str
    excerpt: str = Field(description="The value at the path, contact data masked")
    properties: dict[str, Any]


class TurnedAway(Output):
    """Calls of one kind that the gateway did not take in. They are counted and not kept: nothing can be replayed."""

    source: str = Field(description="Id of the write key they came with")
    event: str = Field(
        description="The event; the call in parentheses, as (identify); (unread) for what is no call; * for the rest, "
        "where there are too many to be told apart"
    )
    code: str = Field(description="Stable, as missing_id, invalid_time, event_too_large, contact_as_id")
    field: str = Field(description="Part of the call that is to blame; empty where it is the whole")
    number: int = Field(description="How many within seven days")
    reason: str = Field(description="Of the last one")
    message_id: str | None = Field(description="Of the last one")
    since: date
    last_at: datetime


class Replay(Input):
    """Which refused events to take in again."""

    event: str = Field(max_length=512, description="Name of the event")
    source: str | None = Field(default=None, max_length=200, description="Only of this write key")


class ReplayBegun(Output):
    """The job that takes them in; its progress is at `GET /v1/services/profile/jobs/{job_id}`."""

    job_id: int
    total: int


class Touch(Output):
    """One arrival of a viewer by a campaign or a shared link."""

    at: datetime
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None
    share_from: str | None = Field(default=None, description="Where the shared link was shared to")
    sharer_id: str | None = Field(default=None, description="Who shared it")
    page: str | None = None
    event: str | None = None


class Touches(Output):
    """First and last touch by event time, over all identities of the viewer; absent when he came by neither."""

    first: Touch | None
    last: Touch | None
