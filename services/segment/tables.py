"""Segment's tables: definitions, its own copy of viewers and events to judge by, and who is a member until when.

Membership tables carry no foreign keys: segments and viewers are never deleted while they have members, and a check per
row would cost the ticks a lock on the definitions.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.tables import NAMING, TIME

metadata = MetaData(naming_convention=NAMING)

segments = Table(
    "segments",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("rule", JSONB, nullable=False),
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    Column("filling", Text),
    Column("true_as_of", TIME),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    UniqueConstraint("key"),
    comment="Definitions; `filling` is the cause of transitions (fill, definition) until every viewer is judged",
)

segment_versions = Table(
    "segment_versions",
    metadata,
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("rule", JSONB, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("at", TIME, nullable=False),
    comment="What each definition was, and since when",
)

viewers = Table(
    "viewers",
    metadata,
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("traits", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("since", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    comment="Everyone who can be a member; version 0 until profile has told his traits",
)

events = Table(
    "events",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("profile_id", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("time", TIME, nullable=False),
    Column("history", Boolean, nullable=False),
    Column("origin", Text, nullable=False),
    Column("properties", JSONB, nullable=False),
    Index(None, "profile_id", "event", "time"),
    comment="What viewers did: the copy that rules are judged by",
)

homes = Table(
    "homes",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("profile_id", BigInteger, nullable=False),
    Column("move", BigInteger, nullable=False),
    comment="Where each origin is since its last merge or split; origins that never moved are not here",
)

redirects = Table(
    "redirects",
    metadata,
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("into_id", BigInteger, nullable=False),
    Column("move", BigInteger, nullable=False),
    comment="Viewers that became part of another one and were not told since",
)

members = Table(
    "members",
    metadata,
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("since", TIME, nullable=False),
    Column("cause", Text, nullable=False),
    comment="Who is in, since when and why",
)

deadlines = Table(
    "deadlines",
    metadata,
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", TIME, nullable=False),
    Index(None, "at"),
    comment="The earliest instant at which time alone can change an answer",
)

tallies = Table(
    "tallies",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("segment_id", Integer, nullable=False),
    Column("delta", BigInteger, nullable=False),
    Index(None, "segment_id"),
    comment="Size of a segment as a sum: only inserted, so ticks never wait for each other; folded by the clock",
)
