"""How good the data is that comes in: counters by day, and snapshots of the scores."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Double, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from services.profile.tables.base import metadata
from shared.tables import TIME


def _counters() -> list[Column[int]]:
    return [
        Column(name, BigInteger, nullable=False)
        for name in ("received", "refused", "recorded", "late", "bots", "expected", "filled", "valid")
    ]


quality_notes = Table(
    "quality_notes",
    metadata,
    Column("day", Date, nullable=False),
    Column("source", Text, nullable=False),
    Column("event", Text, nullable=False),
    *_counters(),
    Column("last", TIME, nullable=False),
    comment="What each batch adds to the counters; appended to, so that batches do not wait for each other",
)

quality_counts = Table(
    "quality_counts",
    metadata,
    Column("day", Date, primary_key=True, comment="of arrival, UTC"),
    Column("source", Text, primary_key=True),
    Column("event", Text, primary_key=True, comment="the event, or the call in parentheses: (identify)"),
    *_counters(),
    Column("last", TIME, nullable=False, comment="latest arrival"),
    comment="Calls received and recorded, late ones, and their properties: expected, filled, of the right type",
)

quality_snapshots = Table(
    "quality_snapshots",
    metadata,
    Column("at", TIME, primary_key=True),
    Column("source", Text, primary_key=True, comment="empty: all together"),
    Column("event", Text, primary_key=True, comment="empty: all together"),
    Column("score", Double, nullable=False),
    Column("shares", JSONB, nullable=False),
    comment="Scores as they were, hour by hour",
)
