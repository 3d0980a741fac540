"""Segment's tables: definitions, its own copy of viewers and events to judge by, and who is a member until when.

Membership tables carry no foreign keys: segments and viewers are never deleted while they have members, and a check per
row would cost the ticks a lock on the definitions.

`stamp` is the transaction that wrote a row last (`pg_current_xact_id()` as a number; updates set it again), so that
whatever is derived from these tables can ask for what is new: rows below `pg_snapshot_xmin(pg_current_snapshot())` are
final, those above are the tail.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.tables import NAMING, TIME

metadata = MetaData(naming_convention=NAMING)

STAMPED = "(pg_current_xact_id()::text)::bigint"
"""The number of the present transaction, in SQL."""
STAMP = text(STAMPED)

segments = Table(
    "segments",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False, server_default=text("'rule'")),
    Column("rule", JSONB),
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    Column("filling", Text),
    Column("true_as_of", TIME),
    Column("log_from", TIME, nullable=False, server_default=text("now()")),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    UniqueConstraint("key"),
    comment="Definitions; `filling` is the cause of transitions (fill, definition) until every viewer is judged;"
    " `log_from` is since when every transition is in the log; a static list has no rule",
)

segment_versions = Table(
    "segment_versions",
    metadata,
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("rule", JSONB),
    Column("archived", Boolean, nullable=False),
    Column("at", TIME, nullable=False),
    Column("by", Text),
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
    Column("weights", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("tag_since", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("scores", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("consent", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("consent_since", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("has", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("stamp", BigInteger, nullable=False, server_default=STAMP),
    Index(None, "stamp"),
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
    Index(None, "event", "time"),
    Column("stamp", BigInteger, nullable=False, server_default=STAMP),
    Index(None, "stamp"),
    comment="What viewers did: the copy that rules are judged by",
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("what", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("stamp", BigInteger, nullable=False, server_default=STAMP),
    Column("at", TIME, nullable=False, server_default=text("now()")),
    Column("was", BigInteger),
    Index(None, "stamp"),
    Index(None, "at"),
    comment="Rows of `viewers` and `events` (what) that are gone or, of events, were changed, by key and the viewer"
    " they were of: written by triggers on both tables",
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

deadlines = Table(
    "deadlines",
    metadata,
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", TIME, nullable=False),
    Index(None, "at"),
    comment="The earliest instant at which time alone can change an answer",
)

blocks = Table(
    "blocks",
    metadata,
    Column("block", Integer, primary_key=True, autoincrement=False),
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("bitmap", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Index(None, "segment_id", "block"),
    comment="Who is in: of each 1,024 neighbouring profile ids (block = profile_id >> 10) a Roaring bitmap of ids",
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("segment_id", Integer, nullable=False),
    Column("block", Integer, nullable=False),
    Column("at", TIME, nullable=False),
    Column("cause", Text, nullable=False),
    Column("entered", LargeBinary),
    Column("left", LargeBinary),
    Index(None, "block", "segment_id", "id"),
    Index(None, "segment_id", "at"),
    comment="Who came and went, when and why: Roaring bitmaps of ids, a row per segment, block and cause of a tick",
)

latest_moves = Table(
    "latest_moves",
    metadata,
    Column("block", Integer, primary_key=True, autoincrement=False),
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("upto", BigInteger, nullable=False),
    Column("wanted", Boolean, nullable=False),
    Column("moves", LargeBinary),
    Index("latest_moves_wanted", "block", postgresql_where=text("wanted")),
    comment="Of busy blocks, the last entry or exit of each place up to this row of the log: who asks since when"
    " somebody is in reads on from there; wanted: many rows came since",
)

places = Table(
    "places",
    metadata,
    Column("segment_id", Integer, primary_key=True, autoincrement=False),
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("lent", Boolean, nullable=False),
    Index(None, "profile_id"),
    comment="Places on lists that merges moved: lent, of who is on a list only because a part of him stood there;"
    " else of who stood there and is part of another one since",
)

list_rows = Table(
    "list_rows",
    metadata,
    Column("job_id", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("unmatched", Boolean, nullable=False, server_default=text("false")),
    Index(None, "origin"),
    comment="Rows of uploaded lists that wait to be resolved; those that nobody is found for stay as the report",
)

tallies = Table(
    "tallies",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("segment_id", Integer, nullable=False),
    Column("day", Date, nullable=False),
    Column("entered", BigInteger, nullable=False),
    Column("left", BigInteger, nullable=False),
    Index(None, "segment_id", "day"),
    comment="How many came and went, by segment and day; sizes are their sums. Only inserted, so ticks never wait"
    " for each other; folded by the clock",
)

retentions = Table(
    "retentions",
    metadata,
    Column("event", Text, primary_key=True, comment="event name, * for all that have no line of their own"),
    Column("days", Integer, nullable=False),
    comment="How long the copy of events is kept, as profile tells; without a line, for good",
)
