"""The timeline."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Sequence, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from services.profile.tables.base import metadata
from shared.tables import TIME

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
    Index(None, "event", "time"),
    postgresql_partition_by="RANGE (time)",
    comment="Every tracking call, partitioned by month of its own time",
)
