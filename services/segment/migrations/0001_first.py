"""Definitions, the copy of viewers and events, members with their deadlines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "segment_0001"
down_revision = None
branch_labels = ("segment",)
depends_on = None

TIME = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "segments",
        sa.Column("id", sa.Integer, sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("rule", JSONB, nullable=False),
        sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("filling", sa.Text),
        sa.Column("true_as_of", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="segments_pkey"),
        sa.UniqueConstraint("key", name="segments_key_key"),
        comment="Definitions; `filling` is the cause of transitions (fill, definition) until every viewer is judged",
    )
    op.create_table(
        "segment_versions",
        sa.Column("segment_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("rule", JSONB, nullable=False),
        sa.Column("archived", sa.Boolean, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("segment_id", "version", name="segment_versions_pkey"),
        comment="What each definition was, and since when",
    )
    op.create_table(
        "viewers",
        sa.Column("profile_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("traits", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("since", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column("tags", sa.ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'::text[]")),
        sa.PrimaryKeyConstraint("profile_id", name="viewers_pkey"),
        comment="Everyone who can be a member; version 0 until profile has told his traits",
    )
    op.create_table(
        "events",
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("profile_id", sa.BigInteger, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("history", sa.Boolean, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("properties", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="events_pkey"),
        comment="What viewers did: the copy that rules are judged by",
    )
    op.create_index("events_profile_id_event_time", "events", ["profile_id", "event", "time"])
    op.create_table(
        "members",
        sa.Column("segment_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("profile_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("segment_id", "profile_id", name="members_pkey"),
        comment="Who is in, since when and why",
    )
    op.create_table(
        "deadlines",
        sa.Column("segment_id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("profile_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("segment_id", "profile_id", name="deadlines_pkey"),
        comment="The earliest instant at which time alone can change an answer",
    )
    op.create_index("deadlines_at", "deadlines", ["at"])
    op.create_table(
        "tallies",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("segment_id", sa.Integer, nullable=False),
        sa.Column("delta", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="tallies_pkey"),
        comment="Size of a segment as a sum: only inserted, so ticks never wait for each other; folded by the clock",
    )
    op.create_index("tallies_segment_id", "tallies", ["segment_id"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("tallies", "deadlines", "members", "events", "viewers", "segment_versions", "segments"):
        op.drop_table(table)
