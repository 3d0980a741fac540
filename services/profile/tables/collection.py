"""The tracking plan, what it refused or found wanting, and where viewers came from."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Identity, Index, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from services.profile.tables.base import metadata
from shared.tables import TIME

event_types = Table(
    "event_types",
    metadata,
    Column("name", Text, primary_key=True, comment="* stands for every name without a type of its own"),
    Column("mode", Text, nullable=False, comment="observe, refuse or strip"),
    Column("description", Text, nullable=False),
    Column("schema", JSONB, nullable=False, comment="JSON Schema 2020-12 of the properties"),
    Column("changed_at", TIME, nullable=False),
    comment="Event types that operators added or changed; the others are the catalogue's",
)

event_plan = Table(
    "event_plan",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False, comment="always 1"),
    Column("version", BigInteger, nullable=False),
    comment="Rises with every change of an event type, so that processes know when to read them anew",
)

event_violations = Table(
    "event_violations",
    metadata,
    Column("event", Text, primary_key=True),
    Column("day", Date, primary_key=True, comment="of arrival, UTC"),
    Column("source", Text, primary_key=True),
    Column("rule", Text, primary_key=True, comment="place in the schema"),
    Column("number", BigInteger, nullable=False),
    Column("path", Text, nullable=False, comment="of the last one"),
    Column("reason", Text, nullable=False),
    Column("excerpt", Text, nullable=False),
    Column("last_at", TIME, nullable=False),
    comment="Events that were kept although they differ from their type",
)

refused_events = Table(
    "refused_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("message_id", Text, nullable=False, unique=True),
    Column("refused_at", TIME, nullable=False, index=True),
    Column("event", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("origin", Text, nullable=False, index=True),
    Column("time", TIME, nullable=False),
    Column("reason", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("excerpt", Text, nullable=False, comment="the value at the path, contact data masked"),
    Column("call", JSONB, nullable=False, comment="EventReceived as it came, sealed"),
    Index(None, "event", "id"),
    comment="Events that were not recorded, kept for seven days",
)

turned_away = Table(
    "turned_away",
    metadata,
    Column("day", Date, primary_key=True, comment="UTC"),
    Column("source", Text, primary_key=True, comment="write key"),
    Column("event", Text, primary_key=True, comment="the event, the call in parentheses, (unread), or * for the rest"),
    Column("code", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("reason", Text, nullable=False, comment="of the last one, as all below"),
    Column("message_id", Text),
    Column("last_at", TIME, nullable=False),
    comment="Calls that the gateway did not take in, counted; seven days",
)

touches = Table(
    "touches",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("first_at", TIME, nullable=False),
    Column("first", JSONB, nullable=False, comment="rules.touches.Touch of the earliest event that had one"),
    Column("last_at", TIME, nullable=False),
    Column("last", JSONB, nullable=False),
    comment="The campaign or share link an identity first and last came by, by event time",
)
