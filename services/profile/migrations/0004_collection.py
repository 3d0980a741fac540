"""Event types, refused events, first and last touch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "profile_0004"
down_revision = "profile_0003"
branch_labels = None
depends_on = None

TIME = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "event_types",
        sa.Column("name", sa.Text, nullable=False, comment="* stands for every name without a type of its own"),
        sa.Column("mode", sa.Text, nullable=False, comment="observe, refuse or strip"),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("schema", JSONB, nullable=False, comment="JSON Schema 2020-12 of the properties"),
        sa.Column("changed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="event_types_pkey"),
        comment="Event types that operators added or changed; the others are the catalogue's",
    )
    op.create_table(
        "event_plan",
        sa.Column("id", sa.SmallInteger, autoincrement=False, nullable=False, comment="always 1"),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="event_plan_pkey"),
        comment="Rises with every change of an event type, so that processes know when to read them anew",
    )
    op.create_table(
        "event_violations",
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False, comment="of arrival, UTC"),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False, comment="place in the schema"),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("path", sa.Text, nullable=False, comment="of the last one"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("excerpt", sa.Text, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("event", "day", "source", "rule", name="event_violations_pkey"),
        comment="Events that were kept although they differ from their type",
    )
    op.create_table(
        "refused_events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("refused_at", TIME, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("excerpt", sa.Text, nullable=False, comment="the value at the path, contact data masked"),
        sa.Column("call", JSONB, nullable=False, comment="EventReceived as it came, sealed"),
        sa.PrimaryKeyConstraint("id", name="refused_events_pkey"),
        sa.UniqueConstraint("message_id", name="refused_events_message_id_key"),
        comment="Events that were not recorded, kept for seven days",
    )
    op.create_index("refused_events_refused_at", "refused_events", ["refused_at"])
    op.create_index("refused_events_origin", "refused_events", ["origin"])
    op.create_index("refused_events_event_id", "refused_events", ["event", "id"])
    op.create_table(
        "touches",
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("first_at", TIME, nullable=False),
        sa.Column("first", JSONB, nullable=False, comment="rules.touches.Touch of the earliest event that had one"),
        sa.Column("last_at", TIME, nullable=False),
        sa.Column("last", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("origin", name="touches_pkey"),
        comment="The campaign or share link an identity first and last came by, by event time",
    )


def downgrade() -> None:
    """Drop the tables with everything in them."""
    for table in ("touches", "refused_events", "event_violations", "event_plan", "event_types"):
        op.drop_table(table)
