"""Tables of profile."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, MetaData, Sequence, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from shared.tables import NAMING, TIME

metadata = MetaData(naming_convention=NAMING)

profiles = Table(
    "profiles",
    metadata,
    Column("profile_id", BigInteger, Identity(always=True, minvalue=1, maxvalue=2**32 - 1), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("created_at", TIME, nullable=False),
    comment="Viewers; what is known of them stands with their identities",
)

identities = Table(
    "identities",
    metadata,
    Column("origin", Text, primary_key=True, comment="namespace:value"),
    Column("profile_id", BigInteger, nullable=False, index=True),
    Column("traits", JSONB, nullable=False, server_default=text("'{}'"), comment="name: [value, at, since]"),
    Column("events", BigInteger, nullable=False, server_default=text("0")),
    Column("first_seen", TIME, nullable=False),
    Column("last_seen", TIME, nullable=False),
    comment="What one identity said; profile_id may be rewritten, the origin never",
)

event_ids = Sequence("event_ids", metadata=metadata, data_type=BigInteger)

events = Table(
    "events",
    metadata,
    Column("time", TIME, nullable=False),
    Column("id", BigInteger, nullable=False, server_default=event_ids.next_value()),
    Column("profile_id", BigInteger, nullable=False),
    Column("message_id", Text, nullable=False, comment="unique within each month, by an index of the partition"),
    Column("origin", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("event", Text, comment="null for calls that are no events: identify, group, alias"),
    Column("received_at", TIME, nullable=False),
    Column("source", Text, nullable=False),
    Column("properties", JSONB, nullable=False),
    Column("context", JSONB, nullable=False),
    Index(None, "profile_id", "time", "id"),
    postgresql_partition_by="RANGE (time)",
    comment="Every tracking call, partitioned by month of its own time",
)
