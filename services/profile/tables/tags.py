"""Tags: what they mean, who has them by hand or import, and who by rule."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from services.profile.tables.base import metadata
from shared.tables import TIME

tags = Table(
    "tags",
    metadata,
    Column("key", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("segment", Text, comment="whose members have it, for tags of kind rule"),
    Column("interest", JSONB, comment="tags, share and weight that give it, for tags of kind interest"),
    Column("weight", Double, nullable=False, comment="default"),
    Column("lifetime", BigInteger, comment="default, in seconds; null: for good"),
    Column("filling", Text, comment="how far the members of its segment are taken over: the last profile id"),
    Column("problem", Text, comment="why a rule is not followed any more"),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    comment="What tags mean",
)

tagged = Table(
    "tagged",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("key", Text, primary_key=True, index=True),
    Column("weight", Double, nullable=False),
    Column("source", Text, nullable=False),
    Column("since", TIME, nullable=False),
    Column("expires_at", TIME),
    Index(None, "expires_at", postgresql_where="expires_at IS NOT NULL"),
    comment="Who has which tag, by the identity it was given to",
)

leaning = Table(
    "leaning",
    metadata,
    Column("profile_id", BigInteger, nullable=False),
    comment="Viewers whose tags by interests are to be worked out again; appended to, emptied by a step",
)

followers = Table(
    "followers",
    metadata,
    Column("key", Text, primary_key=True),
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("since", TIME, nullable=False),
    Column("gone", Boolean, nullable=False, server_default=text("false")),
    Column("told", Boolean, nullable=False, server_default=text("false"), comment="by the stream, since filling began"),
    comment="Who has a tag by rule: the members of its segment; who left stays as gone while it is filled",
)

heard_segments = Table(
    "heard_segments",
    metadata,
    Column("key", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("tags", JSONB, nullable=False, comment="tags its rule asks about"),
    comment="Segments as they were last told: which exist, and which tags each depends on",
)
