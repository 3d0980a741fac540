"""What a viewer's events add up to, by origin and month, and the items they were about."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from services.profile.tables.base import metadata
from shared.tables import TIME

aggregates = Table(
    "aggregates",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("month", SmallInteger, primary_key=True, autoincrement=False, comment="months since January 1970, UTC"),
    Column("data", LargeBinary, nullable=False, comment="MessagePack of rules.aggregates.Month"),
    comment="Sums of what came with one identity in one month; a viewer is the sum of his identities and months",
)

items = Table(
    "items",
    metadata,
    Column("item_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("tags", ARRAY(Text), nullable=False, comment="the category among them"),
    Column("heard_at", TIME, nullable=False),
    comment="What recommend tells of the catalogue: kinds and tags, for interests",
)
