"""Recommend's tables: placements and creatives, items, who the viewers are, popularity, feedback, the decision log."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Sequence,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.tables import NAMING, TIME

metadata = MetaData(naming_convention=NAMING)

revisions = Sequence("placement_revisions", metadata=metadata)
"""Rises with every change of any placement, also over deletion, so that memory never goes back."""

placements = Table(
    "placements",
    metadata,
    Column("key", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    comment="Places on the platform's pages that show creatives",
)

creatives = Table(
    "creatives",
    metadata,
    Column("placement", Text, ForeignKey("placements.key", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("audience", Text),
    Column("priority", Integer, nullable=False),
    Column("content", JSONB, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    comment="What a placement may show, to the members of a segment or to everyone",
)

items = Table(
    "items",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    Column("creator_id", Text),
    Column("url", Text),
    Column("active", Boolean, nullable=False),
    Column("properties", JSONB, nullable=False),
    Column("updated_at", TIME, nullable=False),
    comment="The catalogue",
)

identities = Table(
    "identities",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("profile_id", BigInteger, nullable=False),
    Column("move", BigInteger, nullable=False, server_default=text("0")),
    Index(None, "profile_id"),
    comment="Whose id is it, as profile tells; of two facts the one with the later move counts",
)

memberships = Table(
    "memberships",
    metadata,
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("segment", Text, primary_key=True),
    comment="Who is in which segment, as segment tells",
)

item_days = Table(
    "item_days",
    metadata,
    Column("item_id", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("weight", Double, nullable=False),
    Index(None, "day"),
    comment="What was done with an item on a UTC day; also for items the catalogue does not have yet",
)

creative_days = Table(
    "creative_days",
    metadata,
    Column("placement", Text, primary_key=True),
    Column("creative", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("shown", BigInteger, nullable=False),
    Column("clicked", BigInteger, nullable=False),
    comment="Feedback on creatives by UTC day; outlives the creative",
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", TIME, nullable=False),
    Column("profile_id", BigInteger),
    Column("user_id", Text),
    Column("anonymous_id", Text),
    Column("shown", JSONB, nullable=False),
    Index("decisions_at", "at", postgresql_using="brin"),
    Index("decisions_by_viewer", "profile_id", "at", postgresql_where="profile_id IS NOT NULL"),
    comment="One row per request: what was shown, why, and how probable it was",
)

choices = Table(
    "choices",
    metadata,
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("personal", Boolean, nullable=False),
    comment="Who has ever switched personalisation off, and what holds now",
)
